"""Everything that is counted about one agent, or about the fleet as one, in one place.

`Performance` takes facts in the order they happened and answers with a `Summary` of any window at any moment. It adds
no formula: it feeds each statistic what that statistic may know. A partial reading may lower the NAV and deepen a
drawdown, but raises no peak and enters no return; an Unknown one moves nothing but time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import asdict, replace

from fleawatch.risk import ratios
from fleawatch.risk.grid import ReturnGrid
from fleawatch.risk.nav import BEGAN, ENDED, MARKED, RENEWED, Marked, Nav
from fleawatch.risk.pnl import DailyLoss, PnlWindows
from fleawatch.risk.summary import ReturnNumbers, Summary, reasons, return_numbers, trade_numbers
from fleawatch.risk.trades import Tally, TradeStatistics
from fleawatch.risk.windows import DrawdownWindow
from fleawatch.units import DAY, WINDOWS, Window

_Lacks = tuple[bool, bool, bool, bool, bool, bool]
"""Which of the numbers that follow the NAV are None or 0: what their reasons depend on beside elapsed days."""


class _Kept(NamedTuple):
    """A summary whose slow numbers and reasons hold while what they depend on does."""

    summary: Summary
    until: float
    tally: Tally
    lacks: _Lacks
    stamp: tuple[int, int]


class Performance(msgspec.Struct, dict=True):
    """The running statistics of one agent.

    Times are unix seconds and never go backwards inside: a fact older than the newest one counts as of the newest.
    Money is USD. Non-finite numbers raise ValueError.

    Attributes:
        at: time of the newest fact.
        born_at: when the first NAV was read, None before.
        unknown_since: since when no complete reading has come, None while they do.
        nav: the price of one unit.
        drawdowns: one window for each of `units.WINDOWS`.
        grid: the returns; give it another step or risk-free return to change them.
        trades: settled trades.
        changes: cumulative P&L over the windows.
        daily: loss since midnight UTC, and the equity the day began with.
    """

    at: float = 0.0
    born_at: float | None = None
    unknown_since: float | None = None
    nav: Nav = msgspec.field(default_factory=Nav)
    drawdowns: dict[str, DrawdownWindow] = msgspec.field(
        default_factory=lambda: {name: DrawdownWindow(width) for name, width in WINDOWS.items()}
    )
    grid: ReturnGrid = msgspec.field(default_factory=ReturnGrid)
    trades: TradeStatistics = msgspec.field(default_factory=TradeStatistics)
    changes: PnlWindows = msgspec.field(default_factory=PnlWindows)
    daily: DailyLoss = msgspec.field(default_factory=DailyLoss)

    if TYPE_CHECKING:
        # Kept beside the fields, so that a snapshot holds what was observed and not what was derived from it.
        _return_numbers: dict[str, tuple[int, ReturnNumbers]] = msgspec.field(default_factory=dict)
        _kept: dict[str, _Kept] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        self._return_numbers = {}
        self._kept = {}

    def mark(self, at: float, equity: float, *, partial: bool = False) -> Marked:
        """Take a reading of the equity. `partial`: some parts are Unknown and held at their last value."""
        if equity - equity != 0.0:
            raise ValueError(f"equity was {equity}; only a finite one can be marked")
        if at > self.at:
            self.at = at
        else:
            at = self.at
        self.daily.mark(at, equity)
        marked = self.nav.mark(equity, partial=partial)
        value = self.nav.value
        if marked is MARKED and not partial and value is not None:
            # Nearly every reading; the same as `_record`, without its questions.
            self.unknown_since = None
            for drawdown in self.drawdowns.values():
                drawdown.update(at, value)
            self.grid.update(at, value)
            return MARKED
        if not partial:
            self.unknown_since = None
        elif self.unknown_since is None:
            self.unknown_since = at
        if value is not None:
            self._record(at, value, marked, not partial)
        return marked

    def flow(self, at: float, equity_before: float, amount: float, *, partial: bool = False) -> Marked:
        """Take an external flow of `amount` (positive into the agent) that met `equity_before`.

        What equity did until then is P&L, the flow itself is not. `partial` as for `mark`, of `equity_before`.
        """
        _check_finite("equity_before", equity_before)
        _check_finite("amount", amount)
        at = self._advance(at)
        marked = self.nav.flow(equity_before, amount, partial=partial)
        if marked is RENEWED:
            self._record(at, 0.0, ENDED, not partial)
        value = self.nav.value
        if value is not None:
            self._record(at, value, marked, marked.began or not partial)
        self.daily.mark(at, equity_before + amount)
        return marked

    def trade(self, at: float, net: float) -> None:
        """Take one settled trade with its P&L net of fees."""
        _check_finite("net", net)
        self.trades.add(self._advance(at), net)

    def pnl(self, at: float, total: float, *, without_income: float | None = None) -> None:
        """Take the cumulative P&L.

        Args:
            at: when it was read.
            total: trading + casino + escrow + referral, unrealised included.
            without_income: trading + casino alone, which the daily loss is judged by; `total` when there is no income.
        """
        judged = total if without_income is None else without_income
        _check_finite("total", total)
        _check_finite("without_income", judged)
        at = self._advance(at)
        self.changes.update(at, total)
        self.daily.update(at, judged)

    def unknown(self, at: float) -> None:
        """Take a failed reading: nothing moves but time."""
        at = self._advance(at)
        if self.unknown_since is None:
            self.unknown_since = at

    def tick(self, at: float) -> None:
        """Let time pass: windows forget what left them, and grid points close."""
        at = self._advance(at)
        for drawdown in self.drawdowns.values():
            drawdown.expire(at)
        self.grid.tick(at)
        self.trades.expire(at)
        self.changes.expire(at)
        self.daily.expire(at)

    def summary(self, window: Window) -> Summary:
        """Every number of the window as of the newest fact."""
        at = self.at
        kept = self._kept.get(window)
        due = kept is None or at >= kept.until
        if due:
            self._settle(window, at)
        drawdown = self.drawdowns[window]
        nav = self.nav.value
        worst = drawdown.max()
        elapsed = 0.0 if self.born_at is None else at - max(self.born_at, drawdown.left)
        growth = None
        if elapsed >= ratios.CAGR_AFTER:
            growth = ratios.cagr(drawdown.start(), nav, elapsed, worst == 1.0)
        pnl = self.changes.change(window)
        loss = self.daily.loss()
        equity = self.daily.equity
        lacks = (equity is None, nav is None, not worst, growth is None, pnl is None, loss is None)
        found = replace(
            kept.summary if kept is not None else self._blank(window),
            at=at,
            equity=equity,
            nav=nav,
            epoch=self.nav.epoch,
            total_losses=self.nav.total_losses,
            drawdown=drawdown.current(),
            drawdown_max=worst,
            high=drawdown.high(),
            pnl=pnl,
            daily_loss=loss,
            cagr=growth,
            calmar=ratios.calmar(growth, worst, elapsed) if growth is not None else None,
        )
        if kept is None or due or kept.lacks != lacks or kept.tally is not self.trades.windows[window].tally:
            return self._refresh(found, kept, lacks, elapsed)
        return found

    def _refresh(self, found: Summary, kept: _Kept | None, lacks: _Lacks, elapsed: float) -> Summary:
        """`found` with slow numbers and reasons of now, computed anew unless only time has passed."""
        window = found.window
        tally = self.trades.windows[window].tally
        until = self._until(window, elapsed)
        stamp = (self.grid.points, int(elapsed // DAY))
        if kept is not None and kept.stamp == stamp and kept.lacks == lacks and kept.tally is tally:
            self._kept[window] = kept._replace(until=until)
            return found
        returns = self._return_numbers.get(window)
        if returns is None or returns[0] != self.grid.points:
            returns = (self.grid.points, return_numbers(self.grid, window))
            self._return_numbers[window] = returns
        found = replace(found, **asdict(returns[1]), **asdict(trade_numbers(tally)))
        found = replace(found, why=reasons(found, elapsed))
        self._kept[window] = _Kept(found, until, tally, lacks, stamp)
        return found

    def _blank(self, window: Window) -> Summary:
        return Summary(window=window, periods_a_year=self.grid.periods_a_year(), why={})

    def _settle(self, window: Window, at: float) -> None:
        """Bring what the window is made of up to `at`."""
        self.drawdowns[window].expire(at)
        self.grid.tick(at)
        self.trades.windows[window].expire(at)
        self.changes.windows[window].expire(at)
        self.daily.expire(at)

    def _until(self, window: Window, elapsed: float) -> float:
        """When the passing of time alone changes more of the summary than its time, unix seconds."""
        return min(
            self.drawdowns[window].edge,
            math.nextafter(self.grid.due, math.inf),
            self.trades.windows[window].edge,
            self.changes.windows[window].edge,
            self.daily.ends,
            self.at + DAY - elapsed % DAY,
        )

    def _record(self, at: float, value: float, marked: Marked, complete: bool) -> None:  # noqa: FBT001 - internal, one caller a reading
        if self.born_at is None:
            self.born_at = at
        for drawdown in self.drawdowns.values():
            drawdown.update(at, value, complete)
        if complete:
            self.grid.update(at, value, began=marked is BEGAN or marked is RENEWED)

    def _advance(self, at: float) -> float:
        self.at = max(self.at, at)
        return self.at


def _check_finite(name: str, number: float) -> None:
    if not math.isfinite(number):
        raise ValueError(f"{name} was {number}; only finite numbers are counted")
