"""The quantile sketch and its stated error."""

import math
import random

import numpy as np
import pytest

from fleawatch.risk.sketch import QuantileSketch

QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


def sketch_of(values, **settings):
    sketch = QuantileSketch(**settings)
    for value in values:
        sketch.add(value)
    return sketch


def within(sketch, values, quantiles=QUANTILES):
    for q in quantiles:
        exact = float(np.quantile(values, q, method="lower"))
        assert abs(sketch.quantile(q) - exact) <= sketch.error * abs(exact) * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize(
    "draw",
    [
        lambda source: source.gauss(0.0, 1.0),
        lambda source: source.lognormvariate(0.0, 2.0),
        lambda source: source.expovariate(3.0),
        lambda source: -source.paretovariate(1.5),
        lambda source: float(source.randrange(-3, 4)),
        lambda source: source.uniform(-1e-6, 1e-6),
    ],
    ids=["normal", "lognormal", "exponential", "negative pareto", "small integers", "tiny"],
)
@pytest.mark.parametrize("error", [0.01, 0.05])
def test_quantiles_are_within_the_stated_error(draw, error):
    """Against NumPy's order statistic of rank floor(q (n - 1))."""
    source = random.Random(4)
    values = [draw(source) for _ in range(3000)]
    within(sketch_of(values, error=error), values)


def test_nothing_has_no_quantile():
    """None, and a question outside 0..1 is refused."""
    assert QuantileSketch().quantile(0.5) is None
    with pytest.raises(ValueError, match=r"1\.5"):
        QuantileSketch().quantile(1.5)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value):
    """And changes nothing."""
    sketch = QuantileSketch()
    with pytest.raises(ValueError, match="quantile of it"):
        sketch.add(value)
    assert sketch == QuantileSketch()


@pytest.mark.parametrize("value", [1.7e308, 5e-324, -1.7e308])
def test_extreme_doubles_do_not_overflow(value):
    """The largest and the smallest doubles have quantiles."""
    found = sketch_of([value] * 3).quantile(0.5)
    assert found == pytest.approx(value, rel=0.01, abs=1e-12)


def test_few_bins_cost_only_the_small_values():
    """With 100 bins over nine orders of magnitude the upper quantiles keep their error."""
    source = random.Random(2)
    values = [10.0 ** source.uniform(-5.0, 4.0) for _ in range(5000)]
    sketch = sketch_of(values, limit=100)
    assert len(sketch.positive.counts) <= 100
    within(sketch, values, (0.95, 0.99, 1.0))


def test_collapsed_sketches_merge():
    """Merging keeps the bound on bins and the count of values, whichever side has collapsed."""
    source = random.Random(3)
    wide = [10.0 ** source.uniform(-5.0, 4.0) for _ in range(2000)]
    narrow = [source.uniform(1e-5, 2e-5) for _ in range(50)]
    for first, second in ((wide, narrow), (narrow, wide)):
        sketch = sketch_of(first, limit=100)
        sketch.merge(sketch_of(second, limit=100))
        assert len(sketch.positive.counts) <= 100
        assert sum(sketch.positive.counts) == sketch.count == 2050
        within(sketch, wide + narrow, (0.95, 0.99))


def test_sketches_of_different_error_do_not_merge():
    """Their bins do not match."""
    with pytest.raises(ValueError, match=r"0\.02"):
        QuantileSketch().merge(QuantileSketch(error=0.02))
