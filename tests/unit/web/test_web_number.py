"""Numbers: what is not known has no value, and says why."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.web.number import Number, Standing, total

FRESH = Standing("casino", 5.0, "fresh")


def test_a_fresh_number_needs_no_reason():
    """A number that was just read carries its value, time and source, and no reason."""
    assert FRESH.number(1.25) == Number(1.25, 5.0, "casino", "fresh", None)


def test_a_stale_number_keeps_its_last_value():
    """A failed reading leaves the value as it was and says why it may no longer hold."""
    stale = Standing("casino", 5.0, "stale", "no answer in time")
    assert stale.number(1.25) == Number(1.25, 5.0, "casino", "stale", "no answer in time")


def test_an_unknown_number_has_no_value():
    """Where a source was never read, no value gets through, whatever the state holds."""
    unknown = Standing("casino", None, "unknown", "not read yet")
    assert unknown.number(0.0) == Number(None, None, "casino", "unknown", "not read yet")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_what_is_no_number_is_unknown(value):
    """NaN and infinity become unknown with the given reason."""
    assert FRESH.number(value, "too few trades") == Number(None, 5.0, "casino", "unknown", "too few trades")


def test_money_is_rounded_to_a_millionth_and_zero_has_no_sign():
    """Six decimals of money, and no negative zero."""
    assert FRESH.number(1.23456789).value == 1.234568
    assert math.copysign(1, FRESH.number(-0.0000001).value) == 1


def test_counts_stay_whole():
    """A whole number stays one in JSON."""
    assert msgspec.json.encode(FRESH.number(3).value) == b"3"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_json_always_holds_a_finite_number_or_null(value):
    """Whatever comes out of the state, JSON can be read by every reader."""
    decoded = msgspec.json.decode(msgspec.json.encode(FRESH.number(value)))["value"]
    assert decoded is None or math.isfinite(decoded)


def test_a_sum_is_as_old_as_its_oldest_part():
    """A sum of fresh numbers is fresh and as of the oldest reading."""
    found = total(
        [("a", Number(1.0, 9.0, "x", "fresh", None)), ("b", Number(2.0, 7.0, "x", "fresh", None))], of="equity"
    )
    assert found == Number(3.0, 7.0, "fleet", "fresh", None)


def test_a_sum_names_what_it_leaves_out():
    """An unknown part is left out and named; it never counts as 0 in silence."""
    parts = [("a", Number(1.0, 9.0, "x", "fresh", None)), ("b", Number(None, None, "x", "unknown", "why"))]
    assert total(parts, of="equity") == Number(1.0, 9.0, "fleet", "stale", "unknown, left out: b")


def test_a_sum_names_what_is_old():
    """A stale part counts with its last value and is named."""
    parts = [("a", Number(1.0, 9.0, "x", "fresh", None)), ("b", Number(2.0, 3.0, "x", "stale", "why"))]
    assert total(parts, of="equity") == Number(3.0, 3.0, "fleet", "stale", "as last read: b")


def test_a_sum_of_nothing_known_is_unknown():
    """When no part is known there is no sum, not 0."""
    found = total([("a", Number(None, None, "x", "unknown", "why"))], of="equity")
    assert (found.value, found.freshness, found.reason) == (None, "unknown", "equity is known of no agent")
    assert total([], of="equity").value is None


def test_long_lists_of_names_are_cut():
    """A sum over a large fleet names three agents and counts the others."""
    parts = [(name, Number(None, None, "x", "unknown", "why")) for name in "abcde"]
    found = total([*parts, ("z", Number(1, 1.0, "x", "fresh", None))], of="equity")
    assert found.reason == "unknown, left out: a, b, c and 2 more"
