"""The same numbers from complete sequences: the plain reading of the definitions, and one fast pass for backtests.

`numbers` takes everything that happened to an agent up to a moment and works each number out from scratch, with none
of the streaming code: it is what the streaming statistics are checked against, at every prefix. `backtest` is for
millions of points: it spends its time inside C loops of the standard library. docs/reference/definitions.md.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, islice, pairwise
from operator import truediv
from typing import NamedTuple

from fleawatch.units import DAY, HOUR, WINDOWS, YEAR, Window


class Reading(NamedTuple):
    """Equity in USD read at a time; `partial` when parts of it were Unknown."""

    at: float
    equity: float
    partial: bool = False


class Flow(NamedTuple):
    """External money in (positive) or out that met an equity, USD."""

    at: float
    equity_before: float
    amount: float


class Point(NamedTuple):
    """A NAV in force from a time on; `known` unless it comes from a partial reading."""

    at: float
    nav: float
    epoch: int
    known: bool


class History(NamedTuple):
    """All that happened up to `now`, each part in time order. Money in USD.

    Attributes:
        now: time of the newest fact.
        equity: readings and flows.
        trades: (time, net P&L) of settled trades.
        totals: (time, cumulative P&L).
    """

    now: float
    equity: Sequence[Reading | Flow]
    trades: Sequence[tuple[float, float]] = ()
    totals: Sequence[tuple[float, float]] = ()


def nav_points(steps: Sequence[Reading | Flow]) -> list[Point]:
    """The NAV after each step: within an epoch, the product of the growth of equity between flows."""
    points: list[Point] = []
    nav: float | None = None
    base = 0.0  # equity at which the NAV was last `nav`; 0.0 while nothing is invested
    epoch = 0
    for step in steps:
        before = step.equity if isinstance(step, Reading) else step.equity_before
        known = isinstance(step, Flow) or not step.partial
        frozen = nav is not None and nav > 0.0 and base == 0.0
        if base > 0.0 and nav is not None:
            grown = before > 0.01
            nav, base = (nav * (before / base), before) if grown else (0.0, 0.0)
            if not grown:
                points.append(Point(step.at, 0.0, epoch, known))
        elif before > 0.01 and known:
            nav, base, epoch = (nav, before, epoch) if frozen else (1.0, before, epoch + 1)
        if isinstance(step, Flow):
            after = before + step.amount
            frozen = nav is not None and nav > 0.0
            if after > 0.01 and not frozen:
                nav, epoch = 1.0, epoch + 1
            base = max(after, 0.0) if after > 0.01 else 0.0
        if nav is not None:
            points.append(Point(step.at, nav, epoch, known))
    return points


def left_edge(now: float, width: float) -> float:
    """Where a window of `width` seconds begins at `now`: 60 steps of width/60 before the step that holds `now`."""
    step = width / 60
    return -math.inf if width == math.inf else (now // step - 60) * step


def drawdowns(points: Sequence[Point], now: float, width: float) -> tuple[float, float] | None:
    """(current, maximum) drawdown of the window; None without a point.

    Every point is compared with the highest known NAV of its epoch before it. At the left edge the NAV in force and
    the last known one take part.
    """
    if not points:
        return None
    edge = left_edge(now, width)
    before = [point for point in points if point.at < edge]
    known_before = [point for point in before if point.known]
    inside = [point for point in points if point.at >= edge]
    current = worst = 0.0
    peak, epoch = 0.0, -1
    for point in (*known_before[-1:], *before[-1:], *inside):
        if point.epoch != epoch and point.known:
            peak, epoch = 0.0, point.epoch
        if point.known:
            peak = max(peak, point.nav)
        current = max(0.0, 1.0 - point.nav / peak) if point.nav > 0.0 else 1.0
        worst = max(worst, current)
    return current, worst


def growth(points: Sequence[Point], now: float, width: float) -> tuple[float | None, float]:
    """(CAGR, elapsed seconds) of the window."""
    if not points:
        return None, 0.0
    edge = left_edge(now, width)
    before = [point for point in points if point.at < edge]
    inside = [point for point in points if point.at >= edge]
    start = before[-1] if before else inside[0]
    elapsed = now - max(points[0].at, edge)
    if elapsed < 7 * DAY:
        return None, elapsed
    if any(point.nav == 0.0 for point in (start, *inside)):
        return -1.0, elapsed
    return math.exp(math.log(points[-1].nav / start.nav) * (YEAR / elapsed)) - 1.0, elapsed


def grid_values(points: Sequence[Point], now: float, step: float = HOUR) -> list[tuple[float, int] | None]:
    """(NAV, epoch) at each grid point that lies before `now`, since the first NAV; None where missing."""
    known = [point for point in points if point.known]
    if not known:
        return []
    times = [point.at for point in known]
    values: list[tuple[float, int] | None] = []
    for number in range(math.ceil(known[0].at / step), math.ceil(now / step)):
        due = number * step
        last = known[bisect_right(times, due) - 1]
        values.append((last.nav, last.epoch) if last.at >= due - step else None)
    return values


def grid_returns(values: Sequence[tuple[float, int] | None]) -> list[float]:
    """Returns between neighbouring known points of one epoch, oldest first."""
    return [
        after[0] / before[0] - 1.0
        for before, after in pairwise(values)
        if before is not None and after is not None and before[0] > 0.0 and before[1] == after[1]
    ]


def return_numbers(values: Sequence[tuple[float, int] | None], step: float = HOUR) -> dict[str, float | None]:
    """n, coverage, Sharpe, Sortino, volatility, 95 % VaR and expected shortfall of the grid points given."""
    returns = grid_returns(values)
    n = len(returns)
    found: dict[str, float | None] = {"n": n, "coverage": None, "sharpe": None, "sortino": None, "volatility": None}
    found |= {"value_at_risk_95": None, "expected_shortfall_95": None}
    if values:
        found["coverage"] = sum(value is not None for value in values) / len(values)
    if n < 2 or (found["coverage"] or 0.0) < 0.9:
        return found
    mean = math.fsum(returns) / n
    deviation = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / (n - 1))
    down = math.sqrt(math.fsum(min(r, 0.0) ** 2 for r in returns) / n)
    yearly = math.sqrt(YEAR / step)
    found["volatility"] = deviation
    found["sharpe"] = mean / deviation * yearly if deviation > 1e-12 else None
    found["sortino"] = mean / down * yearly if down > 1e-12 else None
    if n >= 100:
        worst = sorted(returns)[: -(-n // 20)]
        found["value_at_risk_95"] = -worst[-1]
        found["expected_shortfall_95"] = -math.fsum(worst) / len(worst)
    return found


def trade_numbers(trades: Sequence[tuple[float, float]], now: float, width: float) -> dict[str, float | None]:
    """Counts, sums and ratios of the trades in the window."""
    edge = left_edge(now, width)
    nets = [net for at, net in trades if at >= edge]
    won = [net for net in nets if net > 0.0]
    lost = [-net for net in nets if net < 0.0]
    decided = len(won) + len(lost)
    average_win = math.fsum(won) / len(won) if won else None
    average_loss = math.fsum(lost) / len(lost) if lost else None
    return {
        "wins": len(won),
        "losses": len(lost),
        "pushes": len(nets) - decided,
        "gross_profit": math.fsum(won),
        "gross_loss": math.fsum(lost),
        "win_ratio": len(won) / decided if decided >= 20 else None,
        "profit_factor": math.fsum(won) / math.fsum(lost) if lost else None,
        "expectancy": math.fsum(nets) / len(nets) if nets else None,
        "break_even": average_loss / (average_win + average_loss) if average_win and average_loss else None,
    }


def pnl_change(totals: Sequence[tuple[float, float]], now: float, width: float) -> float | None:
    """Last total minus the total in force at the left edge, or minus the first one of a younger history."""
    if not totals:
        return None
    before = [total for at, total in totals if at < left_edge(now, width)]
    return totals[-1][1] - (before[-1] if before else totals[0][1])


def daily_loss(totals: Sequence[tuple[float, float]], now: float) -> float | None:
    """-min(0, last total minus the one in force at 00:00 UTC), or minus the first one of a first day."""
    if not totals:
        return None
    before = [total for at, total in totals if at < now - now % DAY]
    return max(0.0, (before[-1] if before else totals[0][1]) - totals[-1][1])


def numbers(history: History, window: Window, step: float = HOUR) -> dict[str, float | None]:
    """Every number of `Summary` that is defined by the history, by its name there, worked out from scratch."""
    now, width = history.now, WINDOWS[window]
    points = nav_points(history.equity)
    falls = drawdowns(points, now, width)
    cagr, elapsed = growth(points, now, width)
    values = grid_values(points, now, step)
    if width < math.inf:
        values = values[-(int(width / step) + 1) :]
    found: dict[str, float | None] = {
        "nav": points[-1].nav if points else None,
        "drawdown": falls[0] if falls else None,
        "drawdown_max": falls[1] if falls else None,
        "cagr": cagr,
        "calmar": cagr / falls[1] if cagr is not None and falls and falls[1] > 0.0 and elapsed >= 30 * DAY else None,
        "pnl": pnl_change(history.totals, now, width),
        "daily_loss": daily_loss(history.totals, now),
    }
    return found | return_numbers(values, step) | trade_numbers(history.trades, now, width)


class Backtest(NamedTuple):
    """Headline numbers of a finished run; definitions and empty cases as in `Summary`."""

    sharpe: float | None
    max_drawdown: float | None
    cagr: float | None
    calmar: float | None
    win_ratio: float | None
    profit_factor: float | None


def backtest(navs: Sequence[float], nets: Sequence[float], step: float) -> Backtest:
    """Headline numbers of NAVs on a grid of `step` seconds and of the net P&L of the trades, USD, in milliseconds.

    All NAVs are above 0: a curve that was lost entirely has no returns after, and is for `numbers`. Lists are fastest.
    The win ratio has no least number of trades here.
    """
    elapsed = (len(navs) - 1) * step
    worst = max_drawdown(navs)
    cagr = None
    if len(navs) > 1 and elapsed >= 7 * DAY:
        cagr = math.expm1(YEAR / elapsed * math.log(navs[-1] / navs[0]))
    won = [net for net in nets if net > 0.0]
    lost = [net for net in nets if net < 0.0]
    decided = len(won) + len(lost)
    gross_loss = -math.fsum(lost)
    return Backtest(
        sharpe=_sharpe(navs, YEAR / step),
        max_drawdown=worst,
        cagr=cagr,
        calmar=cagr / worst if cagr is not None and worst and elapsed >= 30 * DAY else None,
        win_ratio=len(won) / decided if decided else None,
        profit_factor=math.fsum(won) / gross_loss if gross_loss > 0.0 else None,
    )


def max_drawdown(navs: Sequence[float], block: int = 512) -> float | None:
    """Largest 1 - NAV_t / NAV_s with s <= t, for NAVs above 0. None without any.

    Most blocks cannot hold the largest fall: even their lowest NAV under the highest peak so far is not low enough.
    Only the others are walked through.
    """
    if not navs:
        return None
    peak, worst = navs[0], 0.0
    for start in range(0, len(navs), block):
        part = navs[start : start + block]
        top = max(part)
        highest = max(peak, top)
        if 1.0 - min(part) / highest > worst:
            peaks = list(accumulate(part, max, initial=peak))
            worst = max(worst, 1.0 - min(map(truediv, part, islice(peaks, 1, None))))
        peak = highest
    return worst


def _sharpe(navs: Sequence[float], periods_a_year: float) -> float | None:
    ratios = tuple(map(truediv, islice(navs, 1, None), navs))
    n = len(ratios)
    if n < 2:
        return None
    mean = math.fsum(ratios) / n
    # The distance from the point (mean, mean, ...) is the root of the summed squares, taken in C and in full precision.
    deviation = math.dist(ratios, (mean,) * n) / math.sqrt(n - 1)
    return (mean - 1.0) / deviation * math.sqrt(periods_a_year) if deviation > 1e-12 else None
