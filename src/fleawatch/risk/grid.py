"""Returns on a fixed grid of time: what the ratios are made of.

Readings come when they come; a ratio is only comparable when its returns all span the same time. A grid point takes
the last known NAV no older than one step, else it is missing, and a return over a missing point or into a new epoch is
not one. A point closes when time has passed it, so that a reading at the very instant of the point still counts.
docs/reference/definitions.md, "Grid return".
"""

from __future__ import annotations

import math
import struct
from array import array
from itertools import pairwise
from typing import Final, Literal, NamedTuple

import msgspec

from fleawatch.risk.moments import Moments
from fleawatch.units import DAY, HOUR, WINDOWS, YEAR, Window

KEPT: Final = 30 * DAY
"""Seconds of grid points that are kept; older ones live on in the all-time moments."""

_PACKED: Final = struct.Struct("d")
_MISSING: Final = math.nan

Refusal = Literal["nan", "inf", "zero_equity"]
"""Why two known points make no return."""


class Step(NamedTuple):
    """One step of a grid: the number of the point it leads to, and its return.

    Without a return `refused` says why; it is empty where a point is missing, which coverage tells.
    """

    number: int
    value: float | None
    refused: Refusal | None = None


class ReturnGrid(msgspec.Struct):
    """Grid points and returns of one NAV: the last 30 days as they were, all time as moments.

    Windows of a grid move by grid steps: the window of n steps is the last n + 1 closed points and the n returns
    between them, or the points since the first NAV if those are fewer.

    Attributes:
        step: seconds between grid points; point k is at k step.
        risk_free: return of one step that counts as nothing gained.
        last: last known NAV, None before the first.
        last_at: when it was read, unix seconds.
        number: number of the next point to close.
        due: its time; infinite before the first reading.
        renewed: an epoch began since the last closed point.
        oldest: number of the oldest point kept.
        values: packed NAVs at the points kept, oldest first, NaN where missing.
        renewals: numbers of the kept points into which no return leads, because an epoch began on the way.
        points: closed points of all time, missing ones included.
        known: those that are not missing.
        moments: moments of all returns.
        downside: sum of min(r - rf, 0)^2 over all returns.
    """

    step: float = HOUR
    risk_free: float = 0.0
    last: float | None = None
    last_at: float = 0.0
    number: int = 0
    due: float = math.inf
    renewed: bool = False
    oldest: int = 0
    values: bytearray = msgspec.field(default_factory=bytearray)
    renewals: list[int] = msgspec.field(default_factory=list)
    points: int = 0
    known: int = 0
    moments: Moments = msgspec.field(default_factory=Moments)
    downside: float = 0.0

    def update(self, at: float, nav: float, *, began: bool = False) -> None:
        """Take a complete reading of the NAV at `at`, not before the last one.

        A positive NAV after one of 0 begins an epoch. `began` says so when the 0 was not a complete reading and was
        never told here.
        """
        if at > self.due:
            self.tick(at)
        if began or not self.last:
            self._start(at, nav)
        self.last = nav
        self.last_at = at

    def tick(self, at: float) -> None:
        """Close every grid point that lies before `at`."""
        while at > self.due:
            if self.last_at >= self.due - self.step:
                self._close(self.last)
                continue
            # After an outage longer than what is kept, the points in between need only be counted.
            beyond = math.ceil(at / self.step) - self.number - self._capacity()
            if beyond > 0:
                self.points += beyond
                self._restart(self.number + beyond)
            self._close(None)

    def periods_a_year(self) -> float:
        """Grid steps in 365 days: what annualised ratios are scaled by."""
        return YEAR / self.step

    def returns(self, window: Window) -> list[float]:
        """Returns of the window, oldest first. `all_time` gives the 30 days that are kept; `moments` has the rest."""
        return [value for _, value in self.dated_returns(window)] if self.renewals else self._plain_returns(window)

    def dated_returns(self, window: Window) -> list[tuple[float, float]]:
        """(time of the point it leads to, return) of the window, oldest first."""
        values = self._window_values(window)
        number = self.number - len(values)
        renewals = set(self.renewals)
        found = []
        for before, after in pairwise(values):
            number += 1
            if before > 0.0 and not math.isnan(after) and number not in renewals:
                found.append((number * self.step, after / before - 1.0))
        return found

    def closed(self) -> float | None:
        """NAV at the last closed point. None before the first, or where it is missing."""
        value = _PACKED.unpack_from(self.values, len(self.values) - 8)[0] if self.values else _MISSING
        return None if math.isnan(value) else value

    def steps(self, count: int) -> list[Step]:
        """The last `count` steps between kept points, or fewer, oldest first."""
        values = array("d", self.values[-8 * (count + 1) :]).tolist()
        first = self.number - len(values) + 1
        renewals = set(self.renewals)
        return [
            _step(number, before, after, renewed=number in renewals)
            for number, (before, after) in enumerate(pairwise(values), start=first)
        ]

    def coverage(self, window: Window) -> float | None:
        """Known / all closed points of the window since the first NAV, 0..1. None before a point has closed."""
        if WINDOWS[window] == math.inf:
            return self.known / self.points if self.points else None
        values = self._window_values(window)
        return sum(value == value for value in values) / len(values) if values else None  # noqa: PLR0124 - false for NaN alone

    def _start(self, at: float, nav: float) -> None:
        if self.last is None:
            self._restart(math.ceil(at / self.step))
        elif nav > 0.0:
            self.renewed = True

    def _restart(self, number: int) -> None:
        self.number = self.oldest = number
        self.due = number * self.step
        self.values = bytearray()
        self.renewals = []

    def _close(self, value: float | None) -> None:
        before = _PACKED.unpack_from(self.values, len(self.values) - 8)[0] if self.values else _MISSING
        if value is not None:
            self.known += 1
            if self.renewed:
                self.renewals.append(self.number)
            elif before > 0.0:
                change = value / before - 1.0
                self.moments.add(change)
                self.downside += min(change - self.risk_free, 0.0) ** 2
        self.renewed = False
        self.values += _PACKED.pack(_MISSING if value is None else value)
        self.points += 1
        self.number += 1
        self.due = self.number * self.step
        if self.number - self.oldest > self._capacity():
            del self.values[:8]
            self.oldest += 1
            if self.renewals and self.renewals[0] <= self.oldest:
                del self.renewals[0]

    def _capacity(self) -> int:
        return int(KEPT / self.step) + 1

    def _window_values(self, window: Window) -> list[float]:
        count = int(min(WINDOWS[window], KEPT) / self.step) + 1
        return array("d", self.values[-8 * count :]).tolist()

    def _plain_returns(self, window: Window) -> list[float]:
        """The returns when no epoch began in 30 days: a total loss ends the last return at -1 and divides nothing."""
        return [
            after / before - 1.0
            for before, after in pairwise(self._window_values(window))
            if before > 0.0 and after >= 0.0
        ]


def _step(number: int, before: float, after: float, *, renewed: bool) -> Step:
    if math.isnan(before) or math.isnan(after):
        return Step(number, None)
    if renewed or before <= 0.0:
        return Step(number, None, "zero_equity")
    value = after / before - 1.0
    if math.isfinite(value):
        return Step(number, value)
    return Step(number, None, "nan" if math.isnan(value) else "inf")
