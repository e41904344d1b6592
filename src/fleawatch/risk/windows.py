"""The drawdown of a NAV over a sliding window, in bounded memory and constant time.

A window of width w moves in steps of w/60. Time is cut into buckets of one step; the window holds the open bucket and
the 60 before it, so it reaches back at least w and at most w + w/60, and a fall is never forgotten too early. A bucket
keeps its first, lowest and highest NAV and its own largest drawdown, and two neighbours merge into one such row. The
NAV in force at the left edge belongs to the window: every bucket opens with the NAV it inherits.

Sliding needs no subtraction (whose errors would add up): closed buckets lie in two stacks, the older one holding the
merge of each bucket with all after it, so that the oldest can be dropped and the rest is still merged (Tangwongsan,
Hirzel, Schneider 2015, "General incremental sliding-window aggregation", two-stacks). Rows are packed at 8 bytes a
number, because a fleet has thousands of windows. docs/reference/definitions.md, "Statistics".
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Final

import msgspec

STEPS: Final = 60
"""Buckets a window reaches back beside the open one."""

Row = tuple[float, float, float, float, float]
"""First NAV (NaN: none), lowest before the first renewal, highest after the last one, largest drawdown, renewals > 0."""

EMPTY: Final[Row] = (math.nan, math.inf, 0.0, 0.0, 0.0)
"""A bucket nothing is known of: merging it with another row changes nothing."""

_PACKED: Final = struct.Struct("5d")
_SPOILT: Final = -1
_EMPTY_PACKED: Final = _PACKED.pack(*EMPTY)


def fall(nav: float, peak: float) -> float:
    """Drawdown of `nav` from `peak`, 0..1. A NAV of 0 is a total loss whatever came before."""
    if nav <= 0.0:
        return 1.0
    return 1.0 - nav / peak if nav < peak else 0.0


def falls(windows: Iterable[DrawdownWindow]) -> list[float | None]:
    """Drawdown of each window now, then the largest of each: `current` and `max` of all of them in one go."""
    now: list[float | None] = []
    worst: list[float | None] = []
    for window in windows:
        if window.stale:
            window._settle()  # noqa: SLF001 - of the same module; asked for all windows of an agent at every scrape
        last, peak = window.last, window.peak
        if last is None:
            now.append(None)
            worst.append(None)
        else:
            now.append(1.0 if last <= 0.0 else 1.0 - last / peak if last < peak else 0.0)
            worst.append(window.worst)
    return now + worst


def merge(earlier: Row, later: Row) -> Row:
    """The row of two neighbouring stretches of time. Associative; `EMPTY` is neutral.

    An epoch that begins inside a stretch hides earlier peaks from later lows, so each row tells only the low that
    earlier peaks can see and the peak that later lows can see.
    """
    # Comparisons, not max() and isnan(): a fleet merges a row per agent and minute, and calls cost more than the sums.
    first, low, high, drawdown, renewed = earlier
    later_first, later_low, later_high, later_drawdown, later_renewed = later
    if first != first:  # noqa: PLR0124 - true for NaN alone
        first = later_first
    if later_drawdown > drawdown:  # noqa: PLR1730 - a call costs more than the sum
        drawdown = later_drawdown
    if later_low < high:
        across = 1.0 - later_low / high
        if across > drawdown:  # noqa: PLR1730 - a call costs more than the sum
            drawdown = across
    if later_low < low and not renewed:
        low = later_low
    if later_renewed or later_high > high:
        high = later_high
    return first, low, high, drawdown, renewed or later_renewed


class DrawdownWindow(msgspec.Struct):
    """Current and maximum drawdown over the last `width` seconds (`math.inf`: since the first NAV, O(1) memory).

    Feed it the NAV, in time order. A NAV of 0 ends an epoch and the next positive one begins another at a new peak:
    the current drawdown is that of the running epoch, the maximum spans epochs and counts a total loss as 1.0.

    Attributes:
        width: seconds.
        last: NAV in force, None before the first.
        known: last NAV of a complete reading: the only kind that can make a peak.
        edge: when the open bucket ends, unix seconds.
        left: where the window begins, unix seconds; -inf for the one that never expires.
        number: number of the open bucket; bucket k covers [k step, (k + 1) step).
        first: NAV in force at the left edge, or the first NAV of a younger history.
        peak: highest NAV of the running epoch in the window, or of what has left it since it was last asked.
        worst: largest drawdown in the window, likewise.
        stale: a bucket has closed since the window was last asked.
        bucket_first, bucket_low, bucket_high, bucket_drawdown, bucket_renewed: the open bucket.
        oldest: number of the oldest closed bucket kept.
        older: packed merges of each older closed bucket with all of `older` after it.
        newer: packed newer closed buckets.
        newer_merged: the merge of the first `merged` bytes of `newer`.
        merged: see there; -1 when buckets were dropped from `newer`, so that it must be merged anew.
    """

    width: float
    last: float | None = None
    known: float = 0.0
    edge: float = -math.inf
    left: float = -math.inf
    number: int = 0
    first: float = math.nan
    peak: float = 0.0
    worst: float = 0.0
    stale: bool = False
    bucket_first: float = math.nan
    bucket_low: float = math.inf
    bucket_high: float = 0.0
    bucket_drawdown: float = 0.0
    bucket_renewed: float = 0.0
    oldest: int = 0
    older: bytearray = msgspec.field(default_factory=bytearray)
    newer: bytearray = msgspec.field(default_factory=bytearray)
    newer_merged: Row = EMPTY
    merged: int = 0

    def update(self, at: float, nav: float, peak: bool = True) -> None:  # noqa: FBT001, FBT002 - positional on the hottest path of all
        """Take the NAV at `at` (unix seconds, not before the last one).

        Args:
            at: when it was read.
            nav: 0 or above.
            peak: False for a partial reading: it may lower and breach, but raises no peak and opens no epoch.
        """
        if at >= self.edge:
            self.expire(at)
        if not self.last:
            if peak and nav > 0.0:
                self._begin(nav)
            return
        self.last = nav
        if peak:
            self.known = nav
            if nav >= self.bucket_high:
                self.bucket_high = nav
                if nav >= self.peak:
                    self.peak = nav
                    return
        if nav < self.bucket_low and not self.bucket_renewed:
            self.bucket_low = nav
        drawdown = 1.0 - nav / self.bucket_high
        if drawdown > self.bucket_drawdown:  # noqa: PLR1730 - a call costs more than the sum
            self.bucket_drawdown = drawdown
        drawdown = 1.0 - nav / self.peak
        if drawdown > self.worst:  # noqa: PLR1730 - a call costs more than the sum
            self.worst = drawdown

    def expire(self, at: float) -> None:
        """Let time pass to `at` without a reading: what is older than the window leaves it."""
        if at < self.edge:
            return
        step = self.width / STEPS
        number = int(at // step)
        last = self.last
        if last is not None:
            self._close(number)
            self.bucket_first = self.bucket_low = last
            self.bucket_high = known = self.known
            self.bucket_drawdown = fall(last, known)
            self.bucket_renewed = 0.0
        self.number = number
        self.edge = (number + 1) * step
        self.left = (number - STEPS) * step

    def current(self) -> float | None:
        """Drawdown now, 0..1: 1 - NAV / highest NAV of the epoch in the window. None before the first NAV."""
        last = self.last
        if last is None:
            return None
        if self.stale:
            self._settle()
        return fall(last, self.peak)

    def max(self) -> float | None:
        """Largest drawdown in the window, 0..1, over all its epochs. None before the first NAV."""
        if self.stale:
            self._settle()
        return None if self.last is None else self.worst

    def high(self) -> float | None:
        """Highest NAV of the running epoch in the window. None before the first NAV."""
        if self.stale:
            self._settle()
        return None if self.last is None else self.peak

    def start(self) -> float | None:
        """NAV in force at the left edge, or the first NAV of a younger history. None before the first NAV."""
        if self.stale:
            self._settle()
        return None if self.last is None else self.first

    def _begin(self, nav: float) -> None:
        if self.last is None:
            self.first = self.bucket_first = self.bucket_low = nav
        else:
            self.bucket_renewed = 1.0
        self.last = self.known = self.peak = self.bucket_high = nav

    def _close(self, number: int) -> None:
        """Stack the open bucket away; bucket `number` is the next.

        What this pushes out of the window is dropped when the window is next asked, or when too much has piled up.
        """
        self.stale = True
        gap = number - self.number - 1
        if gap >= STEPS:
            self.older = bytearray()
            self.newer = bytearray()
            self.newer_merged = EMPTY
            self.merged = 0
            return
        if not self.newer and not self.older:
            self.oldest = self.number
        self.newer += _PACKED.pack(
            self.bucket_first, self.bucket_low, self.bucket_high, self.bucket_drawdown, self.bucket_renewed
        )
        if gap:
            self.newer += _EMPTY_PACKED * gap
        if number - self.oldest > 2 * STEPS:
            self._drop(number - STEPS)

    def _drop(self, oldest: int) -> None:
        """Drop the closed buckets before number `oldest`."""
        surplus = (oldest - self.oldest) * _PACKED.size
        if surplus > 0:
            self.oldest = oldest
            kept = len(self.older) - surplus
            del self.older[:surplus]
            if kept < 0:
                del self.newer[:-kept]
                self.merged = _SPOILT

    def _settle(self) -> None:
        """Drop what left the window, and merge what is in it."""
        self._drop(self.number - STEPS)
        if self.merged == _SPOILT:
            self._turn()
        closed = self.newer_merged
        for row in _PACKED.iter_unpack(self.newer[self.merged :]):
            closed = merge(closed, row)
        self.newer_merged = closed
        self.merged = len(self.newer)
        if self.older:
            closed = merge(_PACKED.unpack_from(self.older), closed)
        bucket = (self.bucket_first, self.bucket_low, self.bucket_high, self.bucket_drawdown, self.bucket_renewed)
        self.first, _, self.peak, self.worst, _ = merge(closed, bucket)
        self.stale = False

    def _turn(self) -> None:
        """Turn the newer stack over onto the emptied older one. Each bucket is turned once in its life."""
        merged = EMPTY
        rows = []
        for row in reversed(list(_PACKED.iter_unpack(self.newer))):
            merged = merge(row, merged)
            rows.append(_PACKED.pack(*merged))
        self.older = bytearray(b"".join(reversed(rows)))
        self.newer = bytearray()
        self.newer_merged = EMPTY
        self.merged = 0
