"""Code that only has to type-check: how a program uses what Fleawatch promises. Never run."""

from decimal import Decimal
from typing import assert_type

from fleawatch import Gate, Order, TradingHalted
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.spec import Metric
from fleawatch.events import AnyEvent, BetSettled, Event, decode, encode, fact_id, merge
from fleawatch.flow.outputs import Output
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.flow.step import step
from fleawatch.ports import Sink, Source, Store
from fleawatch.risk.performance import Performance
from fleawatch.sdk.gate.answer import Answer, Status
from fleawatch.sinks.memory import MemorySink
from fleawatch.store import MemoryStore, open_store


def facts() -> None:
    """Facts are built by name, sent as bytes, and read back as one union."""
    bet = BetSettled(
        fact_id=fact_id("casino", "bet_settled", "bet_1"), agent_id="a-1", at=1.0, seen_at=2.0, source="sdk",
        bet_id="bet_1", game="dice", stake=Decimal(1), payout=Decimal(0),
    )  # fmt: skip
    assert_type(encode(bet), bytes)
    assert_type(decode(b"{}"), AnyEvent)
    assert_type(merge(bet, bet), BetSettled)


def belt(event: Event) -> None:
    """The belt is one function, and its state is plain."""
    state, outputs = step(empty_fleet(), event, Policy())
    assert_type(state, FleetState)
    assert_type(outputs, tuple[Output, ...])
    assert_type(state.performance, Performance)
    assert_type(state.performance.summary("24h").sharpe, float | None)


def twins() -> None:
    """What ships satisfies its port."""
    store: Store = MemoryStore()
    opened: Store = open_store("memory:")
    sink: Sink = MemorySink()
    _ = (store, opened, sink)


def words(source: Source) -> str:
    """The catalog is read by name, and a source says whom it reads."""
    assert_type(CATALOG.metrics["pf_equity_usdc"], Metric)
    return source.agent_id


async def gate() -> float:
    """The gate's answers, its ways of standing before an order, and its refusal."""
    with Gate("a-1", limits={"order_rate": 20, "drawdown_halt": None}, service=None, state_file="memory:") as stands:

        @stands.guarded
        def send(order: Order) -> str:
            return order.market

        @stands.guarded(closes=True)
        async def close(position_id: str) -> float:
            return float(position_id)

        assert_type(stands.may_open(Order(notional_usd=Decimal(5))), Answer)
        assert_type(stands.resume("looked at it", "ada", rebase=True), Answer)
        assert_type(stands.status(), Status)
        try:
            assert_type(send(Order(notional_usd=5.0)), str)
            async with stands.opening() as answer:
                assert_type(answer, Answer)
        except TradingHalted as halted:
            assert_type(halted.reason, str)
        return await close("7")
