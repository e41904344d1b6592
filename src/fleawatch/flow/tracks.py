"""What rules remember of the past: growth of counters, spreads of observations, samples of values, in steps of a window.

A window of `w` seconds moves in steps of w / 60. Growth is booked at the time of the fact that caused it, not at that of
its arrival, so that an old ledger that is read for the first time is not a burst. Memory is bounded by the steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

STEPS: Final = 60
"""Steps of a window."""


class Track(msgspec.Struct):
    """Growth of one counter within a window.

    Attributes:
        last: the counter when it was last looked at.
        head: number of the newest step, counted from the epoch.
        grown: growth by step, in a ring; empty until something grew.
        total: sum of `grown`.
    """

    last: float = 0.0
    head: int = 0
    grown: list[float] = msgspec.field(default_factory=list)
    total: float = 0.0

    def book(self, value: float, at: float, step: float) -> None:
        """The counter is `value` now because of something that happened at `at`. A counter that fell began anew."""
        growth = value - self.last if value >= self.last else value
        self.last = value
        if growth <= 0.0:
            return
        number = int(at // step)
        if self.grown and number > self.head:
            self._move(number)
        if not self.grown:
            self.grown = [0.0] * STEPS
            self.head = number
        if number > self.head - STEPS:
            self.grown[number % STEPS] += growth
            self.total = sum(self.grown)

    def growth(self, now: float, step: float) -> float:
        """Growth within the window that ends at `now`."""
        if not self.grown:
            return 0.0
        number = int(now // step)
        if number > self.head:
            self._move(number)
        return self.total

    def _move(self, number: int) -> None:
        gone = number - self.head
        self.head = number
        if gone >= STEPS:
            self.grown = []
            self.total = 0.0
            return
        for step in range(number - gone + 1, number + 1):
            self.grown[step % STEPS] = 0.0
        self.total = sum(self.grown)
        if not self.total:
            self.grown = []


class Spread(msgspec.Struct):
    """Observations of a histogram within a window: counts a bucket, by step."""

    last: list[int] = msgspec.field(default_factory=list)
    steps: dict[int, list[int]] = msgspec.field(default_factory=dict)

    def book(self, counts: list[int], grown: Sequence[tuple[int, int]], at: float, step: float) -> None:
        """The histogram has these counts a bucket now because of something that happened at `at`.

        `counts` is kept, and must not be changed afterwards; `grown` is what `growth_of` makes of `last` and it.
        """
        self.last = counts
        if grown:
            number = int(at // step)
            held = self.steps.get(number)
            if held is None:
                held = self.steps[number] = [0] * len(counts)
            for bucket, growth in grown:
                held[bucket] += growth

    def counts(self, now: float, step: float) -> list[int]:
        """Observations a bucket within the window that ends at `now`; empty when there was none."""
        oldest = int(now // step) - STEPS
        for number in [number for number in self.steps if number <= oldest]:
            del self.steps[number]
        return [sum(column) for column in zip(*self.steps.values(), strict=True)]


def growth_of(before: Sequence[int], counts: Sequence[int]) -> list[tuple[int, int]]:
    """The buckets that differ, each with by how much; nothing was counted before when `before` is empty."""
    if not before:
        return [(bucket, now) for bucket, now in enumerate(counts) if now]
    return [(bucket, now - then) for bucket, (now, then) in enumerate(zip(counts, before, strict=True)) if now != then]


class Samples(msgspec.Struct):
    """A value as it was in each step of a window: the newest of the step, or its smallest or largest."""

    steps: dict[int, float] = msgspec.field(default_factory=dict)

    def book(self, value: float, now: float, step: float, window: float, how: str) -> None:
        """The value is `value` at `now`."""
        number = int(now // step)
        before = self.steps.get(number)
        if before is not None:
            value = min(before, value) if how == "min" else max(before, value) if how == "max" else value
        elif len(self.steps) >= window // step:
            oldest = number - int(window // step)
            for gone in [one for one in self.steps if one <= oldest]:
                del self.steps[gone]
        self.steps[number] = value

    def values(self, now: float, step: float, window: float) -> list[float]:
        """Samples within the window that ends at `now`, in no order."""
        oldest = int(now // step) - int(window // step)
        return [value for number, value in self.steps.items() if number > oldest]


class Tracks(msgspec.Struct):
    """All that rules remember of one agent, or of the fleet, under short names that the compiled rules give.

    Attributes:
        valued: NAV, loss of the day, equity and unknown parts when rules on them were last asked.
    """

    valued: tuple[float, float, float, int] | None = None
    growth: dict[str, Track] = msgspec.field(default_factory=dict)
    spreads: dict[str, Spread] = msgspec.field(default_factory=dict)
    samples: dict[str, Samples] = msgspec.field(default_factory=dict)
