"""Where a rule's numbers come from: the readers that also make the metrics, and the tallies behind counters.

A rule and a scrape therefore see the same number. Labels of a series are those of the metric without the agent's id,
which every rule about an agent shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.query import Match, Select
from fleawatch.catalog.spec import Metric
from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.evaluate.shapes import Compiled, Number, Scalar, Table
from fleawatch.flow.samples.registry import READERS
from fleawatch.flow.samples.shape import Fixed, Keyed, OfFleet
from fleawatch.flow.samples.view import AgentView, Memory
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.flow.tally import Distribution, Labels, Tallies
from fleawatch.flow.verdict import Pairs

MOST_PASSES: Final = 4_096


class NotHereError(ValueError):
    """A rule asks for a series that does not exist inside the process, such as the scraper's own `up`."""


def metric_of(select: Select) -> Metric:
    """The declaration of what is selected.

    Raises:
        NotHereError: the catalog has no such metric.
    """
    metric = CATALOG.metrics.get(select.metric)
    if metric is None:
        raise NotHereError(f"{select.metric} is no metric of the catalog")
    return metric


def current(select: Select, *, fleet: bool) -> Compiled:
    """The current numbers of the selected series.

    Raises:
        NotHereError: the catalog has no such metric.
    """
    metric = metric_of(select)
    if fleet:
        return _of_fleet(metric, select)
    reader = READERS.get(metric.name)
    names = _names(metric)
    if isinstance(reader, Fixed):
        return _row(reader, names, select.where)
    if isinstance(reader, Keyed):
        read = reader.read
        return Table(lambda context: _filtered(read(context.view), names, select.where))
    if isinstance(reader, OfFleet):
        of_fleet = reader.read
        return Table(lambda context: _filtered(of_fleet(context.fleet, context.now), names, select.where))
    if metric.type == "counter":
        name = metric.name
        return Table(
            lambda context: _filtered(_tallies(context).counters.get(name, {}), names, select.where, begin=0.0)
        )
    return Scalar((), lambda _: None)


def _row(reader: Fixed, names: Labels, where: tuple[Match, ...]) -> Compiled:
    read = reader.read
    kept = [
        (index, _pairs(names, labels)) for index, labels in enumerate(reader.labels) if passes(names, labels, where)
    ]
    if len(kept) == 1:
        index, key = kept[0]
        return Scalar(key, lambda context: read(context.view)[index])

    def rows(context: Context) -> dict[Pairs, Number]:
        row = read(context.view)
        return {key: row[index] for index, key in kept}

    return Table(rows)


def _of_fleet(metric: Metric, select: Select) -> Compiled:
    reader = READERS.get(metric.name)
    names, where = _names(metric), select.where
    if isinstance(reader, OfFleet):
        of_fleet = reader.read
        return Table(lambda context: _filtered(of_fleet(context.fleet, context.now), names, where))
    if AGENT_ID not in metric.labels or not isinstance(reader, (Fixed, Keyed)):
        raise NotHereError(f"{metric.name} cannot be read for the whole fleet")

    def rows(context: Context) -> dict[Pairs, Number]:
        found: dict[Pairs, Number] = {}
        for agent in context.fleet.agents.values():
            view = AgentView(agent, context.now, Memory(), ticked_at=float("inf"))
            pairs = (
                dict(zip(reader.labels, reader.read(view), strict=True))
                if isinstance(reader, Fixed)
                else reader.read(view)
            )
            for key, number in _filtered(pairs, names, where).items():
                found[tuple(sorted(((AGENT_ID.name, agent.agent_id), *key)))] = number
        return found

    return Table(rows)


def cumulative(select: Select, by: tuple[str, ...], *, fleet: bool) -> Callable[[Context], dict[Pairs, float]]:
    """The selected counters as they stand, added up by the labels `by` (the agent's id apart).

    Raises:
        NotHereError: the catalog has no such metric.
    """
    metric = metric_of(select)
    names, where = _names(metric), select.where
    places = tuple((name, names.index(name)) for name in sorted(by) if name in names)
    reader = READERS.get(metric.name)
    if isinstance(reader, (Fixed, Keyed)) and not fleet:
        read = current(select, fleet=False)
        rows = read.read if isinstance(read, Table) else None
        number = read.read if isinstance(read, Scalar) else None

        def of_reader(context: Context) -> dict[Pairs, float]:
            if rows is None:
                one = number(context) if number is not None else None
                return {} if one is None else {(): float(one)}  # type: ignore[arg-type]
            found = [value for value in rows(context).values() if value is not None]
            return {(): sum(found)} if found else {}

        return of_reader
    name = metric.name

    def of_tallies(context: Context) -> dict[Pairs, float]:
        found: dict[Pairs, float] = {}
        for tallies in _keepers(metric, context, fleet=fleet):
            for labels, value in tallies.counters.get(name, _NOTHING).items():
                if not where or passes(names, labels, where):
                    key = tuple((label, labels[place]) for label, place in places) if places else ()
                    found[key] = found.get(key, 0.0) + value
        return found

    return of_tallies


def observed(select: Select, *, fleet: bool) -> Callable[[Context], list[int]]:
    """Counts a bucket of the selected histograms, added up; empty before the first observation."""
    metric = metric_of(select)
    names, where, name = _names(metric), select.where, metric.name

    def counts(context: Context) -> list[int]:
        found: list[int] = []
        for tallies in _keepers(metric, context, fleet=fleet):
            for labels, distribution in tallies.distributions.get(name, _EMPTY).items():
                if not where or passes(names, labels, where):
                    found = _added(found, distribution.counts)
        return found

    return counts


_NOTHING: Final[dict[Labels, float]] = {}
_EMPTY: Final[dict[Labels, Distribution]] = {}


def _added(one: list[int], other: list[int]) -> list[int]:
    return [mine + theirs for mine, theirs in zip(one, other, strict=True)] if one else list(other)


def _keepers(metric: Metric, context: Context, *, fleet: bool) -> Iterable[Tallies]:
    """Who keeps the tallies: the agent; for the fleet, the monitor and every agent."""
    if AGENT_ID in metric.labels and not fleet and context.agent is not None:
        return (context.agent.tallies,)
    return _of_all(context.fleet)


def _of_all(fleet: FleetState) -> Iterator[Tallies]:
    yield fleet.tallies
    for agent in fleet.agents.values():
        yield agent.tallies


def _tallies(context: Context) -> Tallies:
    agent: AgentState | None = context.agent
    return context.fleet.tallies if agent is None else agent.tallies


def _names(metric: Metric) -> Labels:
    return tuple(name for name in metric.label_names if name != AGENT_ID.name)


def _pairs(names: Labels, labels: Labels) -> Pairs:
    return tuple(sorted(zip(names, labels, strict=True)))


def _filtered(
    series: Mapping[Labels, Number], names: Labels, where: tuple[Match, ...], *, begin: float | None = None
) -> dict[Pairs, Number]:
    found = {_pairs(names, labels): value for labels, value in series.items() if passes(names, labels, where)}
    return {(): begin} if not found and begin is not None and not names else found


@lru_cache(maxsize=MOST_PASSES)
def passes(names: Labels, labels: Labels, where: tuple[Match, ...]) -> bool:
    """Whether label values satisfy every filter."""
    found = dict(zip(names, labels, strict=True))
    return all((found.get(match.label, "") in match.values) is not match.negated for match in where)
