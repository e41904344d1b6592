"""P&L over windows and since midnight."""

import pytest

from fleawatch.risk.pnl import DailyLoss, PnlWindows
from fleawatch.units import DAY, HOUR, WINDOWS


def test_there_is_no_change_before_a_total():
    """None on every window, also after time has passed."""
    changes = PnlWindows()
    changes.expire(DAY)
    assert [changes.change(window) for window in WINDOWS] == [None] * 5


def test_a_young_history_changes_from_its_first_total():
    """A total of 500 at the start is not a gain of the hour."""
    changes = PnlWindows()
    changes.update(10.0, 500.0)
    assert changes.change("1h") == 0.0
    changes.update(20.0, 480.0)
    assert [changes.change(window) for window in WINDOWS] == [-20.0] * 5


def test_the_total_at_the_left_edge_counts():
    """An hour later only what came after the edge is the hour's."""
    changes = PnlWindows()
    for minute, total in [(0, 0.0), (30, 10.0), (90, 25.0), (100, 26.0)]:
        changes.update(minute * 60.0, total)
    assert changes.change("1h") == 16.0
    assert changes.change("all_time") == 26.0


def test_silence_changes_nothing():
    """With no new total in the window the change is 0, not unknown."""
    changes = PnlWindows()
    changes.update(0.0, 7.0)
    changes.expire(DAY)
    assert changes.change("1h") == 0.0
    changes.update(DAY, 9.0)
    assert changes.change("1h") == 2.0


def test_a_bucket_reached_by_time_opens_with_the_first_total_in_it():
    """Letting time pass before a reading does not lose the total that was in force."""
    changes = PnlWindows()
    changes.update(0.0, 1.0)
    changes.expire(65.0)
    changes.update(70.0, 5.0)
    changes.expire(60.0 + HOUR + 60.0)
    assert changes.change("1h") == 0.0 + 5.0 - 5.0
    changes = PnlWindows()
    changes.update(0.0, 1.0)
    changes.expire(65.0)
    changes.update(70.0, 5.0)
    changes.expire(60.0 + HOUR)
    assert changes.change("1h") == 4.0


def test_the_day_begins_at_midnight():
    """Lost before midnight is not lost today; a gain is no loss."""
    daily = DailyLoss()
    assert daily.loss() is None
    daily.update(DAY + 100.0, 0.0)
    daily.update(DAY + 200.0, -30.0)
    assert daily.loss() == 30.0
    daily.expire(2 * DAY)
    assert daily.loss() == 0.0
    daily.update(2 * DAY + 1.0, -42.0)
    assert daily.loss() == 12.0
    daily.update(2 * DAY + 2.0, 5.0)
    assert daily.loss() == 0.0


@pytest.mark.parametrize("at", [DAY + 1.0, 3 * DAY])
def test_the_day_keeps_the_equity_it_began_with(at):
    """The equity in force at midnight, or the first of a first day."""
    daily = DailyLoss()
    daily.mark(10.0, 100.0)
    daily.mark(20.0, 90.0)
    assert daily.opening_equity == 100.0
    daily.mark(at, 80.0)
    assert daily.opening_equity == 90.0
