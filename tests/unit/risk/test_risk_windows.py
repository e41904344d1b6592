"""Drawdown over sliding windows."""

import math

import pytest

from fleawatch.risk.windows import EMPTY, DrawdownWindow, fall, merge
from fleawatch.units import DAY, HOUR


def filled(width, navs, every=60.0):
    window = DrawdownWindow(width)
    for number, nav in enumerate(navs):
        window.update(number * every, nav)
    return window


def test_there_is_no_drawdown_before_the_first_nav():
    """All answers are None, also after time has passed."""
    window = DrawdownWindow(HOUR)
    window.expire(5000.0)
    assert (window.current(), window.max(), window.high(), window.start()) == (None, None, None, None)


@pytest.mark.parametrize("width", [HOUR, DAY, math.inf])
def test_the_maximum_outlives_a_recovery(width):
    """100, 80, 120: nothing is lost now, a fifth was."""
    window = filled(width, [1.0, 0.8, 1.2])
    assert (window.current(), window.max(), window.high()) == (0.0, pytest.approx(0.2), 1.2)


def test_what_is_older_than_the_window_leaves_it():
    """A peak of an hour and a step ago is forgotten, and so is the fall from it."""
    window = filled(HOUR, [2.0, 1.0])
    window.update(HOUR + 50.0, 1.0)
    assert window.current() == pytest.approx(0.5)
    window.expire(HOUR + 61.0)
    assert window.current() == pytest.approx(0.5)
    window.expire(HOUR + 120.0)
    assert (window.current(), window.max()) == (0.0, 0.0)


def test_the_nav_in_force_at_the_left_edge_belongs_to_the_window():
    """After a day without readings, a fall is measured from the NAV that was in force all day."""
    window = filled(HOUR, [2.0, 1.5])
    window.update(DAY, 0.75)
    assert (window.high(), window.current(), window.start()) == (1.5, 0.5, 1.5)


def test_a_total_loss_is_a_drawdown_of_one():
    """NAV 0 is drawdown 1, now and at most, and stays so while nothing begins."""
    window = filled(HOUR, [1.0, 0.0])
    assert (window.current(), window.max()) == (1.0, 1.0)
    window.expire(DAY)
    assert (window.current(), window.max()) == (1.0, 1.0)


def test_no_drawdown_crosses_an_epoch():
    """From a peak of 5 to a new 1.0 nothing is lost but what the total loss was."""
    window = filled(math.inf, [1.0, 5.0, 0.0, 1.0])
    assert (window.current(), window.max(), window.high()) == (0.0, 1.0, 1.0)
    window.update(300.0, 0.9)
    assert window.current() == pytest.approx(0.1)


def test_the_maximum_of_a_new_epoch_stands_alone_once_the_loss_has_left():
    """When the window no longer reaches the total loss, only the new epoch counts."""
    window = filled(HOUR, [1.0, 5.0, 0.0, 1.0, 0.9])
    window.expire(2 * HOUR)
    assert (window.current(), window.max()) == (0.0, 0.0)
    window.update(2 * HOUR, 0.45)
    assert window.max() == pytest.approx(0.5)


def test_a_partial_reading_lowers_but_raises_no_peak():
    """A gain seen in part leaves the peak; a loss seen in part is a drawdown."""
    window = filled(HOUR, [1.0])
    window.update(60.0, 3.0, peak=False)
    assert (window.high(), window.current(), window.max()) == (1.0, 0.0, 0.0)
    window.update(120.0, 0.6, peak=False)
    assert (window.current(), window.max()) == (pytest.approx(0.4), pytest.approx(0.4))


def test_a_partial_loss_is_not_cleared_by_time():
    """While only partial readings come, the last known NAV stays the peak that the window measures from."""
    window = filled(HOUR, [1.0])
    for minute in range(1, 600):
        window.update(minute * 60.0, 0.5, peak=False)
    assert window.current() == pytest.approx(0.5)


def test_a_partial_reading_opens_nothing():
    """Neither the first NAV nor a new epoch comes from a partial reading."""
    window = DrawdownWindow(HOUR)
    window.update(0.0, 1.0, peak=False)
    assert window.current() is None
    window.update(1.0, 1.0)
    window.update(2.0, 0.0)
    window.update(3.0, 1.0, peak=False)
    assert window.current() == 1.0


def test_all_time_keeps_no_buckets():
    """The window that never expires needs no memory for its past."""
    window = filled(math.inf, [1.0 + number % 7 for number in range(2000)], every=900.0)
    assert (len(window.older), len(window.newer)) == (0, 0)
    assert window.max() == pytest.approx(6 / 7)


@pytest.mark.parametrize("asked", [True, False])
def test_a_window_keeps_a_bounded_number_of_buckets(asked):
    """Whether it is asked or not, a window holds at most twice its 60 closed buckets."""
    window = DrawdownWindow(HOUR)
    most = 0
    for minute in range(1000):
        window.update(minute * 60.0, 1.0 + minute % 5)
        if asked:
            window.max()
        most = max(most, len(window.older) + len(window.newer))
    assert most <= (61 if asked else 121) * 40
    assert window.max() == pytest.approx(0.8)


def test_rows_merge_with_nothing():
    """The empty row is neutral on both sides."""
    row = (1.0, 0.5, 2.0, 0.3, 0.0)
    assert merge(EMPTY, row) == row
    assert merge(row, EMPTY) == row


def test_a_fall_is_seen_across_rows():
    """A peak in the earlier row and a low in the later one make a drawdown neither has alone."""
    assert merge((1.0, 1.0, 2.0, 0.0, 0.0), (1.5, 0.5, 1.5, 0.1, 0.0))[3] == pytest.approx(0.75)


def test_a_fall_is_never_negative():
    """A NAV above its peak has not fallen."""
    assert (fall(1.1, 1.0), fall(0.5, 1.0), fall(0.0, 0.0)) == (0.0, 0.5, 1.0)
