"""Streaming equals batch, at every prefix."""

import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.risk import batch
from fleawatch.risk.conservation import Conservation
from fleawatch.risk.moments import Moments
from fleawatch.risk.performance import Performance
from fleawatch.risk.sketch import QuantileSketch
from fleawatch.risk.windows import DrawdownWindow
from fleawatch.units import DAY, HOUR, WINDOWS

START = 1_700_006_400.0

waits = st.one_of(st.floats(0.0, 90.0), st.floats(0.0, 2 * HOUR), st.sampled_from([0.0, 60.0, HOUR, DAY, 12 * DAY]))
equities = st.one_of(st.floats(50.0, 150.0), st.floats(50.0, 150.0), st.sampled_from([0.0, 0.01, 100.0]))
readings = st.tuples(st.just("mark"), waits, equities, st.sampled_from([False, False, False, True]))
flows = st.tuples(st.just("flow"), waits, st.sampled_from([-1.0, -0.5, 0.5, 3.0]))
trades = st.tuples(st.just("trade"), waits, st.sampled_from([-3.0, -0.1, 0.0, 0.1, 7.5]))
totals = st.tuples(st.just("pnl"), waits, st.floats(-1e3, 1e3))
ticks = st.tuples(st.just("tick"), waits)
lives = st.lists(st.one_of(readings, readings, flows, trades, totals, ticks), min_size=1, max_size=50)


def same(found, expected):
    """Both missing, or the same within rounding."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-9)


class Life:
    """The same facts, told to the streaming statistics and kept for the batch."""

    def __init__(self):
        self.performance = Performance()
        self.now, self.equity = START, 0.0
        self.steps, self.trades, self.totals = [], [], []

    def tell(self, kind, wait, *rest):
        self.now += wait
        getattr(self, "_" + kind)(*rest)

    def _mark(self, equity, partial):
        self.equity = equity
        self.performance.mark(self.now, equity, partial=partial)
        self.steps.append(batch.Reading(self.now, equity, partial))

    def _flow(self, share):
        amount = share * self.equity if self.equity > 0.01 else 100.0 * share
        self.performance.flow(self.now, self.equity, amount)
        self.steps.append(batch.Flow(self.now, self.equity, amount))
        self.equity += amount

    def _trade(self, net):
        self.performance.trade(self.now, net)
        self.trades.append((self.now, net))

    def _pnl(self, total):
        self.performance.pnl(self.now, total)
        self.totals.append((self.now, total))

    def _tick(self):
        self.performance.tick(self.now)

    def compare(self):
        history = batch.History(self.now, self.steps, self.trades, self.totals)
        for window in WINDOWS:
            summary = self.performance.summary(window)
            for name, expected in batch.numbers(history, window).items():
                if name.startswith(("value_at_risk", "expected_shortfall")) and window != "30d":
                    continue
                found = getattr(summary, name)
                # A ratio over a deviation of 1e-12 amplifies rounding; its operands agree to 1e-9.
                assert same(found, expected), (window, name, found, expected)


@settings(max_examples=60)
@given(lives)
def test_every_number_of_a_summary_is_that_of_the_batch(steps):
    """Whatever happens to an agent, after each fact every window gives what the definitions give from scratch."""
    life = Life()
    for step in steps:
        life.tell(*step)
        life.compare()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 6))
def test_a_long_life_equals_the_batch(seed, weeks):
    """Weeks of hourly readings, with an epoch old enough to leave its windows, at a few prefixes."""
    life, source = Life(), random.Random(seed)
    equity = 100.0
    for week in range(weeks):
        for _ in range(168):
            equity *= 1.0 + source.gauss(0.0, 0.01)
            life.tell("mark", source.uniform(3000.0, 4000.0), equity, False)
        life.compare()
        if week == 1:
            life.tell("mark", 5.0, 0.0, False)


@settings(max_examples=30)
@given(st.lists(st.floats(0.1, 2.0), min_size=100, max_size=300), st.floats(10.0, 200.0))
def test_a_window_never_asked_is_that_of_the_batch_when_it_is(navs, wait):
    """What piles up while nobody asks is dropped all the same: the first answer is the definition's."""
    window, points = DrawdownWindow(HOUR), []
    for number, nav in enumerate(navs):
        points.append(batch.Point(START + number * wait, nav, 1, True))
        window.update(START + number * wait, nav)
        asked = msgspec.msgpack.decode(msgspec.msgpack.encode(window), type=DrawdownWindow)
        expected = batch.drawdowns(points, points[-1].at, HOUR)
        assert (asked.current(), asked.max()) == (pytest.approx(expected[0]), pytest.approx(expected[1]))


def test_two_months_of_silence_and_return_equal_the_batch():
    """Over 100 returns, then an outage longer than what the grid keeps, then a new start."""
    life = Life()
    for hour in range(130):
        life.tell("mark", HOUR, 100.0 + (hour * 37 % 11), False)
    life.compare()
    assert life.performance.summary("30d").value_at_risk_95 is not None
    life.tell("tick", 61 * DAY)
    life.compare()
    for hour in range(30):
        life.tell("mark", HOUR, 100.0 + (hour * 37 % 11), False)
        life.compare()


@settings(max_examples=60)
@given(
    st.lists(st.tuples(waits, st.floats(0.1, 2.0), st.booleans()), min_size=1, max_size=60),
    st.sampled_from([0.5, 60.0, HOUR]),
)
def test_a_drawdown_window_is_that_of_the_batch(steps, width):
    """Also for windows no summary has, with partial readings and with time passing alone."""
    window, points, at = DrawdownWindow(width), [], START
    for wait, nav, known in steps:
        at += wait
        if known or points:
            points.append(batch.Point(at, nav, 1, known))
        window.update(at, nav, known)
        for later in (at, at + width / 3):
            if later > at:
                at = later
                window.expire(at)
            expected = batch.drawdowns(points, at, width) or (None, None)
            assert (window.current(), window.max()) == (pytest.approx(expected[0]), pytest.approx(expected[1]))


@settings(max_examples=100)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_moments_are_numpys(values):
    """Mean and deviation at every prefix."""
    moments = Moments()
    for number, value in enumerate(values, start=1):
        moments.add(value)
        assert moments.mean == pytest.approx(float(np.mean(values[:number])), abs=1e-6)
        if number > 1:
            assert moments.deviation() == pytest.approx(float(np.std(values[:number], ddof=1)), rel=1e-6, abs=1e-6)


@settings(max_examples=60)
@given(st.lists(st.one_of(st.floats(-1e8, 1e8), st.just(0.0), st.floats(1e-9, 1.0)), min_size=1, max_size=60))
def test_quantiles_are_within_their_error_at_every_prefix(values):
    """Against the exact order statistic; below the least value that is not zero, within it."""
    sketch = QuantileSketch()
    for number, value in enumerate(values, start=1):
        sketch.add(value)
        ordered = sorted(values[:number])
        for q in (0.0, 0.5, 0.95, 1.0):
            exact = ordered[math.floor(q * (number - 1))]
            if abs(exact) >= max(abs(ordered[0]), abs(ordered[-1])) * 1e-8:
                assert abs(sketch.quantile(q) - exact) <= 0.01 * abs(exact) * (1 + 1e-9) + 1e-12


@settings(max_examples=60)
@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=600))
def test_the_fast_backtest_is_the_plain_one(navs):
    """Drawdown of the pruned blocks and Sharpe of the C loops are those of the definitions."""
    points = [batch.Point(number * HOUR, nav, 1, True) for number, nav in enumerate(navs)]
    plain = batch.drawdowns(points, points[-1].at, math.inf)
    fast = batch.backtest(navs, navs, HOUR)
    assert fast.max_drawdown == pytest.approx(plain[1])
    numbers = batch.return_numbers([(nav, 1) for nav in navs])
    assert same(fast.sharpe, numbers["sharpe"])


@settings(max_examples=60)
@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=40), st.booleans())
def test_clean_books_have_no_residual_at_any_prefix(amounts, read_balances):
    """Cents added in doubles, with or without balances between."""
    book, cents, balance = Conservation(opening=0.0), 0, 0.0
    for amount in amounts:
        cents += amount
        balance += amount / 100
        if read_balances:
            book.balance(cents / 100)
        book.row(amount / 100, balance)
        if read_balances:
            book.settle()
        assert book.residual() == 0.0
