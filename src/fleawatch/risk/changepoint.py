"""How much the latest returns differ from those before them, in their mean and in their spread.

Two numbers, because a strategy can fail in two ways: it begins to lose steadily, or it begins to swing. Neither says
which hour it began in; both say whether what an agent was tested on still holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from fleawatch.risk.moments import Moments

LATEST: Final = 24
"""Returns that count as the latest: a day of hours."""
BEFORE_LEAST: Final = 72
"""Returns before them below which there is no comparison: three days of hours."""
WIDEST: Final = 4.0
"""Deviations beyond which a return counts as one that lies there.

The variance of a fat-tailed sample is mostly that of its largest value; one wild hour would be a change of regime.
"""


def welch_t(latest: Sequence[float], before: Sequence[float], *, least: float = 0.0) -> float | None:
    """Welch's t of the two means (Welch 1947, doi:10.2307/2332510); negative when the latest are lower.

    Args:
        latest: returns of now, at least 2.
        before: returns of before, at least 2.
        least: deviation below which neither sample is taken to be, so that returns that do not vary give a number.

    Returns:
        None below 2 values, or when neither varies and `least` is 0.
    """
    new, old = Moments.of(latest), Moments.of(before)
    new_variance, old_variance = new.variance(), old.variance()
    if new_variance is None or old_variance is None:
        return None
    floor = least * least
    squared = max(new_variance, floor) / new.count + max(old_variance, floor) / old.count
    return (new.mean - old.mean) / math.sqrt(squared) if squared > 0.0 else None


def log_variance_ratio(
    latest: Sequence[float], before: Sequence[float], *, center: float, deviation: float
) -> float | None:
    """Absolute log of the ratio of the two variances, of returns drawn in to `WIDEST` deviations around `center`.

    Args:
        latest: returns of now, at least 2.
        before: returns of before, at least 2.
        center: middle of the returns before.
        deviation: robust deviation of the returns before, above 0. Neither variance is taken to be below that of a
            hundredth of it, so that a sample that does not vary at all gives a number.

    Returns:
        0 when both vary alike, however much. None below 2 values.
    """
    low, high = center - WIDEST * deviation, center + WIDEST * deviation
    new, old = (Moments.of([min(max(value, low), high) for value in sample]).variance() for sample in (latest, before))
    if new is None or old is None:
        return None
    floor = (deviation / 100.0) ** 2
    return abs(math.log(max(new, floor) / max(old, floor)))
