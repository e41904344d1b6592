"""How well an agent does, by window: drawdowns, ratios of returns, and what its results say.

The numbers are those of `risk.performance.Performance.summary`, read from the same accumulators without the reasons that
a summary gives: a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fleawatch.catalog import performance as words
from fleawatch.flow.samples.shape import Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.risk import ratios
from fleawatch.risk.windows import falls
from fleawatch.units import WINDOWS

_NOTHING: Final[tuple[Value, ...]] = (None,) * len(WINDOWS)
_NO_FALLS: Final = _NOTHING * 2


def drawdowns(view: AgentView) -> Sequence[Value]:
    """Fall from the window's peak now and deepest fall within the window, each 0..1; None before the first NAV."""
    if not view.money:
        return _NO_FALLS
    return falls(view.agent.performance.drawdowns.values())


def returns(view: AgentView) -> Sequence[Value]:
    """Coverage, number of returns, Sharpe ratio and volatility by window, as the view remembers them.

    The first two are told also while nothing is read: that is what they are for.
    """
    return view.memory.known if view.money else view.memory.unseen


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


def trades(view: AgentView) -> Sequence[Value]:
    """Profit factor, win ratio, trades that decide it, and the win ratio to break even, by window.

    None: nothing was lost; fewer trades than from which a win ratio is shown; no win or no loss to average.
    """
    return view.trades() if view.results else _NO_TRADES


_NO_TRADES: Final = _NOTHING * 4


def anomalies(view: AgentView) -> Sequence[Value]:
    """Robust z-score of the latest closed return, middle and deviation of those before it, and how far the latest differ.

    That is in spread and in mean. None before there are enough of them.
    """
    if not view.money:
        return _NO_ANOMALIES
    watch = view.agent.returns
    mean = watch.mean_score
    return (watch.zscore, watch.center, watch.deviation, watch.variance_score, None if mean is None else abs(mean))


_NO_ANOMALIES: Final[tuple[Value, ...]] = (None,) * 5


READERS = (
    fixed(words.DRAWDOWN, words.DRAWDOWN_MAX, read=drawdowns),
    fixed(words.COVERAGE, words.RETURNS, words.SHARPE, words.VOLATILITY, read=returns),
    fixed(words.CALMAR, read=calmar),
    fixed(words.PROFIT_FACTOR, words.WIN_RATIO, words.DECIDED, words.BREAK_EVEN, read=trades),
    fixed(words.ZSCORE, words.BASELINE_MEAN, words.BASELINE_STDDEV, words.REGIME_SCORE, read=anomalies),
)
