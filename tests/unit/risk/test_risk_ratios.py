"""Each formula against an independent implementation, and its empty cases."""

import math
import random

import numpy as np
import pandas as pd
import pytest
import quantstats.stats as quantstats
import river.stats
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from fleawatch.risk import ratios
from fleawatch.risk.moments import Moments
from fleawatch.units import DAY, YEAR

HOURLY = 8760.0


@pytest.fixture(name="returns", params=range(3))
def _returns(request):
    source = random.Random(request.param)
    return [source.gauss(0.0005, 0.01) for _ in range(800)]


def series(values):
    return pd.Series(values, index=pd.date_range("2026-01-01", periods=len(values), freq="h"))


def test_sharpe_is_that_of_quantstats(returns):
    """QuantStats: mean / std (ddof 1) x sqrt(periods), with rf = 0; the same formula without a mapping."""
    assert ratios.sharpe(Moments.of(returns), HOURLY) == pytest.approx(
        float(quantstats.sharpe(series(returns), periods=HOURLY))
    )


def test_sharpe_takes_off_the_risk_free_return(returns):
    """Against NumPy: (mean - rf) / std."""
    expected = (np.mean(returns) - 1e-4) / np.std(returns, ddof=1) * math.sqrt(HOURLY)
    assert ratios.sharpe(Moments.of(returns), HOURLY, 1e-4) == pytest.approx(float(expected))


@pytest.mark.parametrize("values", [[], [0.1], [0.1, 0.1, 0.1], [0.0] * 60])
def test_sharpe_of_nothing_or_of_constants_is_none(values):
    """Three equal returns have a deviation of rounding noise, not a ratio of 5e17."""
    assert ratios.sharpe(Moments.of(values), HOURLY) is None


def test_sharpe_upper_bound_follows_lo(returns):
    """Estimate plus 1.96 standard errors of the ratio per step, scaled: Lo (2002), equation 9."""
    n = len(returns)
    a_step = np.mean(returns) / np.std(returns, ddof=1)
    error = math.sqrt((1 + a_step**2 / 2) / n)
    expected = (a_step + scipy_stats.norm.ppf(0.975) * error) * math.sqrt(HOURLY)
    found = ratios.sharpe_upper_bound(ratios.sharpe(Moments.of(returns), HOURLY), n, HOURLY)
    assert found == pytest.approx(float(expected))
    assert ratios.sharpe_upper_bound(None, n, HOURLY) is None


def test_sharpe_upper_bound_covers_as_often_as_it_says():
    """For normal returns the true ratio lies above the bound in about 2.5 % of 2,000 samples."""
    source = np.random.default_rng(5)
    samples = source.normal(0.1, 1.0, size=(2000, 200))
    misses = 0
    for sample in samples:
        bound = ratios.sharpe_upper_bound(ratios.sharpe(Moments.of(sample.tolist()), 1.0), 200, 1.0)
        misses += bound < 0.1
    assert 0.015 < misses / 2000 < 0.035


def test_sortino_is_that_of_quantstats(returns):
    """QuantStats: mean / sqrt(sum of squared negative returns / all n) x sqrt(periods); the same formula."""
    found = ratios.sortino(len(returns), math.fsum(returns) / len(returns), ratios.downside(returns), HOURLY)
    assert found == pytest.approx(float(quantstats.sortino(series(returns), periods=HOURLY)))


def test_sortino_without_downside_is_none():
    """Only gains, or a single return: no ratio."""
    assert ratios.sortino(3, 0.1, ratios.downside([0.1, 0.1, 0.1]), HOURLY) is None
    assert ratios.sortino(1, -0.1, 0.01, HOURLY) is None


def test_cagr_is_compound_growth_over_real_time():
    """A NAV of 1.21 after two years grew by 10 % a year."""
    assert ratios.cagr(1.0, 1.21, 2 * YEAR, lost_epoch=False) == pytest.approx(0.1)


def test_cagr_maps_to_quantstats(returns):
    """QuantStats takes years = n / periods: with n returns and elapsed = n steps both agree.

    Its own index-based year count is not used (it takes days between first and last point, one period short), hence
    the explicit `periods`.
    """
    total = float(np.prod(1.0 + np.array(returns)))
    expected = float(quantstats.cagr(series(returns), periods=HOURLY))
    assert ratios.cagr(1.0, total, len(returns) * YEAR / HOURLY, lost_epoch=False) == pytest.approx(expected)


def test_cagr_has_edges():
    """None below 7 days and before a NAV, -1 after a total loss, None beyond a double."""
    assert ratios.cagr(1.0, 2.0, 7 * DAY - 1, lost_epoch=False) is None
    assert ratios.cagr(None, None, YEAR, lost_epoch=False) is None
    assert ratios.cagr(1.0, 2.0, 8 * DAY, lost_epoch=True) == -1.0
    assert ratios.cagr(1.0, 0.0, 8 * DAY, lost_epoch=False) == -1.0
    assert ratios.cagr(1e-3, 1e9, 7 * DAY, lost_epoch=False) is None


def test_calmar_is_that_of_quantstats(returns):
    """QuantStats: CAGR / |max drawdown| of the same curve. Its drawdown takes 1.0 as the first peak, as a NAV does."""
    curve = np.cumprod(1.0 + np.array(returns))
    navs = np.concatenate([[1.0], curve])
    worst = float(np.max(1.0 - navs / np.maximum.accumulate(navs)))
    assert worst == pytest.approx(-float(quantstats.max_drawdown(series(returns))))
    elapsed = len(returns) * YEAR / HOURLY
    found = ratios.calmar(ratios.cagr(1.0, float(curve[-1]), elapsed, lost_epoch=False), worst, elapsed)
    assert found == pytest.approx(float(quantstats.calmar(series(returns), periods=HOURLY)))


def test_calmar_needs_a_month_and_a_loss():
    """None below 30 days, without a drawdown, and without a CAGR."""
    assert ratios.calmar(0.1, 0.1, 30 * DAY - 1) is None
    assert ratios.calmar(0.1, 0.0, 31 * DAY) is None
    assert ratios.calmar(None, 0.1, 31 * DAY) is None
    assert ratios.calmar(0.1, 0.2, 30 * DAY) == pytest.approx(0.5)


def test_volatility_is_the_deviation_of_a_step(returns):
    """Against NumPy with ddof 1, not annualised."""
    assert ratios.volatility(Moments.of(returns)) == pytest.approx(float(np.std(returns, ddof=1)))


@pytest.mark.parametrize(("confidence", "count"), [(0.95, 100), (0.95, 137), (0.95, 800), (0.99, 500), (0.99, 799)])
def test_value_at_risk_is_an_order_statistic(returns, confidence, count):
    """NumPy's inverted_cdf quantile at 1 - a is x_(ceil((1 - a) n)), the same without interpolation."""
    values = returns[:count]
    expected = -float(np.quantile(values, round(1 - confidence, 10), method="inverted_cdf"))
    assert ratios.value_at_risk(values, confidence) == expected


@pytest.mark.parametrize(("confidence", "count", "k"), [(0.95, 100, 5), (0.95, 101, 6), (0.99, 500, 5), (0.99, 501, 6)])
def test_the_tail_is_not_widened_by_rounding(confidence, count, k):
    """(1 - 0.95) x 100 is above 5 in doubles, and the tail is 5 all the same."""
    assert ratios.tail_count(count, confidence) == k


def test_expected_shortfall_is_the_mean_of_the_tail(returns):
    """Against NumPy: minus the mean of the k smallest; never below the value at risk."""
    found = ratios.expected_shortfall(returns, 0.95)
    assert found == pytest.approx(-float(np.mean(np.sort(returns)[:40])))
    assert found >= ratios.value_at_risk(returns, 0.95)


def test_tail_risk_needs_a_tail(returns):
    """95 % from 100 returns, 99 % from 500."""
    assert ratios.value_at_risk(returns[:99], 0.95) is None
    assert ratios.expected_shortfall(returns[:99], 0.95) is None
    assert ratios.value_at_risk(returns[:499], 0.99) is None
    assert ratios.value_at_risk(returns[:500], 0.99) is not None


def test_value_at_risk_may_be_negative():
    """Where even the bad hours gain, the loss is negative."""
    assert ratios.value_at_risk([0.01] * 100, 0.95) == -0.01


@pytest.mark.parametrize(("wins", "count"), [(0, 20), (7, 20), (20, 20), (510, 1000), (1, 1)])
def test_wilson_interval_is_that_of_statsmodels(wins, count):
    """proportion_confint with method wilson at 95 %."""
    expected = proportion_confint(wins, count, alpha=0.05, method="wilson")
    assert ratios.wilson_interval(wins, count) == pytest.approx(expected, abs=1e-12)


def test_wilson_interval_of_nothing_is_none():
    """No trades, no interval."""
    assert ratios.wilson_interval(0, 0) is None


def test_moments_are_those_of_river_at_each_step(returns):
    """River's Var is Welford's with ddof 1 as well."""
    moments, mean, variance = Moments(), river.stats.Mean(), river.stats.Var()
    for number, value in enumerate(returns):
        moments.add(value)
        mean.update(value)
        variance.update(value)
        assert moments.mean == pytest.approx(mean.get())
        if number:
            assert moments.variance() == pytest.approx(variance.get())


def test_moments_survive_a_large_offset():
    """Values near 1e9 with a deviation of 1 keep it, where a sum of squares would lose it."""
    source = random.Random(1)
    values = [1e9 + source.gauss(0.0, 1.0) for _ in range(1000)]
    moments = Moments()
    for value in values:
        moments.add(value)
    assert moments.deviation() == pytest.approx(float(np.std(values, ddof=1)), rel=1e-6)
    assert Moments.of(values).deviation() == pytest.approx(float(np.std(values, ddof=1)), rel=1e-6)


def test_moments_of_few_values_have_no_spread():
    """None below two values, and merging nothings is nothing."""
    assert Moments.of([]).deviation() is None
    assert Moments.of([1.0]).variance() is None
    assert Moments().merge(Moments()) == Moments()


def test_trade_ratios_have_empty_cases():
    """No trades, no losses, no wins: None, never 0 and never infinite."""
    assert ratios.win_ratio(0, 0) is None
    assert ratios.profit_factor(10.0, 0.0) is None
    assert ratios.expectancy(0.0, 0.0, 0) is None
    assert ratios.break_even(0, 3, 0.0, 9.0) is None


def test_break_even_is_where_nothing_is_gained():
    """Average win 10, average loss 30: three of four must be won."""
    assert ratios.break_even(2, 2, 20.0, 60.0) == pytest.approx(0.75)


def test_win_ratio_and_profit_factor_are_those_of_quantstats(returns):
    """QuantStats counts positive of non-zero returns, and sums the positive by the negative ones."""
    won = [r for r in returns if r > 0]
    lost = [-r for r in returns if r < 0]
    assert ratios.win_ratio(len(won), len(lost)) == pytest.approx(float(quantstats.win_rate(series(returns))))
    assert ratios.profit_factor(sum(won), sum(lost)) == pytest.approx(float(quantstats.profit_factor(series(returns))))
