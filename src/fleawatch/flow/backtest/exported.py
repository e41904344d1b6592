"""What an agent's own process, instrumented as the public guides say, has to export: read from the same facts.

Numbers are ordered by when they happened (`at`), not by when Fleawatch learned of them: the process asks the platform
itself, and is not made slower by our polling. Money is what the guides call money: the spendable balance as it stands,
with deposits, withdrawals and locked escrows in it; nothing is flow-neutral.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from fleawatch.catalog.baseline import SLOW_SPANS_S
from fleawatch.events import (
    AgentDeclared,
    ApiCall,
    BalanceRead,
    BetSettled,
    CapitalReported,
    CollateralMoved,
    DecisionCycle,
    EscrowCreated,
    EscrowDisputed,
    EscrowFailed,
    EscrowRefunded,
    EscrowReleased,
    Event,
    FundingPaid,
    HealthRead,
    Heartbeat,
    LedgerEntry,
    OrderPlaced,
    PositionClosed,
    PositionMarked,
    PositionsRead,
    SignalComputed,
    SlowSpan,
    SourceRead,
    SourceUnavailable,
)

TRADE: Final = "pf.trade.execute"
SIGNAL: Final = "pf.signal.analysis"
_OWN_WORD: Final = (Heartbeat, OrderPlaced, ApiCall, DecisionCycle, SignalComputed)
"""What only a living process of the agent can say."""
_BACK_S: Final = 1.0
"""A word later than this after the death of a process is of another process."""
_READS_BALANCE: Final = frozenset({"casino", "gateway"})
_HTTP_ERROR: Final = 400
_DOLLARS: Final = frozenset({"USD", "USDC"})
_REFERRAL: Final = frozenset({"referral", "escrow_referral"})
_TOLD_OTHERWISE: Final = frozenset({TRADE, SIGNAL})
"""Spans whose every end is a fact of its own kind."""


class Series:
    """Values over time: the newest at or before a moment holds."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.values: list[float] = []

    def add(self, at: float, value: float) -> None:
        """Append a value; times do not go back."""
        self.times.append(at)
        self.values.append(value)

    def at(self, moment: float) -> float | None:
        """The value in force, None before the first."""
        place = bisect_right(self.times, moment)
        return self.values[place - 1] if place else None

    def within(self, after: float, upto: float) -> list[float]:
        """Values of (after, upto]."""
        return self.values[bisect_right(self.times, after) : bisect_right(self.times, upto)]


class Span(NamedTuple):
    """One operation that ended: whether it failed, and whether it was slow by the guide's table."""

    at: float
    name: str
    failed: bool
    slow: bool


class Escrow(NamedTuple):
    """An escrow of the agent: `expires_at` as promised, `ended_at` infinite while nobody ended it."""

    created_at: float
    expires_at: float
    ended_at: float


class Exported:
    """One agent's numbers.

    Attributes:
        balance: spendable balance at the casino, USD.
        account: account value at the exchange, USD, unrealised P&L included.
        failing: 1.0 from when reading the balance fails, 0.0 from when it works again.
        up: whether its health page answered, 1.0 or 0.0.
        dead: intervals in which it has no process, as (from, to).
        latencies: by endpoint, milliseconds of orders that were answered; `first` ones of a series are left out, as
            `rate()` cannot see them.
        trades: milliseconds of all orders, failed ones too.
        calls: 1.0 for a call that failed with an HTTP status, 0.0 for one that was answered.
        errors: HTTP errors that a counter shows by its growth, one entry each.
        income: referral payments but the first of a process, USD.
        escrow_failures: one entry each.
    """

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.balance, self.account, self.failing, self.up = Series(), Series(), Series(), Series()
        self.dead: list[tuple[float, float]] = []
        self.latencies: dict[str, Series] = {}
        self.trades, self.calls, self.errors, self.income = Series(), Series(), Series(), Series()
        self.escrow_failures = Series()
        self.escrows: dict[str, Escrow] = {}
        self.spans: list[Span] = []
        self._series: set[tuple[str, ...]] = set()
        self._capital: float | None = None
        self._realized = 0.0
        self._unrealized: dict[str, float] = {}

    def equity(self, moment: float) -> float | None:
        """Balance and account value, USD; None while neither is known."""
        balance, account = self.balance.at(moment), self.account.at(moment)
        if balance is None:
            return account
        return balance + (account or 0.0)

    def alive(self, moment: float) -> bool:
        """Whether it has a process."""
        return not any(begin <= moment < end for begin, end in self.dead)

    def born(self, moment: float) -> float:
        """When the process that lives at `moment` began, 0 for the first one."""
        return max((end for _, end in self.dead if end <= moment), default=0.0)

    def take(self, event: Event) -> None:
        """Take the next fact of the agent, in the order in which they happened."""
        if isinstance(event, _OWN_WORD):
            self._woken(event.at)
        match event:
            case LedgerEntry() | BalanceRead():
                self._balance(event)
            case OrderPlaced() | BetSettled() | ApiCall() | SignalComputed() | SlowSpan():
                self._work(event)
            case EscrowCreated() | EscrowReleased() | EscrowRefunded() | EscrowDisputed() | EscrowFailed():
                self._escrow(event)
            case SourceUnavailable() | SourceRead() | HealthRead():
                self._watched(event)
            case _:
                self._trading(event)

    def _watched(self, event: SourceUnavailable | SourceRead | HealthRead) -> None:
        if isinstance(event, HealthRead):
            self.up.add(event.at, float(event.up))
        elif event.collector in _READS_BALANCE:
            self.failing.add(event.at, float(isinstance(event, SourceUnavailable)))

    def _work(self, event: OrderPlaced | BetSettled | ApiCall | SignalComputed | SlowSpan) -> None:
        match event:
            case ApiCall():
                self._call(event)
            case SignalComputed():
                self._span(event.at, SIGNAL, event.duration_s, failed=event.result == "error")
            case SlowSpan():
                if event.span_name not in _TOLD_OTHERWISE:
                    self._span(event.at, event.span_name, event.duration_s, failed=False)
            case _:
                self._order(event)

    def _woken(self, at: float) -> None:
        """Only a living process speaks: a word after the death of one is of the next, whose counters begin anew."""
        if self.dead and self.dead[-1][0] + _BACK_S < at < self.dead[-1][1]:
            self.dead[-1] = (self.dead[-1][0], at)
            self._series.clear()

    def _balance(self, event: LedgerEntry | BalanceRead) -> None:
        if event.service != "casino" or event.currency not in _DOLLARS:
            return
        self.balance.add(event.at, float(event.balance_after if isinstance(event, LedgerEntry) else event.amount))
        if isinstance(event, LedgerEntry) and event.entry in _REFERRAL and self._seen("referral"):
            self.income.add(event.at, float(event.amount))

    def _order(self, event: OrderPlaced | BetSettled) -> None:
        if event.latency_s is None:
            return
        milliseconds = event.latency_s * 1000
        if isinstance(event, OrderPlaced):
            failed = event.status != "success"
            series = (event.endpoint, event.order_type)
            self.trades.add(event.at, milliseconds)
            self._span(event.at, TRADE, event.latency_s, failed=failed)
        else:
            failed, series = False, (f"casino/{event.game}", "bet")
        if not failed and self._seen("latency", *series):
            self.latencies.setdefault(series[0], Series()).add(event.at, milliseconds)

    def _call(self, event: ApiCall) -> None:
        if not event.status_code.isdigit():
            return
        failed = int(event.status_code) >= _HTTP_ERROR
        self.calls.add(event.at, float(failed))
        if failed and self._seen("call", event.endpoint, event.status_code):
            self.errors.add(event.at, 1.0)

    def _span(self, at: float, name: str, duration_s: float, *, failed: bool) -> None:
        self.spans.append(Span(at, name, failed, duration_s > SLOW_SPANS_S.get(name, float("inf"))))

    def _escrow(
        self, event: EscrowCreated | EscrowReleased | EscrowRefunded | EscrowDisputed | EscrowFailed
    ) -> None:  # fmt: skip
        if isinstance(event, EscrowCreated):
            self.escrows[event.escrow_id] = Escrow(event.at, event.expires_at, float("inf"))
            return
        if isinstance(event, EscrowFailed):
            self.escrow_failures.add(event.at, 1.0)
            self._span(event.at, "pf.escrow.create", 0.0, failed=True)
        opened = self.escrows.get(event.escrow_id)
        if opened is not None:
            self.escrows[event.escrow_id] = opened._replace(ended_at=min(opened.ended_at, event.at))

    def _trading(self, event: Event) -> None:
        match event:
            case AgentDeclared(capital_usd=capital) if capital is not None and self._capital is None:
                self._capital = float(capital)
            case CapitalReported():
                self._capital, self._realized = float(event.capital_usd), 0.0
            case CollateralMoved():
                self._realized += float(event.amount_usd)
            case FundingPaid():
                self._realized -= float(event.amount_usd)
            case PositionClosed():
                self._realized += float(event.realized_pnl_usd - event.fee_usd)
                self._unrealized.pop(event.position_id, None)
            case PositionMarked():
                self._unrealized[event.position_id] = float(event.unrealized_pnl_usd)
            case PositionsRead():
                self._unrealized = {key: value for key, value in self._unrealized.items() if key in event.open_ids}
            case _:
                return
        if self._capital is not None:
            self.account.add(event.at, self._capital + self._realized + sum(self._unrealized.values()))

    def _seen(self, *series: str) -> bool:
        """Whether a series exists already; it does from now on. Its first count is no growth to `rate()`."""
        known = series in self._series
        self._series.add(series)
        return known


class History(NamedTuple):
    """The agents by id, and the moments at which the record begins and ends, unix seconds."""

    agents: dict[str, Exported]
    begin: float
    end: float


def exported(facts: Iterable[Event], dead: Mapping[str, float]) -> History:
    """Everything that the processes of the fleet export over the history.

    Args:
        facts: in any order.
        dead: when an agent's process died; it is back at its next own word.
    """
    kept = sorted(facts, key=lambda event: event.at)
    agents: dict[str, Exported] = {}
    begin, end = float("inf"), 0.0
    for event in kept:
        begin, end = min(begin, event.seen_at), max(end, event.seen_at)
        if not event.agent_id:
            continue
        one = agents.get(event.agent_id)
        if one is None:
            one = agents[event.agent_id] = Exported(event.agent_id)
            if event.agent_id in dead:
                one.dead.append((dead[event.agent_id], float("inf")))
        one.take(event)
    return History(agents, begin, end)
