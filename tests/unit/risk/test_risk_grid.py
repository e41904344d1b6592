"""Returns on a fixed grid."""

import pytest

from fleawatch.risk.grid import ReturnGrid
from fleawatch.units import DAY, HOUR, YEAR


def test_a_point_takes_the_last_nav_before_it():
    """Of three readings in an hour the last one counts, one at the very point included."""
    grid = ReturnGrid()
    grid.update(HOUR, 1.0)
    grid.update(HOUR + 10, 5.0)
    grid.update(2 * HOUR - 1, 1.1)
    grid.update(2 * HOUR, 1.2)
    grid.tick(2 * HOUR + 1)
    assert grid.dated_returns("24h") == [(2 * HOUR, pytest.approx(0.2))]


def test_a_point_is_open_until_time_passes_it():
    """At the very second of the point another reading may still come."""
    grid = ReturnGrid()
    grid.update(HOUR, 1.0)
    grid.tick(HOUR)
    assert grid.points == 0
    grid.tick(HOUR + 0.001)
    assert grid.points == 1


def test_a_point_without_a_fresh_reading_is_missing():
    """A reading older than one step fills no point, and no return leads over the gap."""
    grid = ReturnGrid()
    grid.update(HOUR, 1.0)
    grid.update(HOUR + 1, 1.0)
    grid.update(4 * HOUR, 2.0)
    grid.tick(4 * HOUR + 1)
    assert grid.returns("24h") == [0.0]
    assert grid.coverage("24h") == 0.75
    assert grid.coverage("all_time") == 0.75


def test_no_return_crosses_an_epoch():
    """The return into a total loss counts, the one from it or over it does not."""
    grid = ReturnGrid()
    for hour, nav in enumerate([1.0, 0.0, 1.0, 1.1]):
        grid.update((hour + 1) * HOUR, nav)
    grid.update(4 * HOUR + 1, 0.0)
    grid.update(4 * HOUR + 2, 1.0)
    grid.update(5 * HOUR, 2.0)
    grid.tick(5 * HOUR + 1)
    assert grid.returns("24h") == [-1.0, pytest.approx(0.1)]
    assert grid.moments.count == 2


def test_thirty_days_are_kept():
    """720 returns and no more, while the moments keep all."""
    grid = ReturnGrid()
    for hour in range(1, 1001):
        grid.update(hour * HOUR, 1.0 + hour % 3)
    grid.tick(1000 * HOUR + 1)
    assert len(grid.returns("30d")) == 720
    assert len(grid.returns("7d")) == 168
    assert len(grid.returns("1h")) == 1
    assert grid.moments.count == 999


def test_a_long_outage_is_counted_without_being_walked():
    """Ten years of silence are 87,600 missing points and a bounded state."""
    grid = ReturnGrid()
    grid.update(HOUR, 1.0)
    grid.tick(HOUR + 10 * YEAR)
    assert grid.points == 87600
    assert grid.known == 2
    assert len(grid.values) <= 721 * 8
    assert grid.coverage("30d") == 0.0
    assert grid.number * HOUR == grid.due


def test_renewals_leave_with_their_points():
    """Epochs older than 30 days leave no trace in the state."""
    grid = ReturnGrid()
    for hour in range(1, 2000):
        grid.update(hour * HOUR - 1, 0.0 if hour % 10 == 0 else 1.0)
        grid.update(hour * HOUR, 1.0)
    assert len(grid.renewals) <= 73


def test_an_empty_grid_knows_nothing():
    """No points: no returns, no coverage, and time alone closes none."""
    grid = ReturnGrid()
    grid.tick(DAY)
    assert (grid.returns("7d"), grid.coverage("7d"), grid.coverage("all_time")) == ([], None, None)


def test_the_step_decides_the_periods():
    """An hour gives 8,760 periods a year, a day 365."""
    assert ReturnGrid().periods_a_year() == 8760.0
    assert ReturnGrid(step=DAY).periods_a_year() == 365.0


def test_downside_is_below_the_risk_free_rate():
    """With a risk-free return of 1 % a step, a gain of 0.5 % is downside."""
    grid = ReturnGrid(risk_free=0.01)
    grid.update(HOUR, 1.0)
    grid.update(2 * HOUR, 1.005)
    grid.tick(2 * HOUR + 1)
    assert grid.downside == pytest.approx(0.005**2)
