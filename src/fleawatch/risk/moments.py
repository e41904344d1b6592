"""Mean and variance in one pass, without the cancellation of sum-of-squares formulas, mergeable.

Welford (1962), doi:10.1080/00401706.1962.10490022; the merge is Chan, Golub, LeVeque (1979), equation 2.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec


class Moments(msgspec.Struct):
    """Running mean and variance.

    Attributes:
        count: how many values were added.
        mean: their mean, 0.0 when there are none.
        squares: sum of the squared distances from the mean.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Moments:
        """The moments of a whole sequence, by two exact passes rather than by repeated `add`."""
        count = len(values)
        if count == 0:
            return cls()
        mean = math.fsum(values) / count
        distance = math.dist(values, (mean,) * count)
        return cls(count, mean, distance * distance)

    def add(self, value: float) -> None:
        """Take one more value."""
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self.squares += delta * (value - self.mean)

    def merge(self, other: Moments) -> Moments:
        """The moments of both sets together. Neither operand changes; associative within rounding."""
        count = self.count + other.count
        if count == 0:
            return Moments()
        delta = other.mean - self.mean
        mean = self.mean + delta * other.count / count
        squares = self.squares + other.squares + delta * delta * self.count * other.count / count
        return Moments(count, mean, squares)

    def variance(self) -> float | None:
        """Sample variance (ddof 1), None below 2 values."""
        return self.squares / (self.count - 1) if self.count > 1 else None

    def deviation(self) -> float | None:
        """Sample standard deviation (ddof 1), None below 2 values."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else None
