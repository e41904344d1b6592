"""Counters and histograms as the belt has tallied them, and the zeros with which counters begin.

A counter whose labels all list their values begins at 0 for each of them when its collector has first read. Otherwise the
first escrow that fails would be a series that appears at 1, and no rate would see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fleawatch.catalog import escrow
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.spec import Metric
from fleawatch.flow.fold.equity import MONEY
from fleawatch.flow.samples.shape import combinations
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.state import FleetState
from fleawatch.flow.tally import Distribution, Labels, Tallies

MOST_ZEROS: Final = 24
"""Combinations above which a counter begins with what it has seen: 1,000 zeros an agent help nobody."""

_ESCROW: Final = frozenset(metric.name for metric in escrow.METRICS)


class Counted:
    """The counters and histograms of some metrics.

    Attributes:
        of_agents: counters and histograms with the agent's id among their labels, by name.
        of_fleet: those without.
        zeros: the zeros a counter begins with, by name; none for counters with an open label.
    """

    __slots__ = ("of_agents", "of_fleet", "zeros")

    def __init__(self, metrics: Iterator[Metric]) -> None:
        self.of_agents: dict[str, Metric] = {}
        self.of_fleet: dict[str, Metric] = {}
        for metric in metrics:
            (self.of_agents if AGENT_ID in metric.labels else self.of_fleet)[metric.name] = metric
        self.zeros: dict[str, dict[Labels, float]] = {}
        for metric in (*self.of_agents.values(), *self.of_fleet.values()):
            every = combinations(metric) if metric.type == "counter" else ()
            if 0 < len(every) <= MOST_ZEROS:
                self.zeros[metric.name] = dict.fromkeys(every, 0.0)

    def counters(self, view: AgentView) -> Iterator[tuple[str, Mapping[Labels, float]]]:
        """The counters of one agent by name, label values without the agent's id."""
        counters = view.agent.tallies.counters
        begun = {name for name in (*MONEY, "probe") if view.has_read(name)}
        for name, metric in self.of_agents.items():
            if metric.type != "counter":
                continue
            series = counters.get(name)
            zeros = self.zeros.get(name)
            if zeros is not None and ("escrow" in begun if name in _ESCROW else begun):
                yield name, {**zeros, **series} if series else zeros
            elif series:
                yield name, series

    def histograms(self, view: AgentView) -> Iterator[tuple[str, Mapping[Labels, Distribution]]]:
        """The histograms of one agent by name, label values without the agent's id."""
        for name, series in view.agent.tallies.distributions.items():
            if name in self.of_agents:
                yield name, series

    def fleet_counters(self, fleet: FleetState) -> Iterator[tuple[str, Mapping[Labels, float]]]:
        """Counters without an agent, by name: what the fleet tallied, and the sum of what agents did."""
        for name, metric in self.of_fleet.items():
            if metric.type != "counter":
                continue
            found = dict(self.zeros.get(name, {}))
            for tallies in _all_tallies(fleet):
                for labels, value in tallies.counters.get(name, {}).items():
                    found[labels] = found.get(labels, 0.0) + value
            yield name, found

    def fleet_histograms(self, fleet: FleetState) -> Iterator[tuple[str, Mapping[Labels, Distribution]]]:
        """Histograms without an agent, by name, summed likewise."""
        for name, metric in self.of_fleet.items():
            if metric.type == "histogram":
                found: dict[Labels, Distribution] = {}
                for tallies in _all_tallies(fleet):
                    for labels, distribution in tallies.distributions.get(name, {}).items():
                        found[labels] = merged(found.get(labels), distribution)
                yield name, found


def merged(one: Distribution | None, other: Distribution) -> Distribution:
    """Both distributions as one; they have the same bounds. Of their last values the larger is kept."""
    if one is None:
        return other
    counts = [mine + theirs for mine, theirs in zip(one.counts, other.counts, strict=True)]
    return Distribution(counts, one.total + other.total, max(one.last, other.last))


def _all_tallies(fleet: FleetState) -> Iterator[Tallies]:
    yield fleet.tallies
    for agent in fleet.agents.values():
        yield agent.tallies
