"""The largest of what was measured lately, in bounded memory.

A measurement that is judged only now and then must not be missed because a smaller one came after it.
"""

from __future__ import annotations

from typing import Final

import msgspec

KEPT: Final = 16
"""Falling values that are kept. When there are more, the smallest of them is not kept."""


class Peak(msgspec.Struct):
    """The largest value of a moving window.

    Attributes:
        width: seconds that a value counts.
        values: (time, value), oldest first, each smaller than the one before it: no other can be the largest any more.
    """

    width: float
    values: list[tuple[float, float]] = msgspec.field(default_factory=list)

    def add(self, at: float, value: float) -> None:
        """Take a value measured at `at`. One that is older than the newest counts as of the newest."""
        values = self.values
        if values:
            at = max(at, values[-1][0])
            while values and values[-1][1] <= value:
                values.pop()
            self._expire(at)
        if len(values) < KEPT:
            values.append((at, value))

    def largest(self, at: float) -> float | None:
        """The largest value not older than the width at `at`, None when there is none."""
        width = self.width
        for measured, value in self.values:
            if at - measured <= width:
                return value
        return None

    def _expire(self, at: float) -> None:
        values = self.values
        while values and at - values[0][0] > self.width:
            del values[0]
