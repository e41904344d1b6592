"""The latest returns against those before: agreement with scipy, and samples that do not vary."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from fleawatch.risk.changepoint import WIDEST, log_variance_ratio, welch_t

samples = st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=60)


@given(latest=samples, before=samples)
def test_welchs_t_is_that_of_scipy(latest, before):
    """With the sign of the latest mean minus the one before."""
    assume(np.var(latest) > 1e-9)
    assume(np.var(before) > 1e-9)
    expected = scipy.stats.ttest_ind(latest, before, equal_var=False).statistic
    assert welch_t(latest, before) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_returns_that_do_not_vary_have_a_t_by_the_least_deviation_only():
    """Without one there is none; with one it is finite."""
    assert welch_t([0.0, 0.0], [0.0, 0.0]) is None
    assert welch_t([0.0], [0.0, 1.0]) is None
    assert welch_t([0.0] * 4, [0.0] * 4, least=0.01) == 0.0
    assert welch_t([-1.0] * 4, [0.0] * 4, least=0.01) == pytest.approx(-1.0 / math.sqrt(2 * 0.0001 / 4))


@given(latest=samples, before=samples)
def test_the_variance_ratio_is_that_of_drawn_in_samples(latest, before):
    """As numpy has it, of samples clipped at four deviations; the order of the samples does not matter to its size."""
    shape = {"center": 0.0, "deviation": 0.1}
    new, old = (np.var(np.clip(one, -0.1 * WIDEST, 0.1 * WIDEST), ddof=1) for one in (latest, before))
    floor = 0.001**2
    expected = abs(math.log(max(new, floor) / max(old, floor)))
    found = log_variance_ratio(latest, before, **shape)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert found == pytest.approx(log_variance_ratio(before, latest, **shape), rel=1e-9, abs=1e-12)


def test_one_wild_return_is_no_change_of_regime():
    """Half lost in one hour of an otherwise usual day stays below a ratio of four; a day twice as wild does not."""
    usual = [0.01 * math.sin(number) for number in range(120)]
    shape = {"center": 0.0, "deviation": 0.01}
    assert log_variance_ratio([*usual[:23], -0.5], usual, **shape) < math.log(4.0)
    assert log_variance_ratio([3 * value for value in usual[:24]], usual, **shape) > math.log(4.0)


def test_too_few_values_have_no_ratio():
    """One value has no variance."""
    assert log_variance_ratio([0.1], [0.1, 0.2], center=0.0, deviation=0.1) is None
