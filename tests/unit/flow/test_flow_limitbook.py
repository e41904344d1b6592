"""Limits by which the fold counts: from the rules in force, for the agent before its strategy before the fleet."""

from __future__ import annotations

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import BetSettled, LimitsDeclared, OrderPlaced, RulesDeclared, SignalComputed
from fleawatch.events.control import LimitsOf
from fleawatch.flow.fold.limits import COUNTED_BY, limit_of
from fleawatch.flow.limitbook import LimitBook, book_of
from fleawatch.flow.policy import Policy
from fleawatch.flow.rules import policy_of
from fleawatch.flow.samples import READERS, AgentView
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import run
from fleawatch.testing.belt import Belt

AGENT = "a-1"
LARGE = CATALOG.limits["large_result"]


def rules(belt, *limits):
    belt.say(RulesDeclared, limits=limits)


def of(scope, target="", off=(), **limits):
    return LimitsOf(scope=scope, target=target, limits=limits, off=tuple(off))


def watched(*limits):
    """A belt with rules, an agent of strategy `steady`, and 1,000 USD."""
    belt = Belt()
    rules(belt, *limits)
    belt.watch(AGENT)
    belt.row(AGENT, "deposit", 1_000)
    belt.read(AGENT)
    return belt


def events(belt):
    return [one.event for one in belt.outputs if one.event in {"large_loss", "anomaly_detected"}]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ((), LARGE.default),
        ((of("fleet", large_result=0.5),), 0.5),
        ((of("fleet", large_result=0.5), of("strategy", "steady", large_result=0.4)), 0.4),
        ((of("strategy", "other", large_result=0.4),), LARGE.default),
        ((of("strategy", "steady", large_result=0.4), of("agent", AGENT, large_result=0.3)), 0.3),
        ((of("agent", "somebody", large_result=0.3),), LARGE.default),
        ((of("fleet", large_result=0.5), of("agent", AGENT, off=("large_result",))), None),
        ((of("fleet", off=("large_result",)), of("strategy", "steady", large_result=0.4)), 0.4),
    ],
)
def test_the_fold_and_the_rules_look_a_limit_up_alike(limits, expected):
    """The same precedence, and switched off is switched off for both."""
    belt = watched(*limits)
    assert limit_of(belt.fleet, belt[AGENT], LARGE) == expected
    assert policy_of(belt.fleet.rules).limit("large_result", AGENT, "steady") == expected


def test_a_limit_declared_for_the_agent_alone_stands_between_its_rules_and_its_strategy():
    """What is said about one agent outranks what is said about many."""
    belt = watched(of("strategy", "steady", large_result=0.4))
    belt.say(LimitsDeclared, AGENT, limits={"large_result": 0.35})
    assert limit_of(belt.fleet, belt[AGENT], LARGE) == 0.35
    rules(belt, of("agent", AGENT, large_result=0.3))
    assert limit_of(belt.fleet, belt[AGENT], LARGE) == 0.3


def test_other_rules_count_from_their_declaration_on():
    """A loss is large by the limit that was in force when it happened."""
    belt = watched()
    belt.bet(AGENT, 100, 0)
    assert events(belt) == ["large_loss", "anomaly_detected"]
    rules(belt, of("fleet", large_result=0.2, anomaly_trade=0.2))
    belt.bet(AGENT, 100, 0)
    assert events(belt) == ["large_loss", "anomaly_detected"]
    rules(belt)
    belt.bet(AGENT, 100, 0)
    assert events(belt) == ["large_loss", "anomaly_detected"] * 2


def test_nothing_counts_by_a_limit_that_is_off():
    """No large result, no anomaly, no raised stake, whatever the numbers are."""
    belt = watched(of("fleet", off=COUNTED_BY))
    for stake in (50, 100, 200):
        belt.bet(AGENT, stake, 0)
    belt.wait(15)
    assert events(belt) == []
    assert belt[AGENT].stakes.most_escalations(belt.now) == 0.0
    assert belt[AGENT].tallies.counters.get("pf_anomalies_total", {}) == {}


def test_a_raised_stake_is_what_the_strategy_calls_one():
    """Doubling is a raise unless the strategy is declared to double."""
    for factor, raises in ((None, 2.0), (3.0, 0.0)):
        belt = watched(*([] if factor is None else [of("strategy", "steady", stake_factor=factor)]))
        for stake in (1, 2, 4):
            belt.bet(AGENT, stake, 0)
        assert belt[AGENT].stakes.most_escalations(belt.now) == raises


@pytest.mark.parametrize(("orders", "share"), [(2, 1.0), (4, None), (None, None)])
def test_how_many_orders_make_a_share_is_a_limit(orders, share):
    """Fewer say nothing, and switched off they never do."""
    given = (
        of("agent", AGENT, against_signal_orders=orders)
        if orders
        else of("agent", AGENT, off=("against_signal_orders",))
    )
    belt = watched(given)
    for number in range(3):
        belt.say(
            SignalComputed, AGENT, strategy="steady", action="buy", result="acted", duration_s=0.0, market="BTC-USD"
        )
        belt.say(
            OrderPlaced, AGENT, order_id=f"o{number}", market="BTC-USD", side="sell", order_type="market", status="success",
            endpoint="trade/open", notional_usd=1, latency_s=0.1, opens=True,
        )  # fmt: skip
    reader = READERS["pf_orders_against_signal_ratio"]
    place = [metric.name for metric, labels in reader.parts for _ in labels].index("pf_orders_against_signal_ratio")
    assert reader.read(AgentView(belt[AGENT], belt.now))[place] == share


def test_live_restart_and_replay_count_alike():
    """Rules are facts: folded again from the beginning, or from a snapshot in the middle, everything is as it was."""
    belt = watched(of("agent", AGENT, large_result=0.2, anomaly_trade=0.2))
    belt.bet(AGENT, 100, 0)
    body = freeze(belt.fleet)
    done = len(belt.facts)
    belt.bet(AGENT, 100, 0)
    belt.say(BetSettled, AGENT, source="casino", bet_id="b", game="dice", stake=1, payout=0)
    belt.wait(60)
    replayed, outputs = run(empty_fleet(), belt.facts, Policy())
    restarted, _ = run(thaw(body), belt.facts[done:], Policy())
    assert freeze(replayed) == freeze(restarted) == freeze(belt.fleet)
    assert outputs == belt.outputs
    assert replayed.limits == restarted.limits == belt.fleet.limits


def test_a_snapshot_holds_the_rules_and_not_their_book():
    """The book is made from the rules, so that an older snapshot has one as well."""
    belt = watched(of("fleet", large_result=0.2))
    assert thaw(freeze(belt.fleet)).limits == book_of(belt.fleet.rules) != LimitBook()


def test_a_limit_that_the_catalog_lacks_is_refused():
    """A misspelt name is an error, not a limit that is off."""
    with pytest.raises(KeyError):
        LimitBook().limit("larger_result", AGENT, "steady")
