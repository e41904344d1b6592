"""How well an agent does, by window: drawdowns, ratios of returns, and what its results say.

The numbers are those of `risk.performance.Performance.summary`, read from the same accumulators without the reasons that
a summary gives: a test holds the two together.
"""

from __future__ import annotations

from typing import Final

from fleawatch.catalog import performance as words
from fleawatch.flow.samples.shape import Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.risk import ratios
from fleawatch.risk.summary import ENOUGH_TRADES
from fleawatch.units import WINDOWS

_NOTHING: Final[tuple[Value, ...]] = (None,) * len(WINDOWS)
_SHARPE: Final = slice(len(WINDOWS) - len(words.SHARPE.windows), None)
"""The widest windows: a Sharpe ratio of an hour or a day says nothing."""


def drawdown(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """Fall from the window's peak now, 0..1; None before the first NAV."""
    if not view.money:
        return _NOTHING
    return [window.current() for window in view.agent.performance.drawdowns.values()]


def drawdown_max(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """Deepest fall within the window, 0..1; None before the first NAV."""
    if not view.money:
        return _NOTHING
    return [window.max() for window in view.agent.performance.drawdowns.values()]


def coverage(view: AgentView) -> tuple[Value, ...]:
    """Known grid points as a share of all, also while nothing is read: that is what it is for."""
    return view.returns.coverage


def returns(view: AgentView) -> tuple[Value, ...]:
    """How many returns the ratios rest on, also while nothing is read; None before a grid point has closed."""
    return view.returns.counts


def sharpe(view: AgentView) -> tuple[Value, ...]:
    """Annualised; None with too few returns, or none that differ."""
    return view.returns.sharpe[_SHARPE] if view.money else _NOTHING[_SHARPE]


def volatility(view: AgentView) -> tuple[Value, ...]:
    """Standard deviation of the returns of one grid step."""
    return view.returns.volatility if view.money else _NOTHING


def calmar(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """Annual growth over the deepest fall; None below 30 days, or when nothing was lost."""
    performance = view.agent.performance
    born = performance.born_at
    if born is None or not view.money or performance.at - born < ratios.CALMAR_AFTER:
        return _NOTHING[: len(words.CALMAR.windows)]
    found: list[Value] = []
    for window in words.CALMAR.windows:
        drawdown = performance.drawdowns[window]
        worst = drawdown.max()
        elapsed = performance.at - max(born, drawdown.left)
        growth = ratios.cagr(drawdown.start(), performance.nav.value, elapsed, worst == 1.0)
        found.append(ratios.calmar(growth, worst, elapsed))
    return found


def profit_factor(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """Gross profit by gross loss; None when nothing was lost."""
    if not view.results:
        return _NOTHING
    return [tally.gross_profit / tally.gross_loss if tally.gross_loss > 0.0 else None for tally in view.trades]


def win_ratio(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """Wins by decided trades; None below the number from which it is shown."""
    if not view.results:
        return _NOTHING
    return [
        tally.wins / known if (known := tally.wins + tally.losses) >= ENOUGH_TRADES else None for tally in view.trades
    ]


def decided(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """How many trades the win ratio rests on."""
    if not view.results:
        return _NOTHING
    return [tally.wins + tally.losses for tally in view.trades]


def break_even(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """The win ratio at which wins pay for losses; None without one of each."""
    if not view.results:
        return _NOTHING
    return [ratios.break_even(tally.wins, tally.losses, tally.gross_profit, tally.gross_loss) for tally in view.trades]


READERS = (
    fixed(words.DRAWDOWN, drawdown),
    fixed(words.DRAWDOWN_MAX, drawdown_max),
    fixed(words.COVERAGE, coverage),
    fixed(words.RETURNS, returns),
    fixed(words.SHARPE, sharpe),
    fixed(words.VOLATILITY, volatility),
    fixed(words.CALMAR, calmar),
    fixed(words.PROFIT_FACTOR, profit_factor),
    fixed(words.WIN_RATIO, win_ratio),
    fixed(words.DECIDED, decided),
    fixed(words.BREAK_EVEN, break_even),
)
