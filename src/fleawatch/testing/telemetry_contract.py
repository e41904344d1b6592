# ruff: noqa: S101 - assert is how a contract speaks
"""What every telemetry sink must do, as tests: `class TestRecorder(TelemetrySinkContract): ...` with a `sink` fixture."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fleawatch.events import AgentDeclared, BetSettled, Event, OrderPlaced, Tick
from fleawatch.events.span import SpanRecord
from fleawatch.flow.fold import fold
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.ports import Observed, TelemetrySink

AT = 1_793_613_600.0


def an_order(number: int = 1, **fields: Any) -> OrderPlaced:
    """An order of agent `a-1`."""
    given: dict[str, Any] = {
        "order_id": f"ord-{number}", "market": "BTC-USD", "side": "buy", "order_type": "market", "status": "success",
        "endpoint": "trade/open", "notional_usd": Decimal(500), "latency_s": 0.05, "trace_id": f"{number:032x}",
    }  # fmt: skip
    return OrderPlaced(
        fact_id=f"sdk:order_placed:a-1:{number}", agent_id="a-1", at=AT + number, seen_at=AT + number, source="sdk",
        **given | fields,
    )  # fmt: skip


def a_bet(number: int = 1, *, stake: str = "1", payout: str = "0") -> BetSettled:
    """A bet of agent `a-1`."""
    return BetSettled(
        fact_id=f"casino:bet_settled:bet-{number}", agent_id="a-1", at=AT + number, seen_at=AT + number, source="sdk",
        bet_id=f"bet-{number}", game="dice", stake=Decimal(stake), payout=Decimal(payout),
    )  # fmt: skip


def a_span(number: int = 1, **fields: Any) -> SpanRecord:
    """A span of an order."""
    given: dict[str, Any] = {
        "name": "pf.trade.execute", "kind": "internal", "parent_id": 0, "attributes": {"pf.agent_id": "a-1"},
    }  # fmt: skip
    start = int((AT + number) * 1e9)
    return SpanRecord(
        trace_id=number, span_id=number, start_ns=start, end_ns=start + 50_000_000, **given | fields
    )  # fmt: skip


def declared() -> FleetState:
    """A state that knows agent `a-1`."""
    agent = AgentDeclared(
        fact_id="sdk:agent_declared:a-1", agent_id="a-1", at=AT, seen_at=AT, source="sdk", strategy="momentum"
    )
    return fold(empty_fleet(), agent)


def folded(state: FleetState, *facts: Event) -> FleetState:
    """The state after these facts."""
    for fact in facts:
        state = fold(state, fact)
    return state


class TelemetrySinkContract:
    """Subclass it with a fixture `sink` that gives an open sink whose backend accepts everything."""

    def test_it_has_a_bounded_name(self, sink: TelemetrySink) -> None:
        """A word that counts and logs can carry."""
        assert sink.name.replace("_", "").isalnum()
        assert sink.name == sink.name.lower()

    def test_it_takes_facts_and_spans_and_flushes(self, sink: TelemetrySink) -> None:
        """What it was given is sent when it is flushed, and nothing was dropped."""
        fact = an_order()
        state = folded(declared(), fact)
        sink.take([Observed(fact, a_span()), Observed(None, a_span(2)), Observed(a_bet(), None)], state)
        assert sink.flush(5.0)
        assert sink.dropped == 0

    def test_it_stands_a_beat_without_anything(self, sink: TelemetrySink) -> None:
        """Time passes also when nothing happens, before an agent is known too."""
        sink.beat(empty_fleet(), AT)
        sink.beat(folded(declared(), Tick(fact_id="t", agent_id="", at=AT, seen_at=AT, source="sdk")), AT + 1)
        assert sink.flush(5.0)

    def test_it_closes_twice(self, sink: TelemetrySink) -> None:
        """Closing again does nothing."""
        sink.take([Observed(an_order(), a_span())], folded(declared(), an_order()))
        sink.close(5.0)
        sink.close(5.0)

    def test_it_begins_anew_after_a_fork(self, sink: TelemetrySink) -> None:
        """What the parent holds is not sent by the child, and the child can go on."""
        state = folded(declared(), an_order())
        sink.take([Observed(an_order(), a_span())], state)
        sink.after_fork()
        sink.take([Observed(an_order(2), a_span(2))], folded(state, an_order(2)))
        assert sink.flush(5.0)
