"""Peaks of moving windows, busiest minutes, repeated actions, and stakes that chase losses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.risk.activity import BusiestMinute, Repeats
from fleawatch.risk.peak import KEPT, Peak
from fleawatch.risk.stakes import LATELY, Stakes

steps = st.lists(st.tuples(st.floats(0.0, 40.0), st.integers(0, 9)), min_size=1, max_size=60)


@given(steps=steps, later=st.floats(0.0, 200.0))
def test_a_peak_is_the_largest_of_its_window(steps, later):
    """At any time, and however many values came."""
    peak, now, told = Peak(100.0), 0.0, []
    for wait, value in steps:
        now += wait
        peak.add(now, float(value))
        told.append((now, float(value)))
        assert len(peak.values) <= KEPT
    inside = [value for at, value in told if now + later - at <= 100.0]
    assert peak.largest(now + later) == max(inside, default=None)


def test_a_peak_is_bounded():
    """More falling values than it keeps: the largest are kept."""
    peak = Peak(100.0)
    for number in range(3 * KEPT):
        peak.add(float(number), 1000.0 - number)
    assert len(peak.values) == KEPT
    assert peak.largest(100.0) == 1000.0


@given(steps=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=80))
def test_the_busiest_minute_is_that_with_most_actions(steps):
    """Of those that ended within the last five minutes, counted by when actions happened."""
    busiest, now, times = BusiestMinute(), 1000.0, []
    for wait in steps:
        now += wait
        times.append(now)
        busiest.add(now)
    counts = [(at, sum(at - 60.0 < one <= at for one in times[: n + 1])) for n, at in enumerate(times)]
    assert busiest.count(now) == max(count for at, count in counts if now - at <= 300.0)
    assert busiest.count(now + 301.0) == 0.0


def test_what_is_seen_late_is_counted_when_it_happened():
    """Two hours of orders that are read at once are not a busy minute of now."""
    busiest = BusiestMinute()
    for number in range(120):
        busiest.add(number * 60.0)
    assert busiest.counts.largest(119 * 60.0) == 1.0
    assert busiest.count(7200.0 + 301.0) == 0.0
    busiest.add(100.0)
    assert busiest.count(119 * 60.0) == 1.0


def test_repeats_are_the_same_action_within_a_minute():
    """Others in between do not matter, time does."""
    repeats = Repeats()
    for number in range(8):
        repeats.add(10.0 + number, "a" if number % 2 else "b")
    assert repeats.count(20.0) == 4.0
    repeats.add(75.0, "a")
    assert repeats.counts.largest(75.0) == 4.0
    assert repeats.count(400.0) == 0.0


def test_a_loop_of_many_different_actions_stays_bounded():
    """It is found by its rate; what is kept to compare does not grow."""
    repeats, busiest = Repeats(), BusiestMinute()
    for number in range(5_000):
        repeats.add(number / 100.0, str(number))
        busiest.add(number / 100.0)
    assert (len(repeats.actions), len(busiest.times)) == (48, 256)
    assert busiest.count(50.0) == 256.0


@pytest.mark.parametrize(
    ("bets", "most"),
    [
        ([(1, -1), (2, -2), (4, -4), (8, -8)], 3),
        ([(1, -1), (2, 2), (4, -4), (8, 8)], 1),
        ([(1, -1), (1.9, -1.9), (3.7, -3.7)], 0),
        ([(5, -5), (5, -5), (5, -5), (5, -5)], 0),
        ([(1, -1), (3, -3), (9, -9), (1, -1), (2, -2)], 2),
        ([(1, 0), (4, 0), (16, 0)], 0),
    ],
)
def test_raises_after_losses_are_counted_in_a_row(bets, most):
    """Doubling counts, less does not; a raise after a win or a push is none; the longest row of lately is shown."""
    stakes = Stakes()
    for number, (stake, net) in enumerate(bets):
        stakes.place(100.0 + number, stake, 1000.0, 2.0)
        stakes.end(net)
    assert stakes.most_escalations(110.0) == most
    assert stakes.most_escalations(110.0 + 2 * LATELY) == 0.0


def test_a_stake_whose_outcome_is_not_known_is_no_loss():
    """Only a loss is chased."""
    stakes = Stakes()
    stakes.place(1.0, 1.0, None, 2.0)
    stakes.place(2.0, 9.0, None, 2.0)
    assert stakes.most_escalations(2.0) == 0.0


def test_the_largest_stake_is_not_hidden_by_a_smaller_one():
    """It counts for ten minutes; a stake from an unknown equity is not nothing."""
    stakes = Stakes()
    assert stakes.largest_share(1_000.0) == 0.0
    stakes.place(1_000.0, 50.0, 100.0, 2.0)
    stakes.place(1_001.0, 1.0, 100.0, 2.0)
    assert stakes.largest_share(1_002.0) == 0.5
    assert stakes.largest_share(1_002.0 + LATELY) == 0.0
    stakes.share(5_000.0, 1.0, None)
    assert stakes.largest_share(5_001.0) is None
