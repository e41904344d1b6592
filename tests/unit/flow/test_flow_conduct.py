"""What an agent does apart from its money, what guards decided, and the words that may become labels."""

from itertools import pairwise

import pytest

from fleawatch.catalog.labels import ENDPOINT, OTHER, STRATEGY
from fleawatch.events import (
    AgentError,
    ApiCall,
    BetSettled,
    Check,
    ClockRead,
    DecisionCycle,
    GateChanged,
    HaltAcknowledged,
    HaltConfirmed,
    HaltDelivered,
    HaltOrdered,
    HealthRead,
    Heartbeat,
    LeaseGranted,
    LimitsInForce,
    MarketTick,
    OrderPlaced,
    Resumed,
    SignalComputed,
    SlowSpan,
    SpanErrors,
)
from fleawatch.flow.fold import RECENT
from fleawatch.flow.history import FIRST_STEP, FULL, History
from fleawatch.flow.state import AgentState
from fleawatch.flow.words import word
from fleawatch.testing.belt import Belt


@pytest.fixture
def belt():
    """Two declared agents of different strategies."""
    belt = Belt()
    belt.declare("a-1", strategy="calm")
    belt.declare("b-1", strategy="wild")
    return belt


def halt(belt, scope, target, agent_id=""):
    belt.say(HaltOrdered, agent_id, halt_id="h1", mode="halt", scope=scope, target=target, reason="manual", actor="me")
    return [name for name, agent in belt.fleet.agents.items() if agent.control.halt is not None]


@pytest.mark.parametrize(
    ("scope", "target", "held"),
    [("agent", "a-1", ["a-1"]), ("strategy", "wild", ["b-1"]), ("fleet", "", ["a-1", "b-1"]), ("agent", "nobody", [])],
)
def test_a_halt_holds_whom_it_is_ordered_for(belt, scope, target, held):
    """An agent, all of a strategy, or the whole fleet; a resume of that halt frees them again."""
    assert halt(belt, scope, target) == held
    belt.say(Resumed, "", halt_id="another", actor="me", reason="r")
    assert halt(belt, scope, target) == held
    belt.say(Resumed, "", halt_id="h1", actor="me", reason="r")
    assert all(agent.control.halt is None for agent in belt.fleet.agents.values())


def test_a_resume_for_one_agent_leaves_the_others_halted(belt):
    """It names whom it frees."""
    halt(belt, "fleet", "")
    belt.say(Resumed, "a-1", halt_id="h1", actor="me", reason="r")
    assert belt["a-1"].control.halt is None
    assert belt["b-1"].control.halt is not None


def test_each_step_of_a_halt_is_timed_once_from_its_order(belt):
    """Steps of another halt, and steps told again, change nothing."""
    halt(belt, "agent", "a-1", "a-1")
    belt.now += 2
    belt.say(HaltDelivered, "a-1", halt_id="h1", path="gate")
    belt.say(HaltDelivered, "a-1", halt_id="other", path="gate")
    belt.now += 3
    belt.say(HaltDelivered, "a-1", halt_id="h1", path="process")
    belt.say(HaltAcknowledged, "a-1", halt_id="h1")
    belt.say(HaltConfirmed, "a-1", halt_id="h1", last_order_at=belt.now - 4)
    steps = belt["a-1"].tallies.distributions["pf_halt_step_duration_seconds"]
    assert {labels: (sum(one.counts), one.total) for labels, one in steps.items()} == {
        ("delivered",): (1, 2),
        ("acknowledged",): (1, 5),
        ("confirmed",): (1, 5),
        ("last_order",): (1, 1),
    }


def test_what_a_guard_says_stands_until_it_says_otherwise(belt):
    """Gate, lease and limits are the newest word."""
    belt.say(GateChanged, "a-1", before="active", after="reducing", reason="drawdown")
    belt.say(LeaseGranted, "a-1", epoch=3, expires_at=belt.now + 60, state="active")
    belt.say(LimitsInForce, "a-1", limits={"drawdown": 0.2}, epoch=2)
    control = belt["a-1"].control
    assert (control.gate, control.gate_reason, control.epoch, control.limits) == (
        "reducing",
        "drawdown",
        3,
        {"drawdown": 0.2},
    )
    assert control.lease_until == belt.now + 60


def test_a_health_page_is_the_agents_word_and_no_money(belt):
    """Checks and activity are taken as told; figures are kept beside, never among the parts."""
    belt.say(
        HealthRead, "a-1", up=True, checks=(Check(name="wallet", ok=False), Check(name="??", ok=True)),
        last_action_at=belt.now - 5, balance_usd=77, pnl_24h_usd=1.5, open_positions=2, memory_ratio=0.5,
    )  # fmt: skip
    health = belt["a-1"].health
    assert (health.up, health.checks) == (True, {"wallet": False, OTHER: True})
    assert (health.last_action_at, health.balance_usd) == (belt.now - 5, 77)
    assert belt["a-1"].parts == {}
    belt.say(HealthRead, "a-1", up=False)
    assert (health.up, health.checks, health.last_action_at) == (False, {}, belt.now - 5)


def test_the_last_action_is_never_in_the_future_and_never_goes_back(belt):
    """A wrong clock makes no silent agent look alive for ever."""
    belt.say(Heartbeat, "a-1", last_action_at=belt.now + 86_400)
    assert belt["a-1"].health.last_action_at == belt.now
    belt.say(Heartbeat, "a-1", last_action_at=belt.now - 50)
    belt.say(DecisionCycle, "a-1", at=belt.now + 9, cycle_id="c", result="acted", duration_s=1)
    belt.say(MarketTick, "a-1", at=belt.now + 9, market="BTC-USD", price=1)
    assert (belt["a-1"].health.last_action_at, belt["a-1"].health.market_at) == (belt.now, belt.now)


def test_calls_are_counted_with_bounded_words(belt):
    """Route, method and status are words of the catalog or `other`; no answer and refusals are errors."""
    for method, code in (("GET", "200"), ("GET", "404"), ("GET", "timeout"), ("BREW", "200"), ("GET", "999")):
        belt.say(ApiCall, "a-1", endpoint="stats/me", method=method, status_code=code, duration_s=0.1)
    belt.say(ApiCall, "a-1", endpoint="/users/42", method="GET", status_code="200", duration_s=0.1)
    assert belt["a-1"].tallies.counters["pf_api_requests_total"] == {
        ("stats/me", "GET", "200", "ok"): 1,
        ("stats/me", "GET", "404", "error"): 1,
        ("stats/me", "GET", "timeout", "error"): 1,
        ("stats/me", OTHER, "200", "ok"): 1,
        ("stats/me", "GET", OTHER, "error"): 1,
        (OTHER, "GET", "200", "ok"): 1,
    }
    assert belt["a-1"].tallies.total("pf_api_errors_total") == 3


def test_every_other_report_is_counted(belt):
    """Signals, orders, cycles, errors, spans and clocks leave their tallies."""
    belt.say(SignalComputed, "a-1", strategy="calm", action="buy", result="acted", duration_s=0.01)
    belt.say(
        OrderPlaced, "a-1", order_id="o", market="btc-usd", side="buy", order_type="market", status="rejected",
        endpoint="trade/open", notional_usd=10, latency_s=0.2, fill_ratio=0.5, reason="position_too_large",
    )  # fmt: skip
    belt.say(AgentError, "a-1", component="strategy")
    belt.say(SlowSpan, "a-1", span_name="agent.order", duration_s=2, threshold_s=1)
    belt.say(SpanErrors, "a-1", span_name="agent.order", errors=1, samples=4)
    belt.say(SpanErrors, "a-1", span_name="agent.order", errors=0, samples=0)
    belt.say(ClockRead, "a-1", offset_s=-3)
    tallies = belt["a-1"].tallies
    assert tallies.counters["pf_orders_total"] == {("BTC-USD", "market", "rejected"): 1}
    assert tallies.counters["pf_order_rejections_total"] == {("position_too_large",): 1}
    assert tallies.counters["pf_signals_total"] == {("calm", "buy", "acted"): 1}
    assert tallies.total("pf_agent_errors_total") == tallies.total("pf_slow_spans_total") == 1
    assert (belt["a-1"].span_errors, belt["a-1"].health.clock_offset_s) == ({"agent.order": 0.25}, -3)


def test_nonsense_takes_no_place_from_a_real_value(belt):
    """A thousand texts that are no labels leave room for every allowed one, and are counted."""
    agent = belt["a-1"]
    for number in range(1000):
        assert word(agent, STRATEGY, f"NOT A NAME {number}") == OTHER
    assert word(agent, STRATEGY, "calm") == "calm"
    assert agent.tallies.get("pf_label_overflow_total", ("strategy",)) == 1000


def test_a_label_has_no_more_values_than_its_bound(belt):
    """Values after the bound become `other` for ever; those before it stay, and memory is bounded."""
    agent = belt["a-1"]
    values = [word(agent, STRATEGY, f"s{number}") for number in range(500)]
    assert set(values) == {f"s{number}" for number in range(STRATEGY.limit)} | {OTHER}
    assert [word(agent, STRATEGY, f"s{number}") for number in range(500)] == values
    assert len(agent.words["strategy"]) == STRATEGY.limit


def test_spellings_of_one_value_are_one_value(belt):
    """Upper and lower case of a market are one label and one place."""
    agent = belt["a-1"]
    for name in ("btc-usd", "BTC-USD", "Btc-Usd"):
        belt.say(MarketTick, "a-1", market=name, price=1)
        belt.say(
            OrderPlaced, "a-1", order_id="o", market=name, side="buy", order_type="market", status="success",
            endpoint="trade/open", notional_usd=1, latency_s=0,
        )  # fmt: skip
    assert agent.tallies.counters["pf_orders_total"] == {("BTC-USD", "market", "success"): 3}


def test_a_fixed_label_takes_its_own_values_and_no_key(belt):
    """A platform key is never a label, not even of an open one."""
    agent = belt["a-1"]
    assert word(agent, ENDPOINT, "stats/me") == "stats/me"
    assert word(agent, STRATEGY, "sk_live_0123") == OTHER
    assert agent.words.get("strategy") is None


def test_a_fact_told_again_counts_once(belt):
    """The newest facts of an agent are remembered by id, in bounded memory."""
    for number in range(RECENT * 2):
        fact = belt.make(Heartbeat, "a-1", fact_id=f"h{number}")
        belt.fold(fact)
    bet = belt.make(BetSettled, "a-1", bet_id="b", game="dice", stake=1, payout=0)
    belt.fold(bet, bet)
    assert belt["a-1"].casino.seen_rounds == 1
    assert belt.fleet.ignored == {"repeated": 1}
    assert len(belt["a-1"].recent) == RECENT


def test_ids_of_one_second_are_bounded(belt):
    """Bets with one and the same time do not fill the memory."""
    for number in range(2000):
        belt.say(BetSettled, "a-1", fact_id=f"b{number}", bet_id=f"b{number}", game="dice", stake=1, payout=0)
    agent = belt["a-1"]
    assert isinstance(agent, AgentState)
    assert len(agent.casino.last_bet_ids) <= 256
    assert len(agent.casino.outcomes["dice"]) == 100


def test_a_history_stays_a_chart_of_bounded_size():
    """Points are evenly spaced, in order of time, and never more than fit."""
    history = History()
    for number in range(10_000):
        history.record(number * 7.0, float(number), 1.0, 0.0)
    times = [point[0] for point in history.points]
    assert len(times) <= FULL
    assert times == sorted(times)
    assert history.points[-1][1] == 9999.0
    assert history.step > FIRST_STEP
    assert all(later - earlier >= history.step / 2 for earlier, later in pairwise(times[:-1]))


def test_a_late_point_of_a_history_counts_as_of_the_newest():
    """Time does not go back on a chart."""
    history = History()
    for at in (0.0, 100.0, 50.0, 120.0):
        history.record(at, at, 1.0, 0.0)
    times = [point[0] for point in history.points]
    assert times == sorted(times)
