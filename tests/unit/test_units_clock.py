"""The ground floor: money, times, ids, clocks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.clock import ManualClock, ScaledClock, SystemClock
from fleawatch.errors import BadConfig, Problem
from fleawatch.units import AGENT_ID, cents, day_start, from_iso, iso, looks_like_key


class TestMoney:
    def test_cents_round_half_to_even(self):
        """Half a cent goes to the even cent, so that sums of roundings do not drift."""
        assert cents(Decimal("0.125")) == Decimal("0.12")
        assert cents(Decimal("0.135")) == Decimal("0.14")

    def test_a_float_is_read_as_it_is_written(self):
        """0.1 is ten cents, not its binary neighbour."""
        assert cents(0.1) == Decimal("0.10")


class TestTime:
    @given(st.integers(min_value=0, max_value=4_000_000_000_000))
    def test_iso_and_back_is_the_same_millisecond(self, milliseconds):
        """A time survives being written to a log and read again, to the millisecond."""
        assert round(from_iso(iso(milliseconds / 1000)) * 1000) == pytest.approx(milliseconds, abs=1)

    def test_a_time_without_offset_is_utc(self):
        """Nobody's local time zone enters by accident."""
        assert from_iso("1970-01-02T00:00:00") == 86_400.0

    @given(st.floats(min_value=0, max_value=4e9))
    def test_a_day_starts_at_midnight(self, at):
        """The start of a day is at most a day before, and is midnight UTC."""
        start = day_start(at)
        assert 0 <= at - start < 86_400
        assert start % 86_400 == 0


class TestNames:
    @pytest.mark.parametrize(
        "text", ["sk_live_ab", "x sk_trade_ab", "PK_LIVE_ab", "pf_live_ab", "sk_domains_ab", "pf_test_ab"]
    )
    def test_keys_are_recognised_anywhere(self, text):
        """Text that carries the prefix of a platform key is known as such, whatever its case and place."""
        assert looks_like_key(text)

    @pytest.mark.parametrize("name", ["a", "momentum-01", "x_2", "a" * 63])
    def test_good_agent_ids(self, name):
        """Lower-case letters, digits, - and _ make an id."""
        assert AGENT_ID.match(name)

    @pytest.mark.parametrize("name", ["", "-a", "A", "a" * 64, "a b", "a\n", "ä"])
    def test_bad_agent_ids(self, name):
        """Anything else does not."""
        assert not AGENT_ID.match(name)


class TestClocks:
    def test_a_manual_clock_does_not_go_back(self):
        """Time goes forward, and a negative step is refused with the way to do it on purpose."""
        clock = ManualClock(10.0)
        clock.advance(5)
        assert clock.now() == 15.0
        with pytest.raises(ValueError, match="only moves forward"):
            clock.advance(-1)

    def test_a_scaled_clock_runs_at_its_speed(self):
        """A minute of simulated time passes in a second at speed 60."""
        clock = ScaledClock(origin=1_000.0, speed=60.0, started=0.0)
        assert clock.wall(60.0) == 1.0
        assert clock.now() > 1_000.0

    def test_the_system_clock_is_real(self):
        """A second of the system's clock is a second."""
        assert SystemClock().wall(3.0) == 3.0
        assert SystemClock().now() > 1.7e9


def test_an_error_of_many_problems_shows_them_all():
    """A document with two mistakes gets two complaints, each with its remedy."""
    error = BadConfig("f.yaml was refused", (Problem("a.b", "was 1", "write 2"), Problem("", "was empty", "")))
    assert str(error) == "f.yaml was refused\n  - a.b: was 1. write 2\n  - was empty."
