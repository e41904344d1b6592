"""Statistics: a day of one agent, summary each tick, and a million points at once beside QuantStats.

QuantStats is the peer in its best form: pandas is imported and the series prepared before the clock starts, and both
sides compute Sharpe, maximum drawdown, Calmar, win ratio and profit factor of the same returns in the same run, taking
turns so that a busy machine is busy for both.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from benchmarks.harness import at_most, median_seconds, report, wants_json
from fleawatch.risk.batch import backtest
from fleawatch.risk.performance import Performance
from fleawatch.units import HOUR, WINDOWS, YEAR

TICKS = 2_880
POINTS = 1_000_000
START = 1_700_006_400.0
DAY_MILLISECONDS = 15.0
RATIO_TO_PEER = 1.0


def ticks() -> list[tuple[float, float]]:
    """A day of equities, one every 30 s."""
    source = random.Random(7)
    equity = 1000.0
    found = []
    for number in range(TICKS):
        equity *= 1.0 + source.gauss(0.0, 1e-3)
        found.append((START + number * 30.0, equity))
    return found


def a_day(facts: list[tuple[float, float]]) -> None:
    """Mark and summarise at every tick, as one agent's fold does."""
    performance = Performance()
    for at, equity in facts:
        performance.mark(at, equity)
        performance.summary("all_time")


def marks_only(facts: list[tuple[float, float]]) -> None:
    """The same day without asking."""
    performance = Performance()
    for at, equity in facts:
        performance.mark(at, equity)


def all_windows(facts: list[tuple[float, float]]) -> None:
    """The same day, asking for all five windows at every tick."""
    performance = Performance()
    for at, equity in facts:
        performance.mark(at, equity)
        for window in WINDOWS:
            performance.summary(window)


def million() -> tuple[list[float], list[float]]:
    """(NAVs, returns) of a million hours."""
    source = random.Random(11)
    returns = [source.gauss(1e-6, 1e-4) for _ in range(POINTS)]
    navs = [1.0]
    for change in returns:
        navs.append(navs[-1] * (1.0 + change))
    return navs, returns


def peer(returns: list[float]) -> Callable[[], object]:
    """QuantStats over the same returns, its series prepared."""
    warnings.simplefilter("ignore")
    # The peer is loaded only where it runs, and by name: it is untyped and no part of the project.
    pandas: Any = import_module("pandas")
    quantstats: Any = import_module("quantstats.stats")
    series = pandas.Series(returns, index=pandas.date_range("1900-01-01", periods=len(returns), freq="h"))
    periods = int(YEAR / HOUR)

    def run() -> object:
        return (
            quantstats.sharpe(series, periods=periods),
            quantstats.max_drawdown(series),
            quantstats.calmar(series, periods=periods),
            quantstats.win_rate(series),
            quantstats.profit_factor(series),
        )

    return run


def in_turns(one: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of both, called alternately."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats + 1):
        for fn, found in zip((one, other), times, strict=True):
            begun = time.perf_counter()
            fn()
            found.append(time.perf_counter() - begun)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def main() -> int:
    """Measure and report."""
    as_json = wants_json(__doc__ or "")
    facts = ticks()
    day = median_seconds(lambda: a_day(facts), 101)
    marks = median_seconds(lambda: marks_only(facts), 101)
    windows = median_seconds(lambda: all_windows(facts), 5)
    navs, returns = million()
    ours, theirs = in_turns(lambda: backtest(navs, returns, HOUR), peer(returns), 7)
    figures = {
        "day_of_ticks_with_summary_ms": day * 1e3,
        "mark_us": marks / TICKS * 1e6,
        "summary_all_time_us": (day - marks) / TICKS * 1e6,
        "day_of_ticks_with_all_five_summaries_ms": windows * 1e3,
        "batch_million_points_ms": ours * 1e3,
        "quantstats_million_points_ms": theirs * 1e3,
    }
    targets = {
        "day of 30 s ticks, mark and summary each, ms": at_most(day * 1e3, DAY_MILLISECONDS),
        "10^6-point batch / QuantStats in the same run": at_most(ours / theirs, RATIO_TO_PEER),
    }
    return report("stats", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
