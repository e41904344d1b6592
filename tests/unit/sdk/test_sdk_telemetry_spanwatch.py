"""Slow spans and failing ones become facts: once when it begins, summed up while it goes on, sampled or not."""

import os
import statistics
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch import Telemetry
from fleawatch.catalog.spans import ALL_FINANCIAL, FINANCIAL
from fleawatch.events import LimitsInForce, SlowSpan, SpanErrors
from fleawatch.events.span import SpanRecord
from fleawatch.flow.fold import fold
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.spanwatch import COOL_S, PAST, Median, SpanWatch
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


@pytest.mark.parametrize(("before", "slow"), [(49, False), (50, True), (51, True)])
def test_a_span_is_compared_with_its_own_past_once_there_are_fifty(desk, before, slow):
    """The first forty-nine are too few; it is not part of its own past."""
    for number in range(before):
        assert desk.see(name="pf.decision_cycle", took=0.02, at=number) == []
    told = desk.see(name="pf.decision_cycle", took=0.3, at=before)
    assert [fields["threshold_s"] for _, fields in told] == ([0.2] if slow else [])


@given(median=st.integers(1_000_000, 10**12), at=st.integers(int(AT), int(AT) + 10**8), more=st.integers(1, 10**6))
def test_ten_times_the_median_is_not_slow_and_a_nanosecond_more_is(median, at, more):
    """Whatever the numbers are: no rounding error makes an alert."""

    def ends(took):
        start = at * 10**9
        return SpanRecord(
            name="pf.decision_cycle", kind="internal", trace_id=7, span_id=7, parent_id=0, start_ns=start,
            end_ns=start + took, sampled=True,
        )  # fmt: skip

    watch, state = SpanWatch("a-1"), declared()
    for _ in range(50):
        assert watch.judge(ends(median), state) == []
    assert watch.judge(ends(10 * median), state) == []
    (told,) = watch.judge(ends(max(10 * median, 10**7) + more), state)
    assert told.fields["threshold_s"] == pytest.approx(max(10 * median / 1e9, 0.01))


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


def shares(told, name=ALL_FINANCIAL):
    """What was told of a name, as (errors, samples)."""
    return [
        (fields["errors"], fields["samples"])
        for kind, fields in told
        if kind is SpanErrors and fields["span_name"] == name
    ]


def test_fewer_than_twenty_say_nothing(desk):
    """Nineteen that all fail are no share; the twentieth is one."""
    for number in range(19):
        assert shares(desk.see(at=number / 100, error="timeout")) == []
    assert shares(desk.see(at=0.2, error="timeout")) == [(20, 20)]


@pytest.mark.parametrize(("failures", "told"), [(4, []), (5, []), (6, [(6, 100)])])
def test_the_limit_itself_is_not_passed(desk, failures, told):
    """Below five of a hundred, exactly five, and one more."""
    for number in range(100):
        desk.see(at=number / 100)
    found = [share for number in range(failures) for share in shares(desk.see(at=1 + number / 100, error="timeout"))]
    assert found == told


def test_the_share_is_that_of_all_that_move_money_and_of_each(desk):
    """Ten orders that went well and ten escrows of which three failed are twenty operations, and too few of either."""
    found = []
    for number in range(10):
        found += desk.see(at=number / 10)
        found += desk.see(name="pf.escrow.create", at=number / 10 + 0.05, error="timeout" if number > 6 else "")
        found += desk.see(name="pf.signal.analysis", took=0.01, at=number / 10, error="ValueError")
    assert [fields for _, fields in found] == [{"span_name": "financial", "errors": 3, "samples": 20}]
    for number in range(10):
        found += desk.see(name="pf.escrow.create", at=2 + number)
    assert shares(found, "pf.escrow.create") == [(3, 20)]
    assert shares(found, "pf.trade.execute") == []


def test_only_the_last_hundred_count(desk):
    """What failed before them is forgotten."""
    for number in range(300):
        desk.see(at=number / 1000, error="timeout" if number < 200 else "")
    assert shares(desk.later(COOL_S + 1)) == [(0, 100)]


def feed(desk, count, at, error=""):
    """`count` orders, a millisecond after each other; what was told of all."""
    return [share for number in range(count) for share in shares(desk.see(at=at + number / 1000, error=error))]


def test_an_edge_is_told_at_once_and_its_return_within_the_minute_is_not(desk):
    """Up at once; well and up again within the cool-down are one sum a minute later; after it an edge is told at once again."""
    assert feed(desk, 100, 0.0) == [(0, 20)]
    assert feed(desk, 10, 1.0, "timeout") == [(6, 100)]
    assert feed(desk, 100, 2.0) == []
    assert feed(desk, 10, 3.0, "timeout") == []
    assert shares(desk.later(COOL_S)) == []
    assert shares(desk.later(1.005 + COOL_S)) == [(10, 100)]
    assert shares(desk.later(4 + 2 * COOL_S)) == []
    assert feed(desk, 200, 200.0) == [(3, 100)]
    assert feed(desk, 6, 300.0, "timeout") == [(6, 100)]


def test_it_is_well_at_the_lower_limit(desk):
    """Four of a hundred are between the two limits and tell nothing; three are well."""
    feed(desk, 100, 0.0)
    assert feed(desk, 6, 1.0, "timeout") == [(6, 100)]
    # The six are the last of the hundred: ninety-four more push out those before them, then one of them each.
    assert feed(desk, 94 + 2, 100.0) == []
    assert feed(desk, 1, 101.0) == [(3, 100)]


def test_a_clock_that_goes_back_silences_nothing(desk):
    """An hour earlier than what was told last an edge and a slow span are told at once; by a second they are not."""
    feed(desk, 100, 5000.0)
    assert feed(desk, 6, 5001.0, "timeout") == [(6, 100)]
    assert [kind for kind, _ in desk.see(took=3, at=5002)] == [SlowSpan]
    assert [kind for kind, _ in desk.see(took=3, at=5001)] == []
    assert feed(desk, 100, 1000.0) == [(3, 100)]
    assert [fields["spans"] for kind, fields in desk.see(took=3, at=1002) if kind is SlowSpan] == [2]


def test_only_what_moves_money_is_judged_by_its_failures(desk):
    """Orders, bets and every step of an escrow."""
    escrow = {f"pf.escrow.{step}" for step in ("create", "complete", "release", "dispute", "timeout")}
    assert {"pf.trade.execute", "pf.bet.place", *escrow} == FINANCIAL
    for number in range(60):
        assert desk.see(name="pf.signal.analysis", took=0.01, at=number, error="ValueError") == []


def test_the_end_of_a_span_does_no_work_in_the_callers_thread():
    """It enqueues: nothing of what judges, describes, folds or sends is called there, and nothing is told until the worker runs."""
    telemetry = Telemetry("a-1", environ={}, heartbeat_s=None)
    telemetry.flush()
    called, held, go = set(), threading.Event(), threading.Event()
    telemetry._pipeline.ask(lambda: (held.set(), go.wait(30)))
    assert held.wait(10)

    def note(frame, event, argument):
        if event == "call":
            called.add(frame.f_globals.get("__name__", ""))

    operations = [telemetry.order(market="BTC-USD", side="buy", notional_usd=5) for _ in range(30)]
    for operation in operations:
        operation.__enter__()
        sys.setprofile(note)
        try:
            operation.__exit__(ValueError, ValueError("no"), None)
        finally:
            sys.setprofile(None)
    ours = {name for name in called if name.startswith("fleawatch.")}
    waiting, known = len(telemetry._pipeline._queue), dict(telemetry.projector.state.agents["a-1"].span_errors)
    go.set()
    telemetry.shutdown()
    assert "fleawatch.sdk.telemetry.pipeline" in ours
    for module in ("spanwatch", "projector", "describe", "draft", "backends", "ship"):
        assert not [name for name in ours if name.startswith(f"fleawatch.sdk.telemetry.{module}")], ours
    assert not [name for name in ours if name.startswith(("fleawatch.flow", "fleawatch.sinks", "fleawatch.risk"))], ours
    assert (waiting, known) == (30, {})
    assert telemetry.projector.state.agents["a-1"].span_errors["financial"] == 1.0


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
    assert [(fact.span_name, fact.errors, fact.samples) for fact in failing] == [
        ("financial", 20, 20), ("pf.trade.execute", 20, 20), ("financial", 25, 25), ("pf.trade.execute", 25, 25),
    ]  # fmt: skip
    agent = telemetry.projector.state.agents["a-1"]
    assert agent.tallies.total("pf_slow_spans_total") == 25
    assert agent.span_errors == {"financial": 1.0, "pf.trade.execute": 1.0}
