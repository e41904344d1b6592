"""The numbers of complete sequences."""

import random

import numpy as np
import pandas as pd
import pytest
import quantstats.stats as quantstats

from fleawatch.risk.batch import History, Reading, backtest, max_drawdown, numbers
from fleawatch.units import DAY, HOUR


@pytest.fixture(name="navs", params=[(0.0, 0.01), (0.003, 0.002), (-0.003, 0.002)], ids=["flat", "up", "down"])
def _navs(request):
    source = random.Random(8)
    drift, deviation = request.param
    navs = [1.0]
    for _ in range(3000):
        navs.append(navs[-1] * (1.0 + source.gauss(drift, deviation)))
    return navs


def test_a_backtest_is_that_of_quantstats(navs):
    """Sharpe, drawdown, CAGR, Calmar, win ratio and profit factor of hourly returns, without a mapping."""
    returns = pd.Series(np.diff(navs) / navs[:-1], index=pd.date_range("2026-01-01", periods=len(navs) - 1, freq="h"))
    found = backtest(navs, returns.tolist(), HOUR)
    assert found.sharpe == pytest.approx(float(quantstats.sharpe(returns, periods=8760)))
    assert found.max_drawdown == pytest.approx(-float(quantstats.max_drawdown(returns)))
    assert found.cagr == pytest.approx(float(quantstats.cagr(returns, periods=8760)))
    assert found.calmar == pytest.approx(float(quantstats.calmar(returns, periods=8760)))
    assert found.win_ratio == pytest.approx(float(quantstats.win_rate(returns)))
    assert found.profit_factor == pytest.approx(float(quantstats.profit_factor(returns)))


@pytest.mark.parametrize("block", [1, 2, 7, 512, 10_000])
def test_the_block_does_not_matter(navs, block):
    """However the curve is cut, the largest drawdown is NumPy's."""
    expected = float(np.max(1.0 - np.array(navs) / np.maximum.accumulate(navs)))
    assert max_drawdown(navs, block) == pytest.approx(expected, abs=1e-15)


def test_an_empty_backtest_has_no_numbers():
    """None throughout, also for one point, and for flat curves no ratio."""
    assert set(backtest([], [], HOUR)) == {None}
    assert backtest([1.0], [], HOUR).max_drawdown == 0.0
    assert backtest([1.0] * 1000, [0.0], HOUR)[:4] == (None, 0.0, 0.0, None)


def test_numbers_of_nothing_are_none():
    """An empty history has no NAV, no ratios, and counts of 0."""
    found = numbers(History(DAY, []), "7d")
    assert {name for name, value in found.items() if value is not None} == {
        "n",
        "wins",
        "losses",
        "pushes",
        "gross_profit",
        "gross_loss",
    }


def test_numbers_of_a_worked_example():
    """100, 80, 120 in three hours: a fifth was lost at most, nothing now; returns -20 % and +50 %."""
    found = numbers(
        History(3 * HOUR + 1, [Reading(h * HOUR, e) for h, e in ((1, 100.0), (2, 80.0), (3, 120.0))]), "24h"
    )
    assert (found["nav"], found["drawdown"], found["drawdown_max"]) == (pytest.approx(1.2), 0.0, pytest.approx(0.2))
    assert found["volatility"] == pytest.approx(0.35 * 2**0.5)
