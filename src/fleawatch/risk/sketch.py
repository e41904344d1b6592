"""Quantiles of a stream in bounded memory, within a stated relative error.

DDSketch: Masson, Rim, Lee (2019), "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
guarantees", doi:10.14778/3352063.3352135. Values fall into bins whose bounds grow by the factor
gamma = (1 + a) / (1 - a), so that the middle of a bin is within the share `a` of every value in it. Negative values
have bins of their own and values nearer to zero than `NOTHING` are counted as zero.
"""

from __future__ import annotations

import math
import sys
from itertools import accumulate
from typing import Final

import msgspec

NOTHING: Final = 1e-12
"""Absolute value below which a value is zero."""


_LARGEST: Final = math.log(sys.float_info.max)


class Bins(msgspec.Struct):
    """Counts of positive values by logarithmic bin, in one run of at most `limit` bins.

    When values span more, the lowest bins are added together: small values lose their accuracy, large ones, which
    people set limits on, keep it.

    Attributes:
        limit: longest run of bins.
        lowest: number of the first bin; bin i covers (gamma^(i-1), gamma^i].
        counts: values in each bin from `lowest` on, empty bins included.
    """

    limit: int
    lowest: int = 0
    counts: list[int] = msgspec.field(default_factory=list)

    def add(self, number: int, count: int = 1) -> None:
        """Count `count` values in bin `number`, or in the lowest bin that is left for them."""
        counts = self.counts
        if not counts:
            self.lowest = number
        above = number - self.lowest - len(counts) + 1
        if above > 0:
            counts.extend([0] * min(above, self.limit))
            self._shorten(number)
        room = min(self.lowest - number, self.limit - len(counts))
        if room > 0:
            counts[:0] = [0] * room
            self.lowest -= room
        counts[max(number - self.lowest, 0)] += count

    def merge(self, other: Bins) -> None:
        """Add the counts of `other`, whose bins have the same bounds. Highest first, so that nothing moves twice."""
        for place in range(len(other.counts) - 1, -1, -1):
            if other.counts[place]:
                self.add(other.lowest + place, other.counts[place])

    def _shorten(self, highest: int) -> None:
        """Add the lowest bins together until the run ends at `highest` and holds `limit` bins at most."""
        counts = self.counts
        lowest = max(self.lowest, highest - self.limit + 1)
        surplus = lowest - self.lowest
        length = highest - lowest + 1
        gone = sum(counts[:surplus])
        del counts[:surplus]
        counts.extend([0] * (length - len(counts)))
        counts[0] += gone
        self.lowest = lowest


class QuantileSketch(msgspec.Struct):
    """Quantiles of all values added, each within `error` of the exact order statistic, relatively.

    The guarantee is void only for values whose bins were added together because values of one sign span more than
    `limit` bins: with the default error and limit, those more than 8 orders of magnitude below the largest.

    Attributes:
        error: relative error a, above 0 and below 1.
        limit: longest run of bins of each sign.
        count: values added.
        zeros: how many of them were nearer to 0 than `NOTHING`.
        low, high: smallest and largest value, exact; infinite when there is none.
        positive, negative: bins of the values above and below 0, the latter by absolute value.
    """

    error: float = 0.01
    limit: int = 1024
    count: int = 0
    zeros: int = 0
    low: float = math.inf
    high: float = -math.inf
    positive: Bins | None = None
    negative: Bins | None = None

    def add(self, value: float) -> None:
        """Take one value; infinity and NaN are refused.

        Raises:
            ValueError: the value is not finite.
        """
        if not math.isfinite(value):
            raise ValueError(f"value was {value}; a quantile of it would mean nothing")
        self.count += 1
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        if value >= NOTHING:
            self.positive = self.positive or Bins(self.limit)
            self.positive.add(self._bin(value))
        elif value <= -NOTHING:
            self.negative = self.negative or Bins(self.limit)
            self.negative.add(self._bin(-value))
        else:
            self.zeros += 1

    def merge(self, other: QuantileSketch) -> None:
        """Add all values of `other`, as if they had been added here; the error does not grow.

        Raises:
            ValueError: the sketches have different errors, so that their bins do not match.
        """
        if other.error != self.error:
            raise ValueError(f"error of the other sketch was {other.error}; only sketches of {self.error} merge here")
        self.count += other.count
        self.zeros += other.zeros
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        if other.positive:
            self.positive = self.positive or Bins(self.limit)
            self.positive.merge(other.positive)
        if other.negative:
            self.negative = self.negative or Bins(self.limit)
            self.negative.merge(other.negative)

    def quantile(self, q: float) -> float | None:
        """The value of rank floor(q (n - 1)) counted from 0, within `error`. None when nothing was added.

        Raises:
            ValueError: q is not in 0..1.
        """
        if not 0.0 <= q <= 1.0:
            raise ValueError(f"q was {q}; a quantile is asked for by a number from 0 to 1")
        if self.count == 0:
            return None
        rank = math.floor(q * (self.count - 1))
        if rank == 0:
            return self.low
        if rank == self.count - 1:
            return self.high
        return min(max(self._value(rank), self.low), self.high)

    def _value(self, rank: int) -> float:
        """The value of the rank, walked to from below: negative bins downwards, zeros, positive bins upwards."""
        below = 0
        if self.negative:
            for place in range(len(self.negative.counts) - 1, -1, -1):
                below += self.negative.counts[place]
                if below > rank:
                    return -self._middle(self.negative.lowest + place)
        below += self.zeros
        if below > rank or not self.positive:
            return 0.0
        place = next(
            place for place, count in enumerate(accumulate(self.positive.counts, initial=below)) if count > rank
        )
        return self._middle(self.positive.lowest + place - 1)

    def _bin(self, magnitude: float) -> int:
        return math.ceil(math.log(magnitude) / self._log_gamma())

    def _middle(self, number: int) -> float:
        """The value of which every value in the bin is within the relative error: 2 gamma^i / (gamma + 1)."""
        return math.exp(min(number * self._log_gamma() + math.log1p(-self.error), _LARGEST))

    def _log_gamma(self) -> float:
        return math.log1p(2.0 * self.error / (1.0 - self.error))
