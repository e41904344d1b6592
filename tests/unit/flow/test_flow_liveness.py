"""Whether an agent lives and works: signs of life that run out, useful work that does not come, gates nobody heard of."""

from __future__ import annotations

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import (
    DecisionCycle,
    GateChanged,
    HaltOrdered,
    HealthRead,
    Heartbeat,
    MarketTick,
    OrderPlaced,
    RulesDeclared,
    SignalComputed,
    SlowSpan,
)
from fleawatch.events.control import LimitsOf
from fleawatch.flow.lifecycle import firing
from fleawatch.flow.liveness import alive, useful_at
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.testing.belt import MIDNIGHT, Belt

AGENT = "a-1"
SILENCE = CATALOG.limits["silence"].default
IDLE = CATALOG.limits["heartbeat_age"].default


def belt_with(*names, **limits):
    """A belt that judges the named alerts."""
    return Belt(policy=Policy(alerts=tuple(CATALOG.alerts[name] for name in names), limits=limits))


def beating(belt, seconds, *, step=15.0, **fields):
    """The agent sends heartbeats, and time passes."""
    for _ in range(int(seconds / step)):
        belt.say(Heartbeat, AGENT, **fields)
        belt.wait(step)


def fires(belt):
    return [one.alert for _, one in firing(belt.fleet)]


def times(belt, alert):
    """When an alert began and ended to fire, in seconds since the belt began."""
    return [
        (one.change, one.at - MIDNIGHT) for one in belt.outputs if isinstance(one, AlertChange) and one.alert == alert
    ]


class TestAlive:
    def test_a_heartbeat_holds_for_a_while_and_no_longer(self):
        """Silence turns the last good news into bad news."""
        belt = Belt()
        belt.say(Heartbeat, AGENT)
        assert alive(belt[AGENT], belt.now + SILENCE) is True
        assert alive(belt[AGENT], belt.now + SILENCE + 1) is False

    def test_an_agent_that_never_promised_heartbeats_is_not_down_for_want_of_them(self):
        """Nothing tells of its process, and that is what is said."""
        belt = Belt()
        belt.say(DecisionCycle, AGENT, cycle_id="c", result="acted", duration_s=0.1)
        belt.wait(10 * SILENCE)
        assert alive(belt[AGENT], belt.now) is None

    def test_any_report_is_a_sign_of_life_of_an_agent_that_has_promised_some(self):
        """A decision cycle comes from a living process as much as a heartbeat does."""
        belt = Belt()
        belt.say(Heartbeat, AGENT)
        belt.wait(SILENCE - 1)
        belt.say(SignalComputed, AGENT, strategy="kelly", action="buy", result="acted", duration_s=0.0)
        assert alive(belt[AGENT], belt.now + SILENCE) is True

    def test_a_page_that_is_asked_for_says_how_it_is_until_the_answer_is_old(self):
        """After that nobody knows, unless the agent speaks for itself."""
        belt = Belt()
        belt.watch(AGENT, ("probe",))
        belt.say(HealthRead, AGENT, source="probe", up=True)
        belt.read(AGENT, "probe", valid_s=60)
        assert alive(belt[AGENT], belt.now + 60) is True
        assert alive(belt[AGENT], belt.now + 61) is None
        belt.say(HealthRead, AGENT, source="probe", up=False)
        belt.read(AGENT, "probe", valid_s=60)
        assert alive(belt[AGENT], belt.now) is False
        belt.say(Heartbeat, AGENT)
        assert alive(belt[AGENT], belt.now) is True

    def test_a_page_that_is_silent_after_the_newest_sign_of_life_says_more_than_the_sign(self):
        """The agent may have died since; when it gives another sign, it is the page that is broken, and it stays so."""
        belt = Belt()
        belt.watch(AGENT, ("probe",))
        belt.say(Heartbeat, AGENT)
        belt.wait(10)
        for beats in (False, True, True):
            if beats:
                belt.say(Heartbeat, AGENT)
            belt.wait(5)
            belt.say(HealthRead, AGENT, source="probe", up=False)
            belt.read(AGENT, "probe", valid_s=60)
            assert alive(belt[AGENT], belt.now) is beats

    def test_a_page_that_the_agent_sends_by_itself_is_a_heartbeat(self):
        """Where nobody asks, its own word runs out as any other, and its word that it is down counts at once."""
        belt = Belt()
        belt.say(HealthRead, AGENT, up=True)
        assert alive(belt[AGENT], belt.now) is True
        assert alive(belt[AGENT], belt.now + SILENCE + 1) is False
        belt.say(HealthRead, AGENT, up=False)
        assert alive(belt[AGENT], belt.now) is False

    def test_a_wrong_clock_kills_nobody(self):
        """When a sign of life arrived is what counts, not when the agent thinks that it was sent."""
        belt = Belt()
        belt.say(Heartbeat, AGENT, at=belt.now - 3_600)
        assert alive(belt[AGENT], belt.now) is True

    @pytest.mark.parametrize("value", [None, 600.0])
    def test_the_silence_is_the_operators_to_set(self, value):
        """For one agent, and it can be switched off."""
        belt = Belt()
        own = LimitsOf(
            scope="agent", target=AGENT, limits={"silence": value} if value else {}, off=() if value else ("silence",)
        )
        belt.say(RulesDeclared, limits=(own,))
        belt.say(Heartbeat, AGENT)
        assert alive(belt[AGENT], belt.now + 600) is True
        assert alive(belt[AGENT], belt.now + 601) is (value is None)


class TestDown:
    def test_an_agent_that_only_sends_heartbeats_and_dies_is_down_within_its_bound(self):
        """Silence, then the hold, then the next Tick at the latest."""
        belt = belt_with("PFAgentDown")
        beating(belt, 600)
        assert fires(belt) == []
        died = belt.now - MIDNIGHT - 15
        for _ in range(30):
            belt.wait(15)
        bound = SILENCE + CATALOG.alerts["PFAgentDown"].hold_s + 15
        assert [(change, at - died <= bound) for change, at in times(belt, "PFAgentDown")] == [("fired", True)]

    def test_it_resolves_when_the_agent_has_been_back_for_a_while(self):
        """One heartbeat is no recovery."""
        belt = belt_with("PFAgentDown")
        belt.say(Heartbeat, AGENT)
        for _ in range(20):
            belt.wait(15)
        assert fires(belt) == ["PFAgentDown"]
        beating(belt, 60)
        assert fires(belt) == ["PFAgentDown"]
        beating(belt, 120)
        assert fires(belt) == []

    def test_a_restart_of_the_service_forgets_no_sign_of_life(self):
        """What was alive until then is alive until then."""
        belt = Belt()
        belt.say(Heartbeat, AGENT)
        again = thaw(freeze(belt.fleet)).agents[AGENT]
        assert alive(again, belt.now + SILENCE) is True
        assert alive(again, belt.now + SILENCE + 1) is False


class TestUsefulWork:
    def test_an_agent_that_only_says_that_it_lives_does_nothing_useful(self):
        """It never was down, and it is idle since it was first heard."""
        belt = belt_with("PFAgentDown", "PFAgentHeartbeatStale")
        beating(belt, IDLE + CATALOG.alerts["PFAgentHeartbeatStale"].hold_s + 30)
        assert fires(belt) == ["PFAgentHeartbeatStale"]
        assert times(belt, "PFAgentHeartbeatStale")[0][1] <= IDLE + CATALOG.alerts["PFAgentHeartbeatStale"].hold_s + 15

    @pytest.mark.parametrize(
        ("kind", "fields"),
        [
            (DecisionCycle, {"cycle_id": "c", "result": "no_action", "duration_s": 0.1}),
            (SignalComputed, {"strategy": "kelly", "action": "hold", "result": "low_confidence", "duration_s": 0.1}),
            (
                OrderPlaced,
                {
                    "order_id": "o", "market": "BTC-USD", "side": "buy", "order_type": "market", "status": "rejected",
                    "endpoint": "trade/open", "notional_usd": 1, "latency_s": 0.1,
                },
            ),
            (Heartbeat, {"last_action_at": MIDNIGHT + 1_000}),
        ],
    )  # fmt: skip
    def test_signals_decisions_and_orders_are_useful_work(self, kind, fields):
        """Each of them, and the agent's own word that it did something, is the newest useful thing."""
        belt = Belt()
        belt.say(Heartbeat, AGENT)
        belt.wait(1_000)
        belt.say(kind, AGENT, **fields)
        assert useful_at(belt[AGENT]) == MIDNIGHT + 1_000

    def test_bets_are_useful_work_and_money_that_others_send_is_not(self):
        """An agent that is paid does not act by it."""
        belt = Belt()
        belt.watch(AGENT)
        belt.row(AGENT, "deposit", 100)
        assert useful_at(belt[AGENT]) is None
        belt.wait(60)
        belt.bet(AGENT, 1, 0)
        belt.wait(60)
        belt.row(AGENT, "referral", 1)
        assert useful_at(belt[AGENT]) == MIDNIGHT + 60

    def test_nothing_is_known_of_an_agent_that_was_never_heard(self):
        """A declared agent is not idle before it did anything."""
        belt = belt_with("PFAgentHeartbeatStale", "PFAgentDown")
        belt.declare(AGENT)
        for _ in range(100):
            belt.wait(15)
        assert useful_at(belt[AGENT]) is None
        assert fires(belt) == []


def gate_says(belt, state):
    belt.say(GateChanged, AGENT, before="active", after=state, reason="limit")


class TestMayTrade:
    """An agent of whose gate nobody heard may trade: nothing stops it."""

    @pytest.mark.parametrize("state", ["", "active", "reducing"])
    def test_whoever_may_trade_must_act_and_have_prices(self, state):
        """Whether it has a gate or not."""
        belt = belt_with("PFAgentHeartbeatStale", "PFMarketDataStale")
        belt.say(MarketTick, AGENT, market="BTC-USD", price=1)
        belt.say(Heartbeat, AGENT)
        if state:
            gate_says(belt, state)
        beating(belt, 700)
        assert sorted(fires(belt)) == ["PFAgentHeartbeatStale", "PFMarketDataStale"]

    def test_whoever_may_not_trade_need_not(self):
        """A gate that is shut ends what fires, and keeps it from firing."""
        belt = belt_with("PFAgentHeartbeatStale", "PFMarketDataStale")
        belt.say(MarketTick, AGENT, market="BTC-USD", price=1)
        beating(belt, 700)
        gate_says(belt, "halted")
        beating(belt, 300)
        assert fires(belt) == []

    def test_a_halt_in_force_is_as_good_as_a_gate(self):
        """An agent without a gate that was ordered to stop is not asked why it does nothing."""
        belt = belt_with("PFAgentHeartbeatStale")
        belt.say(Heartbeat, AGENT)
        belt.say(
            HaltOrdered, AGENT, halt_id="h", mode="halt", scope="agent", target=AGENT, reason="manual", actor="ann"
        )
        beating(belt, 900)
        assert fires(belt) == []


def test_a_slow_operation_can_be_seen_by_a_person():
    """The alert of one slow span stays for ten minutes, and a second one prolongs it."""
    belt = belt_with("PFSlowSpan")
    belt.say(SlowSpan, AGENT, span_name="pf.trade.execute", duration_s=3.0, threshold_s=2.0)
    belt.wait(300)
    belt.say(SlowSpan, AGENT, span_name="pf.trade.execute", duration_s=4.0, threshold_s=2.0)
    belt.wait(599)
    assert fires(belt) == ["PFSlowSpan"]
    belt.wait(1)
    assert times(belt, "PFSlowSpan") == [("fired", 0.0), ("resolved", 900.0)]
