"""Returns that stand out: robust baselines, what moves them and what does not, and each return judged once."""

import math
import random

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.risk.anomaly import FLOOR, IDLE, KEPT, LEAST, ReturnWatch, baseline, zscore
from fleawatch.risk.grid import ReturnGrid
from fleawatch.units import DAY, HOUR

START = 1_700_006_400.0
CALM = [0.001 * math.sin(7 * number) for number in range(60)]
samples = st.lists(st.floats(-1.0, 1.0), min_size=LEAST, max_size=KEPT)


def held(values):
    """A grid whose closed returns are `values`."""
    grid, watch, nav = ReturnGrid(), ReturnWatch(), 1.0
    grid.update(START, nav)
    for number, value in enumerate(values, start=1):
        nav *= 1.0 + value
        grid.update(START + number * HOUR, nav)
    grid.tick(START + len(values) * HOUR + 1)
    return grid, watch


class TestBaseline:
    @given(values=samples)
    def test_it_is_median_and_scaled_deviation_as_scipy_has_them(self, values):
        """Where the returns differ, the deviation is scipy's median absolute deviation, scaled to normal."""
        found = baseline(values)
        assert found.center == pytest.approx(np.median(values), abs=1e-15)
        expected = scipy.stats.median_abs_deviation(values, scale="normal")
        if np.mean(np.array(values) == np.median(values)) < IDLE:
            assert found.deviation == pytest.approx(max(expected, FLOOR), rel=1e-9)

    @given(values=samples)
    def test_where_many_are_equal_it_is_a_higher_quantile(self, values):
        """The largest of the 50, 75 and 90 % quantiles of the absolute deviations, scaled; at least the floor."""
        values = [value if number % 4 else 0.0 for number, value in enumerate(map(abs, values))]
        values = [-value if number % 8 < 4 else value for number, value in enumerate(values)]
        if np.mean(np.array(values) == np.median(values)) < IDLE:
            return
        distances = np.abs(np.array(values) - np.median(values))
        scaled = [np.quantile(distances, q) / scipy.stats.halfnorm.ppf(q) for q in (0.5, 0.75, 0.9)]
        assert baseline(values).deviation == pytest.approx(max(*scaled, FLOOR), rel=1e-9)

    def test_there_is_none_of_a_few_returns(self):
        """Less than a day of hours is no usual."""
        assert baseline([0.01] * (LEAST - 1)) is None
        assert baseline([0.01] * LEAST) == (0.01, FLOOR)

    def test_a_flat_baseline_does_not_blind_it(self):
        """An agent that never moved and then loses half stands out."""
        assert zscore(-0.5, baseline([0.0] * 60)) == pytest.approx(-0.5 / FLOOR)

    def test_an_earlier_loss_does_not_hide_the_next_one(self):
        """A tenth lost before leaves a twentieth as far outside as it was, also for an agent that idles otherwise."""
        for usual in (CALM, [0.0] * 60):
            alone = zscore(-0.05, baseline(usual))
            assert zscore(-0.05, baseline([*usual, -0.10, -0.05, -0.05])) == pytest.approx(alone, rel=0.25)

    def test_an_agent_that_acts_in_one_hour_of_four_is_not_judged_as_idle(self):
        """Its usual swing is that of the hours in which it acts."""
        usual = [0.02 * (-1) ** number if number % 4 == 0 else 0.0 for number in range(100)]
        assert abs(zscore(-0.02, baseline(usual))) < 3

    def test_fat_tails_rarely_stand_out(self):
        """Of returns with three degrees of freedom, fewer than one in a hundred is six deviations low."""
        chance = np.random.default_rng(7)
        values = 0.004 * chance.standard_t(3, 4_000)
        low = sum(
            zscore(value, baseline(values[number - KEPT : number].tolist())) < -6.0
            for number, value in enumerate(values.tolist())
            if number >= KEPT
        )
        assert low / len(values) < 0.01


class TestReturnWatch:
    def test_a_return_is_held_against_those_before_it(self):
        """Never against itself: the last return is judged by the others alone."""
        grid, watch = held([*CALM, -0.1])
        judged, refused = watch.close(grid)
        usual = baseline(CALM)
        assert judged[-1].zscore == pytest.approx(zscore(-0.1, usual), rel=1e-6)
        assert (watch.center, watch.deviation) == pytest.approx(usual, abs=1e-12)
        assert (len(judged), refused) == (len(CALM) + 1, [])
        assert watch.close(grid) == ([], [])

    def test_the_running_return_is_held_against_all_that_closed(self):
        """What was lost since the last closed hour, before the hour is over."""
        grid, watch = held(CALM)
        watch.close(grid)
        nav = grid.closed() * 0.9
        assert watch.running(grid, nav) == pytest.approx(-0.1)
        assert watch.score_running(grid, -0.1) == pytest.approx(zscore(-0.1, baseline(CALM)), rel=1e-6)

    def test_a_total_loss_is_a_return_of_all_and_what_comes_after_is_none(self):
        """-1 stands out; hours that begin with nothing are refused; the next epoch is judged as if nothing had been."""
        grid, watch = held([*CALM, -1.0])
        judged, _ = watch.close(grid)
        assert judged[-1].value == -1.0
        assert judged[-1].zscore < -100
        end = START + len(CALM) * HOUR + HOUR
        assert watch.running(grid, 0.0) is None
        grid.update(end + 2 * HOUR, 0.0)
        grid.update(end + 3.5 * HOUR, 1.0)
        assert watch.running(grid, 1.0) is None
        grid.update(end + 4.5 * HOUR, 1.0)
        grid.tick(end + 5 * HOUR + 1)
        judged, refused = watch.close(grid)
        assert [step.refused for step in refused] == ["zero_equity"] * 4
        assert [one.value for one in judged] == [0.0]
        assert abs(judged[0].zscore) < 3

    def test_a_return_that_no_number_holds_is_refused(self):
        """From next to nothing to something is infinite, and enters no baseline."""
        grid = ReturnGrid(number=12, oldest=10, values=bytearray(np.array([5e-324, 1e300]).tobytes()), points=2)
        assert [(step.number, step.refused) for step in grid.steps(5)] == [(11, "inf")]
        assert ReturnWatch().close(grid)[0] == []

    def test_hours_that_nobody_saw_are_missing_and_not_refused(self):
        """An outage makes neither a return nor a refusal, but for the hour that began before it; coverage tells of it."""
        grid, watch = held(CALM)
        watch.close(grid)
        end = START + len(CALM) * HOUR
        grid.update(end + 7 * HOUR, 2.0)
        grid.tick(end + 7 * HOUR + 1)
        judged, refused = watch.close(grid)
        assert ([one.value for one in judged], refused) == ([0.0], [])
        assert watch.number == grid.number

    def test_a_day_that_differs_from_the_days_before_has_high_scores(self):
        """A wilder day shows in the variance, a steadily losing one in the mean, an equal one in neither."""
        chance = random.Random(7)
        usual = [chance.gauss(0.0, 0.002) for _ in range(140)]
        for latest, wild, low in (
            ([chance.gauss(0.0, 0.002) for _ in range(24)], False, False),
            ([chance.gauss(0.0, 0.02) for _ in range(24)], True, False),
            ([chance.gauss(-0.003, 0.002) for _ in range(24)], False, True),
        ):
            grid, watch = held([*usual, *latest])
            watch.close(grid)
            assert (watch.variance_score > math.log(4.0)) is wild
            assert (watch.mean_score < -4.0) is low

    def test_too_few_days_are_not_compared(self):
        """A day against less than three days says nothing."""
        grid, watch = held(CALM)
        watch.close(grid)
        assert (watch.variance_score, watch.mean_score) == (None, None)


waits = st.one_of(st.floats(60.0, 3 * HOUR), st.sampled_from([HOUR, 5 * HOUR, 2 * DAY, 9 * DAY]))
navs = st.one_of(st.floats(0.5, 1.5), st.sampled_from([0.0, 1.0, 1.0]))


@settings(max_examples=60, deadline=None)
@given(life=st.lists(st.tuples(waits, navs), min_size=2, max_size=60), data=st.data())
def test_judging_as_hours_close_is_judging_them_all_at_the_end(life, data):
    """Whenever it is asked, each return is judged once, and as by its whole past."""
    grid, often, now = ReturnGrid(), ReturnWatch(), START
    seen, refusals = [], []
    whole: list[tuple[int, float]] = []
    for wait, nav in life:
        now += wait
        grid.update(now, nav)
        if data.draw(st.booleans()) or grid.number - often.number > KEPT // 2:
            judged, refused = often.close(grid)
            seen += judged
            refusals += refused
            whole += [(one.number, one.value) for one in judged]
    judged, refused = often.close(grid)
    seen += judged
    whole += [(one.number, one.value) for one in judged]
    numbers = [one.number for one in seen]
    assert numbers == sorted(set(numbers))
    for one in seen:
        before = [value for number, value in whole if one.number - KEPT <= number < one.number]
        usual = baseline(before)
        assert one.zscore == (None if usual is None else zscore(one.value, usual))
