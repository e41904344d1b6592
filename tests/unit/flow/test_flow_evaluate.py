"""Alerts judged fact by fact: when they fire, when they stay, when they end, and what unknown does."""

from __future__ import annotations

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import (
    AgentDeclared,
    AgentRetired,
    AlertCleared,
    ApiCall,
    Delivered,
    HaltOrdered,
    HealthRead,
    OrderPlaced,
    Resumed,
)
from fleawatch.flow.evaluate import explain
from fleawatch.flow.evaluate.program import compiled
from fleawatch.flow.evaluate.values import histogram_quantile
from fleawatch.flow.lifecycle import firing
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.testing.belt import MIDNIGHT, Belt

EVERY = tuple(CATALOG.alerts.values())
AGENT = "a-1"


def belt_with(*names, **limits):
    """A belt that judges the named alerts, with an agent that holds 1,000 USD."""
    belt = Belt(policy=Policy(alerts=tuple(CATALOG.alerts[name] for name in names), limits=limits))
    belt.watch(AGENT)
    belt.row(AGENT, "deposit", 1_000)
    belt.read(AGENT)
    return belt


def changes(belt, alert=None):
    """What alerts did, as (name, change)."""
    found = [one for one in belt.outputs if isinstance(one, AlertChange)]
    return [(one.alert, one.change) for one in found if alert in (None, one.alert)]


def last_change(belt):
    """What an alert did last."""
    return [one for one in belt.outputs if isinstance(one, AlertChange)][-1]


def lose(belt, amount):
    """The agent loses a bet, and its reading ends."""
    belt.bet(AGENT, amount, 0)
    belt.read(AGENT)


def pass_time(belt, seconds, *, step=15.0):
    """Time passes with readings and Ticks as a service has them."""
    for _ in range(int(seconds / step)):
        belt.wait(step, tick=False)
        belt.read(AGENT)
        belt.wait(0.0)


def test_every_alert_of_the_catalog_can_be_judged():
    """No alert asks what the process cannot answer."""
    program = compiled(Policy(alerts=EVERY))
    judged = {rule.alert.name for rule in (*program.agent_rules, *program.fleet_rules)}
    assert judged == {alert.name for alert in EVERY if alert.kind == "alert"}


def test_without_alerts_nothing_is_remembered():
    """A policy without alerts only watches."""
    belt = Belt()
    belt.watch(AGENT)
    belt.row(AGENT, "deposit", 1_000)
    lose(belt, 900)
    pass_time(belt, 60)
    assert changes(belt) == []
    assert belt[AGENT].tracks.growth == {}


class TestHold:
    def test_a_halt_fires_with_the_fact_that_breaches(self):
        """The drawdown halt has no hold: the row that takes the fifth of the money fires it, before any Tick."""
        belt = belt_with("PFDrawdownHalt")
        belt.bet(AGENT, 201, 0)
        assert changes(belt) == [("PFDrawdownHalt", "fired")]
        change = next(one for one in belt.outputs if isinstance(one, AlertChange))
        assert change.value == pytest.approx(0.201)
        assert change.labels["agent_id"] == AGENT
        assert change.labels["strategy"] == "steady"
        assert change.action == "halt"
        assert change.summary == "a-1 is to be halted: its drawdown is 20.1 %"
        assert "passed 20.0 %" in change.description

    def test_an_agent_that_tells_only_its_balance_is_judged_by_that_fact(self):
        """Nobody reads it, so no reading ends: its own balance values it, and a breach does not wait for a Tick."""
        belt = Belt(policy=Policy(alerts=(CATALOG.alerts["PFDrawdownHalt"],)))
        belt.say(AgentDeclared, AGENT, strategy="steady", collectors=("probe",))
        belt.balance(AGENT, 1_000)
        belt.balance(AGENT, 790)
        assert changes(belt) == [("PFDrawdownHalt", "fired")]

    def test_an_alert_that_must_hold_waits(self):
        """The warning fires when the drawdown has lasted a minute."""
        belt = belt_with("PFDrawdownWarning")
        lose(belt, 110)
        pass_time(belt, 60)
        assert changes(belt) == []
        pass_time(belt, 15)
        assert changes(belt) == [("PFDrawdownWarning", "fired")]

    def test_a_breach_that_ends_before_the_hold_never_fires(self):
        """A pending alert is forgotten when its condition ends."""
        belt = belt_with("PFDrawdownWarning")
        lose(belt, 110)
        pass_time(belt, 30)
        belt.bet(AGENT, 10, 60)
        belt.read(AGENT)
        pass_time(belt, 15)
        assert belt.fleet.alerts == {}
        lose(belt, 60)
        pass_time(belt, 45)
        assert changes(belt) == []

    def test_exactly_at_the_limit_is_no_breach(self):
        """Above means above."""
        belt = belt_with("PFDrawdownHalt")
        belt.bet(AGENT, 200, 0)
        assert changes(belt) == []


class TestEnd:
    def test_recovery_needs_a_margin(self):
        """An alert that fires at 10 % stays at 9 % and resolves below 8 %."""
        belt = belt_with("PFDrawdownWarning")
        lose(belt, 110)
        pass_time(belt, 90)
        belt.bet(AGENT, 10, 30)
        belt.read(AGENT)
        pass_time(belt, 60)
        assert changes(belt) == [("PFDrawdownWarning", "fired")]
        belt.bet(AGENT, 10, 30)
        belt.read(AGENT)
        pass_time(belt, 15)
        assert changes(belt)[1:] == [("PFDrawdownWarning", "resolved")]

    def test_an_alert_ended_by_hand_outlives_its_condition(self):
        """A halt's alert stays after the money is back, until a person clears it."""
        belt = belt_with("PFDrawdownHalt")
        belt.bet(AGENT, 300, 0)
        belt.bet(AGENT, 10, 500)
        belt.read(AGENT)
        pass_time(belt, 120)
        assert changes(belt) == [("PFDrawdownHalt", "fired")]
        fingerprint = next(iter(firing(belt.fleet)))[1].fingerprint
        belt.say(AlertCleared, fingerprint=fingerprint, actor="ada", reason="reviewed")
        assert changes(belt)[1:] == [("PFDrawdownHalt", "resolved")]
        assert last_change(belt).reason == "manual"

    def test_a_resume_ends_the_alerts_of_its_halt(self):
        """The resume names the agent; what a person had to end is ended."""
        belt = belt_with("PFDrawdownHalt")
        belt.bet(AGENT, 300, 0)
        belt.bet(AGENT, 10, 500)
        order = {"halt_id": "h", "mode": "halt", "scope": "agent", "target": AGENT, "reason": "manual", "actor": "ada"}
        belt.say(HaltOrdered, AGENT, **order)
        belt.say(Resumed, AGENT, halt_id="older", actor="ada", reason="reviewed")
        assert changes(belt)[-1] == ("PFDrawdownHalt", "fired")
        belt.say(Resumed, AGENT, halt_id="h", actor="ada", reason="reviewed")
        assert changes(belt)[-1] == ("PFDrawdownHalt", "resolved")

    def test_a_fast_fall_keeps_firing_for_half_an_hour(self):
        """The fall is over after ten minutes; the alert resolves when half an hour was quiet."""
        belt = belt_with("PFDrawdownFast")
        pass_time(belt, 60)
        lose(belt, 60)
        assert changes(belt) == [("PFDrawdownFast", "fired")]
        pass_time(belt, 35 * 60)
        assert changes(belt) == [("PFDrawdownFast", "fired")]
        pass_time(belt, 10 * 60)
        assert changes(belt)[1:] == [("PFDrawdownFast", "resolved")]

    def test_an_agent_that_is_watched_no_more_takes_its_alerts_along(self):
        """Its alerts resolve with a reason, and nothing of them is left."""
        belt = belt_with("PFDrawdownHalt")
        belt.bet(AGENT, 300, 0)
        belt.say(AgentRetired, AGENT)
        assert changes(belt)[-1] == ("PFDrawdownHalt", "resolved")
        assert last_change(belt).reason == "agent_retired"
        assert belt.fleet.alerts == {}


class TestUnknown:
    def test_unknown_neither_fires_nor_clears(self):
        """While the casino cannot be read a firing alert stays, whatever time passes."""
        belt = belt_with("PFDrawdownWarning")
        lose(belt, 110)
        pass_time(belt, 90)
        for _ in range(40):
            belt.wait(15, tick=False)
            belt.fail(AGENT)
            belt.wait(0)
        assert changes(belt) == [("PFDrawdownWarning", "fired")]

    def test_equity_that_is_not_known_is_an_alert_of_its_own(self):
        """After five minutes without a reading somebody hears of it, and the gate is to reduce."""
        belt = belt_with("PFRiskUnknown")
        pass_time(belt, 30)
        for _ in range(24):
            belt.wait(15, tick=False)
            belt.fail(AGENT)
            belt.wait(0)
        assert changes(belt) == [("PFRiskUnknown", "fired")]
        pass_time(belt, 30)
        assert changes(belt)[1:] == [("PFRiskUnknown", "resolved")]

    def test_known_losses_breach_while_a_part_is_unknown_and_cannot_clear(self):
        """Half of the money is at a service that does not answer: a loss at the other half still halts."""
        belt = Belt(policy=Policy(alerts=(CATALOG.alerts["PFDrawdownWarning"], CATALOG.alerts["PFDrawdownHalt"])))
        belt.watch(AGENT, ("casino", "wallet"))
        belt.row(AGENT, "deposit", 1_000)
        belt.balance(AGENT, 1_000, "wallet", wallet_type="hot")
        belt.read(AGENT, "wallet")
        belt.read(AGENT)
        belt.fail(AGENT, "wallet")
        belt.bet(AGENT, 500, 0)
        belt.read(AGENT)
        assert ("PFDrawdownHalt", "fired") in changes(belt)
        belt.bet(AGENT, 10, 600)
        belt.read(AGENT)
        belt.wait(60)
        told = {one.alert: one for one in explain(belt.fleet, AGENT, belt.now, belt.policy)}
        assert told["PFDrawdownWarning"].answer == "unknown"
        assert told["PFDrawdownWarning"].reason == "partial"

    def test_too_few_calls_give_no_verdict(self):
        """Ten failures of ten calls are no error rate yet."""
        belt = belt_with("PFApiErrorRateCritical")
        for _ in range(10):
            belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="500", duration_s=0.1)
        pass_time(belt, 180)
        assert changes(belt) == []
        told = explain(belt.fleet, AGENT, belt.now, belt.policy)[0]
        assert (told.answer, told.reason) == ("unknown", "no_data")

    def test_a_limit_that_is_off_never_breaches(self):
        """None switches a limit off."""
        belt = belt_with("PFDrawdownHalt", drawdown_halt=None)
        belt.bet(AGENT, 900, 0)
        assert changes(belt) == []


class TestLimits:
    def test_an_agents_own_limit_comes_first(self):
        """Agent before strategy before fleet before catalog."""
        policy = Policy(
            limits={"drawdown_halt": 0.3},
            strategy_limits={"steady": {"drawdown_halt": 0.4}},
            agent_limits={"b": {"drawdown_halt": 0.5}},
        )
        assert policy.limit("drawdown_halt", "b", "steady") == 0.5
        assert policy.limit("drawdown_halt", "a", "steady") == 0.4
        assert policy.limit("drawdown_halt", "a", "other") == 0.3
        assert Policy().limit("drawdown_halt") == 0.2

    def test_an_unknown_limit_is_refused(self):
        """A limit that is misspelled protects nobody."""
        with pytest.raises(ValueError, match="drawdwn"):
            Policy(limits={"drawdwn": 1.0})


class TestWindows:
    def test_a_burst_of_orders_is_a_loop_and_old_orders_are_not(self):
        """Forty orders within a minute breach; forty orders of last week that arrive now do not."""
        belt = belt_with("PFOrderLoop")
        for number in range(40):
            belt.say(OrderPlaced, AGENT, at=belt.now - 7 * 86_400, seen_at=belt.now, **order(number))
        pass_time(belt, 15)
        assert changes(belt) == []
        for number in range(40):
            belt.say(OrderPlaced, AGENT, **order(100 + number))
        assert changes(belt) == [("PFOrderLoop", "fired")]

    def test_what_a_counter_showed_at_first_is_no_growth(self):
        """An agent that is judged from now on is not judged by its past."""
        belt = Belt()
        belt.watch(AGENT)
        for _ in range(50):
            belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="500", duration_s=0.1)
        belt.policy = Policy(alerts=(CATALOG.alerts["PFApiErrorRateCritical"],))
        pass_time(belt, 240)
        assert changes(belt) == []

    def test_errors_leave_the_window(self):
        """The alert resolves when five minutes without failures have passed."""
        belt = belt_with("PFApiErrorRateCritical")
        for _ in range(30):
            belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="500", duration_s=0.1)
        pass_time(belt, 150)
        assert changes(belt) == [("PFApiErrorRateCritical", "fired")]
        for _ in range(25):
            pass_time(belt, 15)
            for _ in range(4):
                belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="200", duration_s=0.1)
        assert changes(belt)[1:] == [("PFApiErrorRateCritical", "resolved")]

    def test_slow_orders_are_seen_by_their_slowest_hundredth(self):
        """Thirty orders of two seconds make the agent's alert and, in a fleet of one, the fleet's."""
        belt = belt_with("PFOrderLatencyCritical", "PFFleetOrderLatencyCritical")
        for number in range(40):
            belt.say(OrderPlaced, AGENT, **order(number, latency_s=2.0))
            belt.say(OrderPlaced, AGENT, **order(1_000 + number, latency_s=2.0))
            pass_time(belt, 15)
        assert {name for name, change in changes(belt) if change == "fired"} == {
            "PFOrderLatencyCritical",
            "PFFleetOrderLatencyCritical",
        }

    def test_a_burning_budget_needs_both_windows(self):
        """Half of the calls fail: the fast burn fires; it ends when five minutes were good."""
        belt = belt_with("PFApiBudgetBurn1h")
        for _ in range(30):
            for code in ("200", "500"):
                belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code=code, duration_s=0.1)
        assert changes(belt) == [("PFApiBudgetBurn1h", "fired")]
        for _ in range(30):
            pass_time(belt, 15)
            belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="200", duration_s=0.1)
        assert changes(belt)[1:] == [("PFApiBudgetBurn1h", "resolved")]

    def test_own_faults_do_not_spend_the_budget(self):
        """Answers that say that the caller asked wrongly are left out."""
        belt = belt_with("PFApiBudgetBurn1h")
        for _ in range(60):
            belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="404", duration_s=0.1)
        assert changes(belt) == []


class TestKinds:
    def test_two_readings_must_agree(self):
        """One reading below the least amount is not enough; the same reading is not counted twice."""
        belt = belt_with("PFWalletBalanceExhausted")
        belt.row(AGENT, "withdrawal", -980)
        belt.wait(0)
        belt.wait(0)
        assert changes(belt) == []
        belt.wait(15, tick=False)
        belt.read(AGENT)
        belt.wait(0)
        assert changes(belt) == [("PFWalletBalanceExhausted", "fired")]

    def test_money_sent_away_is_seen_with_the_row(self):
        """Nine tenths of the money leave at once."""
        belt = belt_with("PFOutflowHigh")
        belt.row(AGENT, "payment_sent", -900)
        assert ("PFOutflowHigh", "fired") in changes(belt)

    def test_a_channel_that_fails_is_named(self):
        """The fleet's alert carries the channel, so that it can go another way."""
        belt = belt_with("PFNotificationFailing")
        belt.say(Delivered, delivery_id="d1", channel="slack", status="ok")
        belt.wait(15)
        belt.say(Delivered, delivery_id="d2", channel="telegram", status="failed", reason="http_5xx")
        fired = [one for one in belt.outputs if isinstance(one, AlertChange)]
        assert [(one.alert, one.labels["channel"]) for one in fired] == [("PFNotificationFailing", "telegram")]

    def test_alerts_build_on_alerts(self):
        """Errors and latency together are a degraded agent."""
        belt = belt_with("PFApiErrorRateHigh", "PFOrderLatencyHigh", "PFAgentDegraded")
        for number in range(40):
            belt.say(OrderPlaced, AGENT, **order(number, latency_s=2.0))
            for _ in range(2):
                belt.say(OrderPlaced, AGENT, **order(1_000 + number, latency_s=2.0))
                belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="500", duration_s=0.1)
            pass_time(belt, 15)
        assert ("PFAgentDegraded", "fired") in changes(belt)

    def test_an_agent_that_does_not_answer_is_down_after_two_minutes(self):
        """Its probe says so; it is up again when it was good for two minutes."""
        belt = Belt(policy=Policy(alerts=(CATALOG.alerts["PFAgentDown"],)))
        belt.watch(AGENT, ("casino", "probe"))
        probe(belt, up=True, seconds=60)
        probe(belt, up=False, seconds=150)
        assert changes(belt) == [("PFAgentDown", "fired")]
        probe(belt, up=True, seconds=105)
        assert changes(belt) == [("PFAgentDown", "fired")]
        probe(belt, up=True, seconds=45)
        assert changes(belt)[1:] == [("PFAgentDown", "resolved")]

    def test_the_watchdog_always_fires(self):
        """It proves that evaluation works."""
        belt = belt_with("PFWatchdog")
        belt.wait(1)
        belt.wait(86_400)
        assert changes(belt) == [("PFWatchdog", "fired")]


def test_money_of_one_agent_says_nothing_of_another():
    """An alert is about its agent."""
    belt = belt_with("PFDrawdownHalt")
    belt.watch("b-2")
    belt.row("b-2", "deposit", 1_000)
    belt.bet("b-2", 500, 0)
    found = [one for one in belt.outputs if isinstance(one, AlertChange)]
    assert [one.agent_id for one in found] == ["b-2"]


def test_a_flow_alone_fires_no_alert_on_drawdown():
    """Money that is sent away is no loss."""
    belt = belt_with("PFDrawdownHalt", "PFDrawdownWarning", "PFDrawdownFast", "PFDailyLossLimit")
    belt.row(AGENT, "withdrawal", -900)
    belt.read(AGENT)
    pass_time(belt, 180)
    assert changes(belt) == []


def test_a_quantile_is_estimated_as_prometheus_does():
    """Linear within the bucket; the last bound when it lies beyond; None without an observation."""
    assert histogram_quantile(0.5, (1.0, 2.0), [0, 10, 0]) == pytest.approx(1.5)
    assert histogram_quantile(0.99, (1.0, 2.0), [0, 0, 3]) == 2.0
    assert histogram_quantile(0.5, (1.0, 2.0), [0, 0, 0]) is None


def order(number, **fields):
    """An order that was accepted."""
    return {
        "order_id": f"o-{number}", "market": "BTC-USD", "side": "buy", "order_type": "market", "status": "success",
        "endpoint": "trade/open", "notional_usd": 10 + number, "latency_s": 0.05, **fields,
    }  # fmt: skip


def probe(belt, *, up, seconds):
    """The agent's page is read for a while."""
    for _ in range(int(seconds / 15)):
        belt.wait(15, tick=False)
        belt.read(AGENT)
        belt.say(HealthRead, AGENT, up=up)
        belt.read(AGENT, "probe")
        belt.wait(0)


def test_midnight_is_where_days_begin():
    """The daily loss alert ends with the day, and counts the next day anew."""
    belt = belt_with("PFDailyLossLimit")
    belt.bet(AGENT, 110, 0)
    belt.read(AGENT)
    assert changes(belt) == [("PFDailyLossLimit", "fired")]
    belt.now = MIDNIGHT + 86_400
    pass_time(belt, 30)
    assert changes(belt)[1:] == [("PFDailyLossLimit", "resolved")]


def test_a_declared_agent_is_followed_from_its_first_fact():
    """Growth counts from the declaration on: the first failure is seen."""
    belt = belt_with("PFEscrowDisputed")
    assert isinstance(belt.facts[0], AgentDeclared)
    assert all(track.last == 0.0 for track in belt[AGENT].tracks.growth.values())
