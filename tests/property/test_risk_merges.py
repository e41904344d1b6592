"""What merges, merges in any grouping and to the same as never having been apart."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.risk.attribution import Attributed, Attribution
from fleawatch.risk.moments import Moments
from fleawatch.risk.sketch import QuantileSketch
from fleawatch.risk.trades import Tally
from fleawatch.risk.windows import EMPTY, DrawdownWindow, merge

stretches = st.lists(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0]), min_size=1, max_size=8), min_size=3, max_size=3
)
numbers = st.lists(st.floats(-1e4, 1e4), max_size=30)
three = st.tuples(numbers, numbers, numbers)


def rows_of(parts):
    """The rows of stretches of one NAV, and the row of all of it, cut as a window cuts it."""
    window, whole = DrawdownWindow(60.0), DrawdownWindow(math.inf)
    whole.update(0.0, 1.0)
    window.update(0.0, 1.0)
    rows = []
    for number, part in enumerate(parts):
        for place, nav in enumerate(part):
            at = number + place / 10
            window.update(at, nav)
            whole.update(at, nav)
        row = (
            window.bucket_first,
            window.bucket_low,
            window.bucket_high,
            window.bucket_drawdown,
            window.bucket_renewed,
        )
        rows.append(row)
    return rows, whole


@settings(max_examples=100)
@given(stretches)
def test_rows_of_a_drawdown_merge_associatively(parts):
    """(a b) c = a (b c), and it is the row of the whole stretch."""
    (a, b, c), whole = rows_of(parts)
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    assert left == right == merge(merge(EMPTY, left), EMPTY)
    assert (left[3], left[2]) == (whole.worst, whole.peak)


@settings(max_examples=100)
@given(three)
def test_moments_merge_associatively(parts):
    """In any grouping they are those of all values."""
    a, b, c = map(Moments.of, parts)
    together = Moments.of([value for part in parts for value in part])
    for merged in (a.merge(b).merge(c), a.merge(b.merge(c))):
        assert merged.count == together.count
        assert merged.mean == pytest.approx(together.mean, rel=1e-9, abs=1e-9)
        assert merged.squares == pytest.approx(together.squares, rel=1e-9, abs=1e-6)


@settings(max_examples=60)
@given(three)
def test_sketches_merge_to_the_sketch_of_all(parts):
    """Bin by bin, in any grouping."""

    def sketch_of(values):
        sketch = QuantileSketch()
        for value in values:
            sketch.add(value)
        return sketch

    together = sketch_of([value for part in parts for value in part])
    left, other, last = map(sketch_of, parts)
    left.merge(other)
    left.merge(last)
    right, middle, end = map(sketch_of, parts)
    middle.merge(end)
    right.merge(middle)
    for q in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert left.quantile(q) == right.quantile(q) == together.quantile(q)
    assert left.count == together.count


@settings(max_examples=60)
@given(three)
def test_tallies_merge_associatively(parts):
    """Counts exactly, sums within rounding."""

    def tally_of(values):
        tally = Tally()
        for value in values:
            tally = tally.add(value)
        return tally

    a, b, c = map(tally_of, parts)
    left, right = a.merge(b).merge(c), a.merge(b.merge(c))
    assert (left.wins, left.losses, left.pushes) == (right.wins, right.losses, right.pushes)
    assert left.gross_profit == pytest.approx(right.gross_profit)
    assert left.gross_loss == pytest.approx(right.gross_loss)


@st.composite
def attributed(draw):
    return Attributed(
        at=draw(st.floats(0.0, 1e7)),
        strategy=draw(st.sampled_from("abcd")),
        market=draw(st.sampled_from("uvwxyz")),
        asset=draw(st.sampled_from("kl")),
        net=draw(st.floats(-1e3, 1e3)),
        gross=draw(st.floats(-1e3, 1e3)),
        fees=draw(st.floats(0.0, 10.0)),
        slippage=draw(st.floats(-1.0, 1.0)),
    )


@settings(max_examples=60)
@given(st.lists(st.tuples(attributed(), st.none() | attributed()), max_size=30), st.integers(1, 6))
def test_parts_always_sum_to_the_whole(trades, limit):
    """In every dimension, whatever was amended and however few keys are kept."""
    attribution = Attribution(limit=limit)
    for trade, amended in trades:
        attribution.add(trade)
        if amended is not None:
            attribution.move(trade, amended)
    final = [amended or trade for trade, amended in trades]
    for dimension in ("strategy", "market", "asset", "hour"):
        parts = attribution.parts(dimension)
        assert len(parts) <= limit + 1
        assert sum(part.count for part in parts.values()) == attribution.whole.count == len(final)
        for field in ("net", "gross", "fees", "slippage"):
            total = math.fsum(getattr(part, field) for part in parts.values())
            assert total == pytest.approx(getattr(attribution.whole, field), abs=1e-8)
            assert total == pytest.approx(math.fsum(getattr(trade, field) for trade in final), abs=1e-8)
