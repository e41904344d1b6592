"""The only way in which the web says a number: with when it was read, by whom, how fresh it is, and why if it is not.

`fresh` is current. `stale` is the last value known, which may no longer hold: `as_of` says how old it is and `reason`
why. `unknown` has no value. A failed reading thus never turns into 0, and a missing number is never just absent.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

Freshness = Literal["fresh", "stale", "unknown"]

DIGITS: Final = 6
"""Decimals of money: beyond a millionth of a dollar a double says nothing worth printing."""
RATIO_DIGITS: Final = 9


class Number(msgspec.Struct, frozen=True, gc=False):
    """A number as every machine surface carries it.

    Attributes:
        value: finite, or None when it is not known. Ratios are 0..1, money is USD, durations are seconds.
        as_of: unix seconds of the reading it rests on; None when there was none.
        source: who was read (`casino`, `casino+trading` ...), `fleet` for sums over agents.
        freshness: see the module.
        reason: why it is not fresh, or not there; None for a fresh one.
    """

    value: float | int | None
    as_of: float | None
    source: str
    freshness: Freshness
    reason: str | None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How far what a source says can be trusted now; fields as in `Number`."""

    source: str
    as_of: float | None
    freshness: Freshness
    reason: str | None = None

    def number(self, value: float | None, missing: str | None = None, digits: int = DIGITS) -> Number:
        """A number from this source. `missing` is the reason given when there is no value."""
        if self.freshness == "unknown":
            return Number(None, self.as_of, self.source, "unknown", self.reason or missing or "not known")
        if value is None or not math.isfinite(value):
            return Number(None, self.as_of, self.source, "unknown", missing or self.reason or "not known")
        return Number(_rounded(value, digits), self.as_of, self.source, self.freshness, self.reason)

    def ratio(self, value: float | None, missing: str | None = None) -> Number:
        """A ratio from this source."""
        return self.number(value, missing, RATIO_DIGITS)


def total(parts: Iterable[tuple[str, Number]], *, of: str, source: str = "fleet", empty: str = "no agents") -> Number:
    """The sum over agents, each with its name.

    What is stale counts with its last value, what is unknown is left out; either makes the sum stale and is named in
    its reason, unless nothing is known at all. `of` is what was summed, in words.
    """
    value: float = 0
    as_of = math.inf
    stale: list[str] = []
    missing: list[str] = []
    counted = False
    for name, number in parts:
        if number.value is None:
            missing.append(name)
            continue
        counted = True
        value += number.value
        if number.as_of is not None and number.as_of < as_of:
            as_of = number.as_of
        if number.freshness != "fresh":
            stale.append(name)
    oldest = None if as_of == math.inf else as_of
    if not counted:
        return Number(None, None, source, "unknown", f"{of} is known of no agent" if missing else empty)
    reason = partly(stale, missing)
    return Number(_rounded(value, DIGITS), oldest, source, "stale" if reason else "fresh", reason)


def partly(stale: list[str], missing: list[str]) -> str | None:
    """Why a sum is not whole, in words; None when it is."""
    told = []
    if missing:
        told.append(f"unknown, left out: {_named(missing)}")
    if stale:
        told.append(f"as last read: {_named(stale)}")
    return "; ".join(told) or None


def _named(names: list[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _rounded(value: float, digits: int) -> float:
    return value if isinstance(value, int) else round(value, digits) + 0.0
