"""A curve for people: equity, NAV and drawdown over an agent's whole life, in bounded memory.

When the curve is full, every second point goes and the step doubles: a chart stays a chart after a year. Nothing is
computed from it.
"""

from __future__ import annotations

from typing import Final

import msgspec

FIRST_STEP: Final = 15.0
FULL: Final = 192


class History(msgspec.Struct):
    """At most 192 points (time, equity, NAV, drawdown), evenly spaced by `step` seconds at least."""

    step: float = FIRST_STEP
    points: list[tuple[float, float, float, float]] = msgspec.field(default_factory=list)

    def record(self, at: float, equity: float, nav: float, drawdown: float) -> None:
        """Add a point, or let the last one move to it while it is younger than a step from its predecessor.

        Time does not go back on a chart: an older point counts as of the newest.
        """
        points = self.points
        if points and at < points[-1][0]:
            at = points[-1][0]
        if len(points) > 1 and at - points[-2][0] < self.step:
            points[-1] = (at, equity, nav, drawdown)
            return
        points.append((at, equity, nav, drawdown))
        if len(points) > FULL:
            self.points = [*points[:-1:2], points[-1]]
            self.step *= 2
