"""The two clocks of a gate: the time of day for facts, and a pace that nobody can set for leases.

A lease must not live longer because somebody set the clock back, nor because the machine slept: where the kernel has a
clock that counts sleep, that one is used.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Protocol

_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", None)


class Timing(Protocol):
    """Time of day and pace."""

    def now(self) -> float:
        """Unix seconds, UTC; may jump."""
        ...

    def elapsed(self) -> float:
        """Seconds since some fixed moment; never goes back, and goes on while the machine sleeps."""
        ...


class SystemTiming:
    """The machine's own clocks."""

    __slots__ = ()

    def now(self) -> float:
        return time.time()

    def elapsed(self) -> float:
        return time.monotonic() if _BOOT is None else time.clock_gettime(_BOOT)


@dataclass(slots=True)
class ManualTiming:
    """Clocks that move only when a test moves them; each can be set by itself."""

    at: float = 1_800_057_600.0
    passed: float = 1_000.0

    def now(self) -> float:
        return self.at

    def elapsed(self) -> float:
        return self.passed

    def advance(self, seconds: float) -> None:
        """Let both move forward by `seconds`."""
        self.at += seconds
        self.passed += seconds
