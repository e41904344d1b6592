"""Whether a return stands out from those before it, by measures that a few wild returns cannot move.

A mean and a standard deviation are moved by the very loss they are to notice, and are of no use while nothing moves.
Here a return is held against the median of the returns before it, never of itself, and against their median absolute
deviation (Hampel 1974, doi:10.1080/01621459.1974.10482962; Iglewicz and Hoaglin 1993), which half of them would have
to be wild to move. docs/reference/definitions.md, "Anomalies".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from fleawatch.risk.changepoint import BEFORE_LEAST, LATEST, log_variance_ratio, welch_t
from fleawatch.risk.grid import ReturnGrid, Step

LEAST: Final = 24
"""Returns below which there is no baseline: a day of hours."""
KEPT: Final = 168
"""Returns of a baseline: a week of hours."""
FLOOR: Final = 1e-4
"""The least deviation: one basis point. An agent that never moved would else stand out with its first cent."""

IDLE: Final = 0.25
"""Share of returns that are the middle itself from which an agent counts as one that is idle now and then."""

_MIDDLE: Final = (0.5, 0.6744897501960817)
_QUANTILES: Final = (_MIDDLE, (0.75, 1.1503493803760079), (0.9, 1.6448536269514722))
"""Share of the absolute deviations, and what that quantile is for a standard normal sample."""


class Baseline(NamedTuple):
    """What a return is held against: the middle of earlier returns, and their deviation, scaled to that of a normal sample."""

    center: float
    deviation: float


class Judged(NamedTuple):
    """One closed return: the grid point it leads to, its value, and its robust z-score; None without a baseline."""

    number: int
    value: float
    zscore: float | None


def baseline(returns: Sequence[float]) -> Baseline | None:
    """The baseline that `returns` make. None below `LEAST`.

    The deviation is 1.4826 times the median absolute deviation, never less than `FLOOR`. That says nothing of an agent
    that is idle in many hours: where a quarter of the returns and more are equal, the largest of it and the 75 and 90 %
    quantiles is taken, each scaled likewise. Even then one return in ten may be wild without being taken for usual.
    """
    if len(returns) < LEAST:
        return None
    ordered = sorted(returns)
    center = _quantile(ordered, 0.5)
    distances = sorted(abs(value - center) for value in ordered)
    still = sum(distance == 0.0 for distance in distances)
    quantiles = _QUANTILES if still >= IDLE * len(ordered) else (_MIDDLE,)
    return Baseline(center, max(FLOOR, *(_quantile(distances, share) / normal for share, normal in quantiles)))


def zscore(value: float, against: Baseline) -> float:
    """How many deviations `value` lies above (positive) or below the middle of what it is held against."""
    return (value - against.center) / against.deviation


class ReturnWatch(msgspec.Struct):
    """The closed returns of one grid, each judged once against those before it.

    Attributes:
        number: of the first grid point that is not judged yet.
        last: NAV at the last closed point; 0 where it is missing or lost.
        center, deviation: baseline of the latest return; None before there is one.
        zscore: of the latest return.
        variance_score, mean_score: how far the latest returns differ from those before; the mean's has a sign.
        counted: number of the point whose return stood out before it closed.
        shifted: which of the two scores stand above their limit.
    """

    number: int = 0
    last: float = 0.0
    center: float | None = None
    deviation: float | None = None
    zscore: float | None = None
    variance_score: float | None = None
    mean_score: float | None = None
    counted: int = -1
    shifted: list[str] = msgspec.field(default_factory=list)

    def close(self, grid: ReturnGrid) -> tuple[list[Judged], list[Step]]:
        """Judge what has closed since the last call: the returns, and the steps that gave none because they were refused."""
        new = min(grid.number - max(self.number, grid.oldest), KEPT)
        first = grid.number - new
        self.number = grid.number
        steps = grid.steps(KEPT + new)
        returns = [(step.number, step.value) for step in steps if step.value is not None]
        judged: list[Judged] = []
        for number, value in returns:
            if number >= first:
                against = baseline(_between(returns, number - KEPT, number))
                self.center, self.deviation = against or (None, None)
                self.zscore = None if against is None else zscore(value, against)
                judged.append(Judged(number, value, self.zscore))
        if new:
            self._compare(_between(returns, grid.number - KEPT, grid.number))
        self.last = grid.closed() or 0.0
        return judged, [step for step in steps if step.number >= first and step.refused]

    def running(self, grid: ReturnGrid, nav: float) -> float | None:
        """Return since the last closed point. None where none can come of it: a point is missing, or an epoch began since."""
        return nav / self.last - 1.0 if self.last > 0.0 and not grid.renewed else None

    def score_running(self, grid: ReturnGrid, value: float) -> float | None:
        """Robust z-score of a return that has not closed, against all that have. None without a baseline."""
        against = baseline([step.value for step in grid.steps(KEPT) if step.value is not None])
        return None if against is None else zscore(value, against)

    def _compare(self, returns: Sequence[float]) -> None:
        latest, before = returns[-LATEST:], returns[:-LATEST]
        against = baseline(before)
        if against is None or len(before) < BEFORE_LEAST:
            self.variance_score = self.mean_score = None
            return
        self.variance_score = log_variance_ratio(latest, before, center=against.center, deviation=against.deviation)
        self.mean_score = welch_t(latest, before, least=FLOOR)


def _between(returns: Sequence[tuple[int, float]], first: int, end: int) -> list[float]:
    return [value for number, value in returns if first <= number < end]


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The quantile of a sorted sample, linear between neighbours: type 7 of Hyndman and Fan (1996)."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return low + (high - low) * (place - below)
