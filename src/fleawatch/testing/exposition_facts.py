"""Facts that make a fleet say everything it can say, and the ways in which tests look at an exposition."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, TypeVar

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from fleawatch.events import (
    AgentDeclared,
    AgentError,
    ApiCall,
    BalanceRead,
    BetSettled,
    ClockRead,
    DecisionCycle,
    Delivered,
    EntryKind,
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowReleased,
    Event,
    FaucetClaimed,
    FundingPaid,
    GameTotals,
    GateChanged,
    HaltDelivered,
    HaltOrdered,
    HaltProbed,
    HealthRead,
    LeaseGranted,
    LedgerEntry,
    LedgerRead,
    LimitsDeclared,
    LimitsInForce,
    MarketTick,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    ReferralTotals,
    RulesDeclared,
    SchemaSurprise,
    SignalComputed,
    SlowSpan,
    SourceRead,
    SourceUnavailable,
    SpanErrors,
    Tick,
)
from fleawatch.events.agent import Check
from fleawatch.events.play import GameTotal
from fleawatch.flow.rules import RulesInForce
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.flow.step import step
from fleawatch.units import DAY, HOUR

START: Final = 1_700_006_400.0
_Fact = TypeVar("_Fact", bound=Event)
_numbers = itertools.count()


def fact(kind: type[_Fact], at: float, agent_id: str = "a-1", **fields: Any) -> _Fact:
    """A fact with an id of its own, seen when it happened."""
    return kind(fact_id=f"f:{next(_numbers)}", agent_id=agent_id, at=at, seen_at=at, source="test", **fields)


def declared(
    agent_id: str = "a-1", *, at: float = START, collectors: Sequence[str] = ("casino",), **fields: Any
) -> AgentDeclared:
    """The operator watches an agent."""
    return fact(AgentDeclared, at, agent_id, **{"strategy": "kelly", **fields}, collectors=collectors)


def read(at: float, agent_id: str = "a-1", collector: str = "casino", valid_s: float = 60.0) -> SourceRead:
    """A collector has read."""
    return fact(SourceRead, at, agent_id, collector=collector, duration_s=0.02, valid_s=valid_s)


def balance(at: float, amount: str | Decimal, agent_id: str = "a-1", **fields: Any) -> BalanceRead:
    """The casino's balance."""
    whole: dict[str, Any] = {
        "service": "casino",
        "currency": "USDC",
        "amount": Decimal(amount),
        "value_usd": Decimal(amount),
        **fields,
    }
    return fact(BalanceRead, at, agent_id, **whole)


def tick(at: float) -> Tick:
    """Time has passed."""
    return fact(Tick, at, "")


def folded(*events: Event, state: FleetState | None = None) -> FleetState:
    """The fleet after these facts, judged by the rules among them."""
    state, rules = state or empty_fleet(), RulesInForce()
    for event in events:
        state, _ = step(state, event, rules.policy(state))
    return state


class Ledger:
    """Ledger rows of an agent, in order, with the balances that follow from them."""

    def __init__(self, agent_id: str = "a-1") -> None:
        self.agent_id = agent_id
        self.balance = Decimal(0)
        self.rows = 0

    def row(self, at: float, entry: EntryKind, amount: str, **fields: Any) -> LedgerEntry:
        """The next row; `amount` is signed."""
        self.balance += Decimal(amount)
        self.rows += 1
        return fact(
            LedgerEntry, at, self.agent_id, service="casino", currency="USDC", position=self.rows - 1,
            amount=Decimal(amount), balance_after=self.balance, entry=entry, **fields,
        )  # fmt: skip

    def end(self, at: float) -> Iterator[Event]:
        """The reading of the ledger ends, and the balance is what its rows add up to."""
        yield fact(LedgerRead, at, self.agent_id, service="casino", currency="USDC", rows=self.rows, settled_bets=10**6)
        yield balance(at, self.balance, self.agent_id)


COLLECTORS: Final = ("casino", "escrow", "trading", "wallet", "probe")
END: Final = START + 32 * DAY


def everything() -> Iterator[Event]:
    """A fleet for which every metric of the catalog that is built has at least one sample at `END`."""
    ledger = Ledger()
    yield declared(
        collectors=COLLECTORS, trades=True, capital_usd=Decimal(1_000), environment="production", version="1.2.3"
    )
    yield fact(RulesDeclared, START, "", alerts=("PFWatchdog",))
    yield ledger.row(START, "deposit", "1000")
    yield ledger.row(START, "faucet", "5")
    yield ledger.row(START, "referral", "2", level=1)
    yield ledger.row(START, "withdrawal", "-10")
    yield from ledger.end(START)
    for collector in COLLECTORS:
        yield read(START, collector=collector, valid_s=40 * DAY)
    yield from _hours(ledger)
    yield from _trades(END - HOUR)
    yield from _escrows(ledger, END - HOUR)
    yield from _process(END - 60)
    yield from _guards(END - 60)
    yield tick(END)


def _hours(ledger: Ledger) -> Iterator[Event]:
    """A month of hours: wins and losses in turn, so that every ratio is defined."""
    for hour in range(1, 32 * 24):
        at = START + hour * HOUR
        yield ledger.row(at, "stake", "-4")
        if hour % 3:
            yield ledger.row(at, "payout", "7")
        if hour % 24 == 0 or hour > 31 * 24:
            yield from ledger.end(at)
            bet: dict[str, Any] = {
                "bet_id": f"b{hour}",
                "game": "dice",
                "stake": Decimal(4),
                "payout": Decimal(7 if hour % 3 else 0),
            }
            yield fact(BetSettled, at, **bet)
        yield read(at, valid_s=40 * DAY)
        yield tick(at)


def _trades(at: float) -> Iterator[Event]:
    position: dict[str, Any] = {
        "market": "BTC-USD",
        "side": "buy",
        "notional_usd": Decimal(100),
        "entry_price": Decimal(100),
    }
    margin: dict[str, Any] = {"quantity": Decimal(1), "leverage": Decimal(2), "margin_usd": Decimal(50)}
    for name in ("p1", "p2"):
        yield fact(PositionOpened, at, position_id=name, **position, **margin)
        yield fact(
            OrderFilled, at, trade_id=name, order_id=name, market="BTC-USD", side="buy", notional_usd=Decimal(100),
            price=Decimal(101), fee_usd=Decimal("0.5"), realized_pnl_usd=Decimal(0), expected_price=Decimal(100),
        )  # fmt: skip
    yield fact(
        PositionClosed, at, position_id="p1", **position, realized_pnl_usd=Decimal(12), fee_usd=Decimal("0.5"), opened_at=at,
        strategy="momentum",
    )  # fmt: skip
    yield fact(
        PositionMarked, at, position_id="p2", market="BTC-USD", price=Decimal(90), unrealized_pnl_usd=Decimal(-10)
    )
    yield fact(PositionsRead, at, open_ids=("p2",))
    yield fact(FundingPaid, at, market="BTC-USD", amount_usd=Decimal("0.25"))
    yield read(at, collector="trading", valid_s=DAY)
    yield balance(at, "0.5", service="wallet", currency="ETH", value_usd=Decimal(1_000), account="base:0x1")
    yield read(at, collector="wallet", valid_s=DAY)


def _escrows(ledger: Ledger, at: float) -> Iterator[Event]:
    for name in ("e1", "e2", "e3"):
        yield ledger.row(at, "escrow_lock", "-20", reference=name)
        yield fact(
            EscrowCreated, at, escrow_id=name, creator="ag_1", counterparty="ag_2", amount_usd=Decimal(20),
            commission_usd=Decimal("0.2"), expires_at=at + DAY,
        )  # fmt: skip
    yield fact(EscrowCompleted, at + 10, escrow_id="e1")
    yield fact(EscrowReleased, at + 60, escrow_id="e1", net_usd=Decimal("19.8"), commission_usd=Decimal("0.2"))
    yield fact(EscrowDisputed, at + 60, escrow_id="e2")
    yield from ledger.end(at + 60)
    yield fact(
        GameTotals, at + 60, games=(GameTotal(game="dice", bets=9, wagered=Decimal(36), paid=Decimal(42)),), bets=9
    )
    yield fact(ReferralTotals, at + 60, service="casino", earned_usd=Decimal(2), referred=(3, 1))
    yield fact(FaucetClaimed, at + 60, status="rejected", amount_usd=Decimal(0))
    yield read(at + 60, collector="escrow", valid_s=DAY)


def _process(at: float) -> Iterator[Event]:
    checks = (Check(name="exchange_api", ok=True), Check(name="wallet", ok=False))
    yield fact(HealthRead, at, up=True, checks=checks, last_action_at=at, memory_ratio=0.5, cpu_ratio=0.25)
    yield fact(ClockRead, at, offset_s=-0.25)
    yield fact(MarketTick, at, market="BTC-USD", price=Decimal(90))
    yield fact(SpanErrors, at, span_name="pf.trade.execute", errors=1, samples=20)
    yield fact(SlowSpan, at, span_name="pf.trade.execute", duration_s=3.0, threshold_s=2.0)
    yield fact(ApiCall, at, endpoint="trade/open", method="POST", status_code="503", duration_s=0.3)
    yield fact(SignalComputed, at, strategy="kelly", action="buy", result="acted", duration_s=0.01, model_version="v1")
    for number in range(20):
        yield fact(
            SignalComputed, at + number, strategy="kelly", action="buy", result="acted", duration_s=0.01, market="SOL-USD",
            model_version="v1",
        )  # fmt: skip
        yield fact(
            OrderPlaced, at + number, order_id=f"s{number}", market="SOL-USD", side="buy" if number % 4 else "sell",
            order_type="market", status="success", endpoint="trade/open", notional_usd=Decimal(10), latency_s=0.2, opens=True,
        )  # fmt: skip
    yield fact(DecisionCycle, at, cycle_id="c", result="acted", duration_s=0.5)
    yield fact(AgentError, at, component="feed")
    for status in ("success", "rejected"):
        yield fact(
            OrderPlaced, at, order_id=status, market="BTC-USD", side="buy", order_type="market", status=status,
            endpoint="trade/open", notional_usd=Decimal(100), latency_s=0.2, fill_ratio=1.0,
        )  # fmt: skip
    yield fact(SchemaSurprise, at, endpoint="trade/open", field="price")
    yield fact(SchemaSurprise, at, endpoint="trade/open", field="what is this?")
    yield fact(SourceUnavailable, at, "a-2", collector="casino", reason="timeout", duration_s=5.0)
    yield read(at, collector="probe", valid_s=DAY)


def _guards(at: float) -> Iterator[Event]:
    order: dict[str, Any] = {
        "mode": "halt",
        "scope": "agent",
        "target": "a-1",
        "reason": "drawdown",
        "actor": "PFDrawdownHalt",
    }
    yield fact(HaltOrdered, at, halt_id="h", **order)
    yield fact(GateChanged, at, before="active", after="halted", reason="ordered")
    yield fact(LeaseGranted, at, epoch=1, expires_at=at + 600, state="halted")
    yield fact(HaltDelivered, at + 1, halt_id="h", path="gate")
    yield fact(HaltProbed, at, path="gate", ok=True, duration_s=0.1)
    yield fact(LimitsDeclared, at, limits={"drawdown_halt": 0.2, "order_rate": 30.0})
    yield fact(LimitsInForce, at, limits={"drawdown_halt": 0.25})
    yield fact(Delivered, at, delivery_id="d", channel="slack", status="ok")


SeriesKey = tuple[str, tuple[tuple[str, str], ...]]
"""Name and sorted label pairs of a sample."""


def parsed(body: bytes, *, openmetrics: bool = False) -> dict[SeriesKey, float]:
    """Every sample of a body by name and labels, as the official client reads it; a series that comes twice fails."""
    parse = parse_openmetrics if openmetrics else parse_text
    found: dict[SeriesKey, float] = {}
    for family in parse(body.decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            if key in found:
                raise AssertionError(f"{key} came twice")
            found[key] = sample.value
    return found


def value(body: bytes, name: str, **labels: str) -> float | None:
    """The value of the one sample with these labels, or None."""
    return parsed(body).get((name, tuple(sorted(labels.items()))))
