"""Where time comes from. The belt never asks: it is told by `Tick`. Only the shells hold a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Protocol


class Clock(Protocol):
    """A source of the time of day and of the pace at which it passes."""

    def now(self) -> float:
        """Unix time in seconds, UTC."""
        ...

    def wall(self, seconds: float) -> float:
        """How many real seconds pass while this clock advances by `seconds`."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def wall(self, seconds: float) -> float:
        return seconds


@dataclass(slots=True)
class ScaledClock:
    """Simulated time: starts at `origin` and runs `speed` times as fast as real time.

    Two processes that are given the same `origin`, `speed` and `started` (a `time.time()` value) agree on the time.

    Attributes:
        origin: simulated unix seconds at the start.
        speed: simulated seconds per real second, above 0.
        started: real unix seconds at which `origin` holds.
    """

    origin: float
    speed: float
    started: float = field(default_factory=time.time)

    def now(self) -> float:
        return self.origin + (time.time() - self.started) * self.speed

    def wall(self, seconds: float) -> float:
        return seconds / self.speed


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when a test or a replay moves it."""

    at: float = 0.0

    def now(self) -> float:
        return self.at

    def wall(self, seconds: float) -> float:
        return seconds

    def advance(self, seconds: float) -> None:
        """Move forward by `seconds`; a negative step is refused, because time does not go back by accident."""
        if seconds < 0:
            raise ValueError(f"seconds was {seconds}; a clock only moves forward (set `at` to step back on purpose)")
        self.at += seconds
