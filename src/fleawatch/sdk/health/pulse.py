"""The pulse of an agent: whether its event loop still turns, and how much of its memory and processor it uses.

One thread feels it every second, so that a page costs nothing. The loop is never waited for: it is asked to come by, and
how long it takes to come is how late it is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleawatch.sdk.health.checks import Loop
from fleawatch.sdk.timing import Timing

EVERY_S: Final = 1.0
_GROUP: Final = Path("/sys/fs/cgroup")
_FULL: Final = 100.0


@dataclass(frozen=True, slots=True)
class Turning:
    """How the event loop turns. `ok` is None when none is watched; `late_s` how long it has not come by, or took to."""

    ok: bool | None
    error: str | None
    late_s: float | None


class LoopWatch:
    """Watches one event loop.

    Args:
        stalled_s: seconds without a turn after which the loop stands still.
    """

    def __init__(self, timing: Timing, stalled_s: float) -> None:
        self._timing, self._stalled_s = timing, stalled_s
        self._lock = threading.Lock()
        self.loop: Loop | None = None
        self._asked: float | None = None
        self._late = 0.0
        self._closed = False

    def watch(self, loop: Loop | None) -> None:
        """Watch this loop from now on, or none."""
        with self._lock:
            self.loop, self._asked, self._late, self._closed = loop, None, 0.0, False

    def renew(self) -> None:
        """Begin anew in a process that has no event loop of its parent."""
        self._lock = threading.Lock()
        self.watch(None)

    def feel(self) -> None:
        """Ask the loop to come by, unless it was asked and has not come yet."""
        with self._lock:
            loop = self.loop
            if loop is None or self._asked is not None:
                return
            self._asked = self._timing.elapsed()
        try:
            loop.call_soon_threadsafe(self._came, loop)
        except RuntimeError:
            with self._lock:
                self._closed = self.loop is loop

    def turning(self) -> Turning:
        """How it turns now."""
        with self._lock:
            if self.loop is None:
                return Turning(None, None, None)
            if self._closed:
                return Turning(False, "closed", None)
            late = self._late if self._asked is None else max(self._late, self._timing.elapsed() - self._asked)
        stalled = late > self._stalled_s
        return Turning(not stalled, "stalled" if stalled else None, late)

    def _came(self, loop: Loop) -> None:
        with self._lock:
            if self.loop is loop and self._asked is not None:
                self._late, self._asked = self._timing.elapsed() - self._asked, None


class Usage:
    """Memory and processor time as shares of what this process may use, in percent; None where the system does not tell."""

    def __init__(
        self,
        memory: Callable[[], float | None] | None = None,
        cpu_s: Callable[[], float] = time.process_time,
        timing: Callable[[], float] = time.monotonic,
    ) -> None:
        self._memory, self._cpu_s, self._elapsed = memory or memory_share, cpu_s, timing
        self._before = (timing(), cpu_s())
        self.memory_pct: float | None = None
        self.cpu_pct: float | None = None

    def measure(self) -> None:
        """Measure anew; the processor's share is since the last time."""
        share = self._memory()
        self.memory_pct = None if share is None else round(_FULL * share, 1)
        now, spent = self._elapsed(), self._cpu_s()
        passed, before = now - self._before[0], self._before[1]
        if passed > 0:
            self.cpu_pct = round(_FULL * (spent - before) / (passed * _processors()), 1)
            self._before = (now, spent)


def memory_share(group: Path = _GROUP, host: Path = Path("/proc/meminfo")) -> float | None:
    """Memory in use by the control group as a share of its limit; of the host's when the group has none.

    None where neither is told. The group's own count includes what the kernel can take back, which is left out.
    """
    used, limit = _number(group / "memory.current"), _number(group / "memory.max")
    if used is not None and limit:
        return max(0.0, used - _inactive(group / "memory.stat")) / limit
    found = _meminfo(host)
    total, available = found.get("MemTotal"), found.get("MemAvailable")
    return None if not total or available is None else 1.0 - available / total


def _processors() -> float:
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _number(path: Path) -> float | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return float(text) if text.isdigit() else None


def _inactive(path: Path) -> float:
    for name, number in _pairs(path):
        if name == "inactive_file":
            return number
    return 0.0


def _meminfo(path: Path) -> dict[str, float]:
    return {name.rstrip(":"): number for name, number in _pairs(path)}


def _pairs(path: Path) -> list[tuple[str, float]]:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []
    found = [line.split() for line in lines]
    return [(words[0], float(words[1])) for words in found if len(words) > 1 and words[1].isdigit()]
