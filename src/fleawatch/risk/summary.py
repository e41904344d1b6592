"""Every number of one window at one moment, and a reason for each one that is missing.

A missing number is never 0: it is None, and `why` says in a few words what it lacks. The numbers come in three speeds:
those of the NAV change with each reading, those of trades with each trade, those of returns when a grid point closes.
The slow ones are computed here, so that they can be kept while nothing they depend on moves.
"""

from __future__ import annotations

import math

import msgspec

from fleawatch.risk import ratios
from fleawatch.risk.grid import ReturnGrid
from fleawatch.risk.moments import Moments
from fleawatch.risk.trades import Tally
from fleawatch.units import DAY, WINDOWS, Window

ENOUGH_COVERAGE = 0.9
"""Share of known grid points below which ratios of returns say nothing."""
ENOUGH_TRADES = 20
"""Wins and losses below which a win ratio is not shown."""


class Summary(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The numbers of one window. Ratios are 0..1, money is USD, times are unix seconds; None is explained in `why`.

    Attributes:
        window: name of the window.
        at: time of the newest fact the numbers know of.
        equity: last equity.
        nav: price of one unit, 1.0 when the running epoch began.
        epoch, total_losses: number of the running or last epoch, and how many ended in a total loss.
        drawdown, drawdown_max, high: current and largest drawdown in the window, and its highest NAV.
        pnl: change of the cumulative P&L over the window.
        daily_loss: trading and casino loss since 00:00 UTC, 0 or above.
        n, coverage, periods_a_year: returns in the window, known share of its grid points, grid steps in 365 days.
        sharpe, sharpe_upper, sortino, volatility: of the grid returns; the first three a year, the last a step.
        cagr, calmar: yearly growth, and it by the largest drawdown.
        value_at_risk_95, value_at_risk_99, expected_shortfall_95, expected_shortfall_99: of one grid step, 30d only.
        wins, losses, pushes, gross_profit, gross_loss: trades settled in the window.
        win_ratio, win_ratio_low, win_ratio_high: from `ENOUGH_TRADES` on, with its 95 % Wilson interval.
        break_even: win ratio at which the expectancy is 0.
        profit_factor, expectancy: gross profit by gross loss; mean net P&L of a trade.
        why: reason for each number that is None.
    """

    window: Window
    at: float = 0.0
    equity: float | None = None
    nav: float | None = None
    epoch: int = 0
    total_losses: int = 0
    drawdown: float | None = None
    drawdown_max: float | None = None
    high: float | None = None
    pnl: float | None = None
    daily_loss: float | None = None
    n: int = 0
    coverage: float | None = None
    periods_a_year: float
    sharpe: float | None = None
    sharpe_upper: float | None = None
    sortino: float | None = None
    volatility: float | None = None
    cagr: float | None = None
    calmar: float | None = None
    value_at_risk_95: float | None = None
    value_at_risk_99: float | None = None
    expected_shortfall_95: float | None = None
    expected_shortfall_99: float | None = None
    wins: int = 0
    losses: int = 0
    pushes: int = 0
    gross_profit: float = 0.0
    gross_loss: float = 0.0
    win_ratio: float | None = None
    win_ratio_low: float | None = None
    win_ratio_high: float | None = None
    break_even: float | None = None
    profit_factor: float | None = None
    expectancy: float | None = None
    why: dict[str, str]


class ReturnNumbers(msgspec.Struct, frozen=True):
    """What the grid returns of a window say; fields as in `Summary`."""

    n: int
    coverage: float | None
    sharpe: float | None
    sharpe_upper: float | None
    sortino: float | None
    volatility: float | None
    value_at_risk_95: float | None
    value_at_risk_99: float | None
    expected_shortfall_95: float | None
    expected_shortfall_99: float | None


class TradeNumbers(msgspec.Struct, frozen=True):
    """What the trades of a window say; fields as in `Summary`."""

    wins: int
    losses: int
    pushes: int
    gross_profit: float
    gross_loss: float
    win_ratio: float | None
    win_ratio_low: float | None
    win_ratio_high: float | None
    break_even: float | None
    profit_factor: float | None
    expectancy: float | None


def return_numbers(grid: ReturnGrid, window: Window) -> ReturnNumbers:
    """Ratios of the window's grid returns; all None below `ENOUGH_COVERAGE`, tail risk also outside the 30d window."""
    coverage = grid.coverage(window)
    if window == "all_time":
        returns: list[float] = []
        moments, downside = grid.moments, grid.downside
    else:
        returns = grid.returns(window)
        moments, downside = Moments.of(returns), ratios.downside(returns, grid.risk_free)
    if coverage is None or coverage < ENOUGH_COVERAGE:
        return ReturnNumbers(moments.count, coverage, *[None] * 8)
    periods = grid.periods_a_year()
    sharpe = ratios.sharpe(moments, periods, grid.risk_free)
    tail = returns if window == "30d" else []
    return ReturnNumbers(
        n=moments.count,
        coverage=coverage,
        sharpe=sharpe,
        sharpe_upper=ratios.sharpe_upper_bound(sharpe, moments.count, periods),
        sortino=ratios.sortino(moments.count, moments.mean, downside, periods, grid.risk_free),
        volatility=ratios.volatility(moments),
        value_at_risk_95=ratios.value_at_risk(tail, 0.95),
        value_at_risk_99=ratios.value_at_risk(tail, 0.99),
        expected_shortfall_95=ratios.expected_shortfall(tail, 0.95),
        expected_shortfall_99=ratios.expected_shortfall(tail, 0.99),
    )


def trade_numbers(tally: Tally) -> TradeNumbers:
    """Ratios of the window's trades."""
    decided = tally.wins + tally.losses
    interval = ratios.wilson_interval(tally.wins, decided) if decided >= ENOUGH_TRADES else None
    return TradeNumbers(
        wins=tally.wins,
        losses=tally.losses,
        pushes=tally.pushes,
        gross_profit=tally.gross_profit,
        gross_loss=tally.gross_loss,
        win_ratio=ratios.win_ratio(tally.wins, tally.losses) if interval else None,
        win_ratio_low=interval[0] if interval else None,
        win_ratio_high=interval[1] if interval else None,
        break_even=ratios.break_even(tally.wins, tally.losses, tally.gross_profit, tally.gross_loss),
        profit_factor=ratios.profit_factor(tally.gross_profit, tally.gross_loss),
        expectancy=ratios.expectancy(tally.gross_profit, tally.gross_loss, tally.count),
    )


def reasons(summary: Summary, elapsed: float) -> dict[str, str]:
    """A reason for each number of `summary` that is None; `elapsed` is the age of the window's first NAV, seconds."""
    found = {**_nav_reasons(summary, elapsed), **_return_reasons(summary), **_trade_reasons(summary)}
    return {name: reason for name, reason in found.items() if getattr(summary, name) is None}


def _nav_reasons(summary: Summary, elapsed: float) -> dict[str, str]:
    unborn = summary.nav is None
    no_nav = "no equity above 0.01 yet"
    found = dict.fromkeys(("nav", "drawdown", "drawdown_max", "high"), no_nav)
    found["equity"] = "no reading yet"
    found["pnl"] = found["daily_loss"] = "no P&L reading yet"
    days = math.floor(elapsed / DAY)
    for name, least in (("cagr", ratios.CAGR_AFTER), ("calmar", ratios.CALMAR_AFTER)):
        if unborn:
            found[name] = no_nav
        elif elapsed < least:
            width = WINDOWS[summary.window]
            found[name] = f"needs {least / DAY:.0f} days, " + (
                f"the window has {width / DAY:.2g}" if width < least else f"has {days}"
            )
        elif summary.cagr is None:
            found[name] = "yearly growth is beyond what a number holds"
        else:
            found[name] = "nothing was lost in the window"
    return found


def _return_reasons(summary: Summary) -> dict[str, str]:
    names = ("sharpe", "sharpe_upper", "sortino", "volatility")
    tails = {
        "value_at_risk_95": 100,
        "expected_shortfall_95": 100,
        "value_at_risk_99": 500,
        "expected_shortfall_99": 500,
    }
    found = {"coverage": "no grid point has closed yet"}
    if summary.coverage is not None and summary.coverage < ENOUGH_COVERAGE:
        few = f"coverage {summary.coverage:.2f} is below {ENOUGH_COVERAGE}"
        return found | dict.fromkeys((*names, *tails), few)
    for name in names:
        if summary.n < 2:
            found[name] = f"needs 2 returns, has {summary.n}"
        else:
            found[name] = "no return below the risk-free rate" if name == "sortino" else "returns do not vary"
    for name, least in tails.items():
        short = f"needs {least} returns, has {summary.n}"
        found[name] = short if summary.window == "30d" else "stated for the 30d window only"
    return found


def _trade_reasons(summary: Summary) -> dict[str, str]:
    decided = summary.wins + summary.losses
    few = f"needs {ENOUGH_TRADES} trades, has {decided}"
    count = decided + summary.pushes
    return {
        "win_ratio": few,
        "win_ratio_low": few,
        "win_ratio_high": few,
        "break_even": "needs a win and a loss" if count else "no trades",
        "profit_factor": "no losing trade" if count else "no trades",
        "expectancy": "no trades",
    }
