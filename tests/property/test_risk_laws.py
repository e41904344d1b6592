"""Laws of the NAV and of drawdowns: what flows may not do, and what scale may not do."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fleawatch.risk.nav import Nav
from fleawatch.risk.performance import Performance
from fleawatch.risk.windows import DrawdownWindow
from fleawatch.units import HOUR, WINDOWS

START = 1_700_006_400.0

# Growth of equity between two readings. Small enough that no curve comes near dust, where money is not divisible.
growths = st.lists(st.floats(0.5, 1.8), min_size=1, max_size=40)
curves = st.lists(st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), min_size=1, max_size=60)
ratios_of_summary = ("nav", "drawdown", "drawdown_max", "high", "sharpe", "sortino", "volatility", "cagr", "calmar")


def same(one, other):
    """Both missing, or the same within rounding."""
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)


def lived(equity, changes, flow_at, flow):
    """A life of hourly readings; at `flow_at` a flow arrives and every later P&L is scaled to the new equity."""
    performance = Performance()
    performance.mark(START, equity)
    for hour, change in enumerate(changes, start=1):
        equity *= change
        performance.mark(START + hour * HOUR, equity)
        if hour == flow_at:
            performance.flow(START + hour * HOUR, equity, flow * equity)
            equity += flow * equity
    performance.tick(performance.at + 1.0)
    return performance


@settings(max_examples=60)
@given(st.floats(1.0, 1e6), st.floats(0.5, 2.0), st.floats(-0.99, 100.0))
def test_law_1_the_nav_is_continuous_across_a_flow(equity, change, flow):
    """Just before a flow and just after it, the NAV is the same, and so it is for a reading of the equity after it."""
    nav = Nav()
    nav.mark(equity)
    before = equity * change
    nav.flow(before, flow * before)
    assert nav.value == pytest.approx(change)
    nav.mark(before + flow * before)
    assert nav.value == pytest.approx(change)


@settings(max_examples=60)
@given(growths, st.integers(0, 40), st.floats(-0.9, 20.0))
def test_law_2_a_flow_and_scaled_profits_change_no_ratio(changes, flow_at, flow):
    """NAV, drawdowns and ratios are those of the life without the flow, on every window."""
    # The flow itself marks at the equity already read, so it adds no point that the other life lacks.
    with_flow, without = lived(1e9, changes, flow_at, flow), lived(1e9, changes, -1, 0.0)
    for window in WINDOWS:
        one, other = with_flow.summary(window), without.summary(window)
        for name in ratios_of_summary:
            assert same(getattr(one, name), getattr(other, name)), (window, name)


@settings(max_examples=60)
@given(growths, st.floats(-1.0, 100.0))
def test_law_3_a_flow_alone_changes_no_verdict(changes, flow):
    """Before and after a flow all ratios of every window are the same, also when it takes everything."""
    performance = lived(1e9, changes, -1, 0.0)
    before = [performance.summary(window) for window in WINDOWS]
    equity = before[0].equity
    performance.flow(performance.at, equity, flow * equity)
    for one, other in zip(before, [performance.summary(window) for window in WINDOWS], strict=True):
        for name in ratios_of_summary:
            assert same(getattr(one, name), getattr(other, name)), name


@settings(max_examples=100)
@given(curves, st.sampled_from([60.0, HOUR, math.inf]), st.floats(1e-3, 1e3))
def test_drawdown_is_bounded_and_scale_free(curve, width, scale):
    """0 <= current <= maximum <= 1, and multiplying the NAV by k > 0 changes nothing."""
    assume(any(curve))
    window, scaled = DrawdownWindow(width), DrawdownWindow(width)
    for number, nav in enumerate(curve):
        window.update(number * 7.0, nav)
        scaled.update(number * 7.0, nav * scale)
        if window.current() is not None:
            assert 0.0 <= window.current() <= window.max() <= 1.0
            assert scaled.current() == pytest.approx(window.current(), abs=1e-9)
            assert scaled.max() == pytest.approx(window.max(), abs=1e-9)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.0, 5e3), st.floats(0.1, 10.0)), min_size=1, max_size=50))
def test_a_longer_window_never_shows_a_smaller_drawdown(steps):
    """While one epoch runs, what the hour has seen the day has seen too."""
    windows = [DrawdownWindow(width) for width in WINDOWS.values()]
    at = START
    for wait, nav in steps:
        at += wait
        for window in windows:
            window.update(at, nav)
        worst = [window.max() for window in windows]
        assert worst == sorted(worst)
