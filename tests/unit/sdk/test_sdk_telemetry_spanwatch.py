"""Slow spans and failing ones become facts: once when it begins, summed up while it goes on, sampled or not."""

import os
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch import Telemetry
from fleawatch.events import LimitsInForce, SlowSpan, SpanErrors
from fleawatch.events.span import SpanRecord
from fleawatch.flow.fold import fold
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.spanwatch import COOL_S, FINANCIAL, PAST, Median, SpanWatch
from fleawatch.sinks.recorder import Recorder
from fleawatch.testing.telemetry_contract import AT, declared


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """An environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(("PF_", "OTEL_", "DD_"))]:
        monkeypatch.delenv(name)


def span(name="pf.trade.execute", *, took=0.1, at=0.0, error="", kind="internal"):
    """A span that ends `at` seconds after the beginning of the test."""
    end = int((AT + at) * 1e9)
    return SpanRecord(
        name=name, kind=kind, trace_id=7, span_id=7, parent_id=0, start_ns=end - int(took * 1e9), end_ns=end,
        sampled=False, error_type=error,
    )  # fmt: skip


class Desk:
    """A watch over one agent."""

    def __init__(self):
        self.watch, self.state = SpanWatch("a-1"), declared()

    def see(self, **fields):
        return [(draft.kind, dict(draft.fields)) for draft in self.watch.judge(span(**fields), self.state)]

    def later(self, at, **more):
        return [(draft.kind, dict(draft.fields)) for draft in self.watch.due(AT + at, self.state, **more)]


@pytest.fixture
def desk():
    """A watch that has seen nothing."""
    return Desk()


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("pf.trade.execute", 2.0),
        ("pf.wallet.balance_check", 0.5),
        ("pf.escrow.create", 3.0),
        ("pf.signal.analysis", 0.1),
    ],
)
def test_a_span_is_slow_above_the_limit_of_its_name(desk, name, limit):
    """At the limit it is not."""
    assert desk.see(name=name, took=limit) == []
    ((kind, told),) = desk.see(name=name, took=limit + 0.01)
    assert (kind, told["span_name"], told["threshold_s"], told["spans"]) == (SlowSpan, name, limit, 1)
    assert told["duration_s"] == pytest.approx(limit + 0.01)
    assert told["trace_id"] == f"{7:032x}"


def test_a_span_without_a_limit_is_slow_against_its_own_past(desk):
    """More than ten times the median of at least fifty; the first forty-nine say nothing."""
    for number in range(49):
        assert desk.see(name="pf.decision_cycle", took=0.02, at=number) == []
    assert desk.see(name="pf.decision_cycle", took=0.3, at=50) == []
    ((_, told),) = desk.see(name="pf.decision_cycle", took=0.3, at=51)
    assert told["threshold_s"] == pytest.approx(0.2)


def test_what_takes_microseconds_is_not_slow(desk):
    """A cache that was missed is fifty times slower than one that was hit, and no trouble."""
    for number in range(60):
        desk.see(name="pf.wallet.balance_check", took=0.0001, at=number)
    assert desk.see(name="pf.wallet.balance_check", took=0.005, at=61) == []


def test_calls_of_clients_are_judged_elsewhere(desk):
    """One name stands for many routes."""
    for number in range(60):
        assert desk.see(name="pf.http.request", kind="client", took=0.02 if number < 59 else 9.0, at=number) == []


def test_a_slow_backend_is_told_once_a_minute_and_counted_in_full(desk):
    """The first at once, the rest with the worst of them when the minute is over, nothing when there were none."""
    found = [told for number in range(100) for told in desk.see(took=3 + number / 100, at=number / 2)]
    assert [told["spans"] for kind, told in found if kind is SlowSpan] == [1]
    assert desk.later(COOL_S - 1) == []
    told = dict(desk.later(COOL_S))
    assert (told[SlowSpan]["spans"], told[SlowSpan]["duration_s"]) == (99, pytest.approx(3.99))
    assert SlowSpan not in dict(desk.later(3 * COOL_S))


def test_at_the_end_everything_is_told(desk):
    """What a minute had not summed up yet."""
    for number in range(3):
        desk.see(took=3, at=number)
    assert [told["spans"] for _, told in desk.later(3, all_of_it=True)] == [2]
    assert desk.later(3, all_of_it=True) == []


@pytest.mark.parametrize(("limit", "slow"), [(5.0, 0), (1.0, 1)])
def test_a_limit_that_the_agent_enforces_is_the_limit(desk, limit, slow):
    """What it has told of its limits holds for its own spans."""
    told = LimitsInForce(fact_id="l", agent_id="a-1", at=AT, seen_at=AT, source="sdk", limits={"slow_trade": limit})
    desk.state = fold(desk.state, told)
    assert len(desk.see(took=2.5)) == slow


def test_failures_are_told_when_they_pass_the_limit_and_when_it_is_well_again(desk):
    """The first share with twenty spans, the edge upward, the edge downward; in between once a minute."""
    found = []
    for number in range(200):
        found += [
            (number, told["errors"], told["samples"])
            for _, told in desk.see(at=number / 100, error="timeout" if 40 <= number < 50 else "")
        ]
    # 20 good ones; then 3 of 43 is above 5 %; of the last hundred three are left when the others have gone.
    assert found == [(19, 0, 20), (42, 3, 43), (146, 3, 100)]
    assert desk.later(10) == []
    assert desk.later(2 + COOL_S) == [(SpanErrors, {"span_name": "pf.trade.execute", "errors": 0, "samples": 100})]
    assert desk.later(2 + 3 * COOL_S) == []


def test_only_what_moves_money_is_judged_by_its_failures(desk):
    """Orders, bets and every step of an escrow."""
    assert {"pf.trade.execute", "pf.bet.place", "pf.escrow.release"} <= FINANCIAL
    assert not FINANCIAL & {"pf.decision_cycle", "pf.signal.analysis", "pf.wallet.balance_check", "pf.http.request"}
    for number in range(60):
        assert desk.see(name="pf.signal.analysis", took=0.01, at=number, error="ValueError") == []


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=3 * PAST))
def test_the_median_is_that_of_the_last_values(values):
    """As the standard library has it, after any number of them."""
    median = Median()
    for value in values:
        median.add(value)
    assert median.value() == (statistics.median(values[-PAST:]) if values else None)
    assert len(median) == min(PAST, len(values))


def test_facts_reach_the_belt_whether_the_trace_is_sampled_or_not():
    """Counter and share are in the metrics of the agent, though nothing was exported; so is the line of the log."""
    recorder = Recorder()
    telemetry = Telemetry("a-1", sinks=[recorder], heartbeat_s=None, ids=Ids(0.0))
    begun = telemetry.elapsed_ns
    steps = iter(range(0, 10**13, 3 * 10**9))
    telemetry.elapsed_ns = lambda: next(steps)
    for _ in range(25):
        with pytest.raises(ValueError, match="no"), telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
            raise ValueError("no")
    telemetry.elapsed_ns = begun
    telemetry.shutdown()
    slow = [fact for fact in recorder.facts if isinstance(fact, SlowSpan)]
    failing = [fact for fact in recorder.facts if isinstance(fact, SpanErrors)]
    assert sum(fact.spans for fact in slow) == 25
    assert (slow[0].duration_s, slow[0].trace_id is not None) == (3.0, True)
    assert (failing[0].errors, failing[0].samples, failing[-1].samples) == (20, 20, 25)
    agent = telemetry.projector.state.agents["a-1"]
    assert agent.tallies.total("pf_slow_spans_total") == 25
    assert agent.span_errors == {"pf.trade.execute": 1.0}
