"""What happened within the last minutes, in whole seconds and constant time: orders let through, calls that failed.

A second leaves a window only when all of it is older than the window, so a limit holds over every stretch of that
length, wherever it begins.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from fleawatch.units import MINUTE

_WIDTH: Final = int(MINUTE)
_ERRORS_WIDTH: Final = 300
_STEP: Final = 5
JUDGED: Final = 20
"""Calls within five minutes below which their error share is not judged."""


class OrderWindow:
    """Orders and their size over the last minute.

    Attributes:
        count, notional: in the window as of the last call, USD.
    """

    __slots__ = ("_second", "_seconds", "count", "notional")

    def __init__(self) -> None:
        self._seconds: deque[list[float]] = deque()
        self._second = -1
        self.count = 0
        self.notional = 0.0

    def turn(self, now: float) -> None:
        """Let time pass to `now`, seconds of a clock that never goes back."""
        second = int(now)
        if second == self._second:
            return
        self._second = second
        seconds = self._seconds
        oldest = second - _WIDTH
        gone = False
        while seconds and seconds[0][0] < oldest:
            seconds.popleft()
            gone = True
        if gone:
            # Summed anew, not subtracted: errors of subtraction would add up over months.
            self.count = int(sum(one[1] for one in seconds))
            self.notional = sum((one[2] for one in seconds), 0.0)

    def add(self, notional: float) -> None:
        """Count an order of `notional` USD at the time of the last `turn`."""
        self.count += 1
        self.notional += notional
        seconds = self._seconds
        if seconds and seconds[-1][0] == self._second:
            last = seconds[-1]
            last[1] += 1
            last[2] += notional
        else:
            seconds.append([self._second, 1, notional])


class ErrorWindow:
    """Calls of the last five minutes and how many failed."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: deque[list[int]] = deque()

    def add(self, now: float, *, failed: bool) -> None:
        """Count a call."""
        step = int(now // _STEP)
        self._turn(step)
        if not self._steps or self._steps[-1][0] != step:
            self._steps.append([step, 0, 0])
        self._steps[-1][1] += 1
        self._steps[-1][2] += failed

    def share(self, now: float) -> float | None:
        """Failed calls / all calls, 0..1; None below 20 calls."""
        self._turn(int(now // _STEP))
        calls = sum(one[1] for one in self._steps)
        return sum(one[2] for one in self._steps) / calls if calls >= JUDGED else None

    def clear(self) -> None:
        """Begin anew."""
        self._steps.clear()

    def _turn(self, step: int) -> None:
        while self._steps and self._steps[0][0] < step - _ERRORS_WIDTH // _STEP:
            self._steps.popleft()
