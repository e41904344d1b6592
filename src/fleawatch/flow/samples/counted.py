"""Counters and histograms as the belt has tallied them, and the zeros with which counters begin.

A counter whose labels all list their values begins at 0 for each of them when its collector has first read. Otherwise the
first escrow that fails would be a series that appears at 1, and no rate would see it. What a ledger tells begins when the
ledger was first read: before that nobody knows that there was nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from fleawatch.catalog import escrow, wallet
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.spec import Metric
from fleawatch.flow.samples.shape import combinations
from fleawatch.flow.samples.unbuilt import UNBUILT
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.state import FleetState
from fleawatch.flow.tally import Distribution, Labels, Tallies

MOST_ZEROS: Final = 24
"""Combinations above which a counter begins with what it has seen: 1,000 zeros an agent help nobody."""

_ESCROW: Final = frozenset(metric.name for metric in escrow.METRICS)
_LEDGER: Final = _ESCROW.union(metric.name for metric in wallet.METRICS)


class Rows(NamedTuple):
    """A listed counter of some agents.

    Attributes:
        zeros: its label values.
        rows: for each agent a value for each of them.
        beside: what was tallied under other labels: place of the agent, labels, value.
    """

    name: str
    zeros: Mapping[Labels, float]
    rows: list[Sequence[float | None]]
    beside: list[tuple[int, Labels, float]]


class Counted:
    """The counters and histograms of some metrics.

    Attributes:
        of_agents: counters and histograms with the agent's id among their labels, by name.
        of_fleet: those without.
        listed: counters of agents whose label values can be listed, each with its zeros.
        open: the other counters of agents.
        zeros: the zeros with which counters of the fleet begin, by name.
    """

    __slots__ = ("listed", "of_agents", "of_fleet", "open", "zeros")

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.of_agents: dict[str, Metric] = {}
        self.of_fleet: dict[str, Metric] = {}
        for metric in metrics:
            (self.of_agents if AGENT_ID in metric.labels else self.of_fleet)[metric.name] = metric
        every = {metric.name: _zeros(metric) for metric in (*self.of_agents.values(), *self.of_fleet.values())}
        self.listed = tuple((name, every[name]) for name in self.of_agents if every[name])
        self.open = tuple(
            name for name, metric in self.of_agents.items() if metric.type == "counter" and not every[name]
        )
        self.zeros = {name: every[name] for name in self.of_fleet}

    def rows(self, views: Sequence[AgentView]) -> Iterator[Rows]:
        """The listed counters of some agents. A row says nothing where nothing was tallied before its collector has read."""
        begun = _begun(views)
        tallied = [view.agent.tallies.counters for view in views]
        for name, zeros in self.listed:
            places = {labels: place for place, labels in enumerate(zeros)}
            # Indexed with whether the counter has begun.
            untold: tuple[Sequence[float | None], ...] = ((None,) * len(places), tuple(zeros.values()))
            rows: list[Sequence[float | None]] = [untold[ready] for ready in begun[_begin(name)]]
            beside: list[tuple[int, Labels, float]] = []
            for number, counters in enumerate(tallied):
                series = counters.get(name)
                if series:
                    # Most agents have counted under few of the labels.
                    row = rows[number] = list(rows[number])
                    for labels, value in series.items():
                        place = places.get(labels)
                        if place is None:
                            beside.append((number, labels, value))
                        else:
                            row[place] = value
            yield Rows(name, zeros, rows, beside)

    def counters(self, view: AgentView) -> Iterator[tuple[str, Mapping[Labels, float | None]]]:
        """Every counter of one agent by name, label values without the agent's id."""
        counters = view.agent.tallies.counters
        for name, zeros, (row,), _ in self.rows((view,)):
            yield name, {**dict(zip(zeros, row, strict=True)), **counters.get(name, {})}
        yield from ((name, counters[name]) for name in self.open if name in counters)

    def histograms(self, view: AgentView) -> Iterator[tuple[str, Mapping[Labels, Distribution]]]:
        """The histograms of one agent by name, label values without the agent's id."""
        for name, series in view.agent.tallies.distributions.items():
            if name in self.of_agents:
                yield name, series

    def fleet_counters(self, fleet: FleetState) -> Iterator[tuple[str, Mapping[Labels, float]]]:
        """Counters without an agent, by name, summed over all who tally them."""
        for name, metric in self.of_fleet.items():
            if metric.type != "counter":
                continue
            found = dict(self.zeros[name])
            for tallies in _keepers(metric, fleet):
                for labels, value in tallies.counters.get(name, {}).items():
                    found[labels] = found.get(labels, 0.0) + value
            yield name, found

    def fleet_histograms(self, fleet: FleetState) -> Iterator[tuple[str, Mapping[Labels, Distribution]]]:
        """Histograms without an agent, by name, summed over all who tally them."""
        for name, metric in self.of_fleet.items():
            if metric.type == "histogram":
                found: dict[Labels, Distribution] = {}
                for tallies in _keepers(metric, fleet):
                    for labels, distribution in tallies.distributions.get(name, {}).items():
                        found[labels] = merged(found.get(labels), distribution)
                yield name, found


def _begun(views: Sequence[AgentView]) -> Mapping[str, Sequence[bool]]:
    """By when a counter begins whether each agent is that far."""
    ledgers = [view.has_read_ledger() for view in views]
    return {
        "any": [view.begun for view in views],
        "ledger": ledgers,
        "escrow": [told and view.has_read("escrow") for told, view in zip(ledgers, views, strict=True)],
    }


def _begin(name: str) -> str:
    return "escrow" if name in _ESCROW else "ledger" if name in _LEDGER else "any"


def _zeros(metric: Metric) -> dict[Labels, float]:
    """Nothing for what is not judged yet: a 0 would say that there was none."""
    every = combinations(metric) if metric.type == "counter" and metric.name not in UNBUILT else ()
    return dict.fromkeys(every, 0.0) if len(every) <= MOST_ZEROS else {}


def merged(one: Distribution | None, other: Distribution) -> Distribution:
    """Both distributions as one; they have the same bounds. Of their last values the larger is kept."""
    if one is None:
        return other
    counts = [mine + theirs for mine, theirs in zip(one.counts, other.counts, strict=True)]
    return Distribution(counts, one.total + other.total, max(one.last, other.last))


def _keepers(metric: Metric, fleet: FleetState) -> Iterator[Tallies]:
    """Who tallies a metric without an agent: the fleet what the monitor says, an agent what its own process says."""
    yield fleet.tallies
    if metric.owner == "agent":
        yield from (agent.tallies for agent in fleet.agents.values())
