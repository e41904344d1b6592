"""Labelled counters and histograms of one agent, as the metrics surface will show them.

A tally only ever grows, so that a rate over it is a rate of facts. Label values are bounded here, at the one place
where a fact's words become label values.
"""

from __future__ import annotations

from bisect import bisect_left

import msgspec

Labels = tuple[str, ...]
"""Label values without the agent's id, in the order of the metric's declaration."""


class Distribution(msgspec.Struct):
    """A histogram's counts a bucket (not cumulative; one more than there are bounds, the last is +Inf) and its sum."""

    counts: list[int]
    total: float = 0.0
    last: float = 0.0

    def observe(self, bounds: tuple[float, ...], value: float) -> None:
        """Count one value; `bounds` are the metric's upper bounds, inclusive, ascending."""
        self.counts[bisect_left(bounds, value)] += 1
        self.total += value
        self.last = value


class Tallies(msgspec.Struct):
    """Counters by metric and label values, and distributions alike."""

    counters: dict[str, dict[Labels, float]] = msgspec.field(default_factory=dict)
    distributions: dict[str, dict[Labels, Distribution]] = msgspec.field(default_factory=dict)

    def add(self, metric: str, labels: Labels, amount: float = 1.0) -> None:
        """Grow a counter by `amount`, which is never negative."""
        series = self.counters.get(metric)
        if series is None:
            series = self.counters[metric] = {}
        series[labels] = series.get(labels, 0.0) + amount

    def reach(self, metric: str, labels: Labels, total: float) -> None:
        """Set a counter to a lifetime total that the platform keeps; it never goes back."""
        series = self.counters.setdefault(metric, {})
        series[labels] = max(series.get(labels, 0.0), total)

    def observe(self, metric: str, labels: Labels, bounds: tuple[float, ...], value: float) -> None:
        """Count `value` in a distribution with these bucket bounds."""
        series = self.distributions.setdefault(metric, {})
        found = series.get(labels)
        if found is None:
            found = series[labels] = Distribution([0] * (len(bounds) + 1))
        found.observe(bounds, value)

    def get(self, metric: str, labels: Labels) -> float:
        """A counter's value, 0 before its first fact."""
        return self.counters.get(metric, {}).get(labels, 0.0)

    def total(self, metric: str) -> float:
        """A counter summed over all its labels."""
        return sum(self.counters.get(metric, {}).values())
