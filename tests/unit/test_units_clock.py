"""The ground floor: money, times, ids, clocks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.catalog.fleet import CATALOG
from fleawatch.clock import ManualClock, ScaledClock, SystemClock
from fleawatch.errors import BadConfig, Problem
from fleawatch.scrub import scrub
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
        "text",
        [
            "sk_live_ab",
            "x sk_trade_ab",
            "PK_LIVE_ab",
            "pf_live_ab",
            "sk_domains_ab",
            "x_sk_live_ab",
            "pf_test_ab",
        ],
    )
    def test_keys_are_recognised_anywhere(self, text):
        """Text that carries the prefix of a platform key is known as such, whatever its case and place."""
        assert looks_like_key(text)

    @pytest.mark.parametrize("text", [f"desk_live_{'0a' * 24}", f"keysk_trade_{'0a' * 24}", f"xPF_LIVE_{'0A' * 24}"])
    def test_a_whole_key_within_a_word_is_one(self, text):
        """Whatever it was glued to."""
        assert looks_like_key(text)

    @pytest.mark.parametrize(
        "text",
        [
            "desk_trade_1",
            "desk_live_trader",
            "risk_test_20261127",
            "ask_live_y",
            "pf_trade_pnl_usdc",
            "pf_trades_total",
        ],
    )
    def test_words_that_resemble_one_are_none(self, text):
        """A desk, a risk and the project's own metrics: neither cut from a text nor refused as a name."""
        assert not looks_like_key(text)
        assert scrub(f"{text} of a-1") == f"{text} of a-1"

    def test_no_name_of_the_catalog_is_one(self):
        """A line may name a metric, an alias or what is recorded, and still say so."""
        for name in (*CATALOG.metrics, *CATALOG.aliases, *CATALOG.recordings, *CATALOG.datadog, *CATALOG.spans):
            assert scrub(f"{name}_bucket {name}") == f"{name}_bucket {name}"

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
