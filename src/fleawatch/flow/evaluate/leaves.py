"""Where a rule's numbers come from: the readers that also make the metrics, and the tallies behind counters.

A rule and a scrape therefore see the same number. Labels of a series are those of the metric without the agent's id,
which every rule about an agent shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from fleawatch.catalog import performance
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.query import Match, Select
from fleawatch.catalog.spec import Metric
from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.evaluate.shapes import Compiled, Number, Scalar, Table
from fleawatch.flow.halting import guard
from fleawatch.flow.samples.registry import READERS
from fleawatch.flow.samples.shape import Fixed, Keyed, OfFleet
from fleawatch.flow.samples.view import AgentView, Memory
from fleawatch.flow.state import AgentState
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


def kept_by_agents(select: Select) -> bool:
    """Whether agents tally what is selected; the monitor does otherwise."""
    metric = metric_of(select)
    return AGENT_ID in metric.labels or metric.owner == "agent"


def tally_of(select: Select) -> str:
    """The tally behind what is selected; empty where a reader gives it."""
    return "" if select.metric in READERS else select.metric


def current(select: Select, *, fleet: bool) -> Compiled:  # noqa: PLR0911 - one case per shape
    """The current numbers of the selected series.

    Raises:
        NotHereError: the catalog has no such metric.
    """
    metric = metric_of(select)
    if fleet:
        return _of_fleet(metric, select)
    if metric in (performance.DRAWDOWN, performance.DRAWDOWN_MAX):
        fall = _fall(metric, select.where)
        if fall is not None:
            return fall
    reader = READERS.get(metric.name)
    names = _names(metric)
    if isinstance(reader, Fixed):
        return _row(reader, metric, names, select.where)
    if isinstance(reader, Keyed):
        return _keyed(reader, names, select.where)
    if isinstance(reader, OfFleet):
        of_fleet = reader.read
        return Table(lambda context: _filtered(of_fleet(context.fleet, context.now), names, select.where))
    if metric.type == "counter":
        name = metric.name
        return Table(
            lambda context: _filtered(_tallies(context).counters.get(name, {}), names, select.where, begin=0.0)
        )
    return Scalar((), lambda _: None)


def _keyed(reader: Keyed, names: Labels, where: tuple[Match, ...]) -> Table:
    read = reader.read

    def numbers(context: Context) -> Iterable[Number]:
        series = read(context.view)
        if not where:
            return series.values()
        return [number for labels, number in series.items() if passes(names, labels, where)]

    return Table(lambda context: _filtered(read(context.view), names, where), numbers)


def _fall(metric: Metric, where: tuple[Match, ...]) -> Compiled | None:
    """One drawdown, read by itself: it is asked for after every row of a ledger. None for several windows."""
    windows = [window for window in metric.windows if passes(("window",), (window,), where)]
    if len(windows) != 1:
        return None
    window = windows[0]
    now = metric is performance.DRAWDOWN

    def fall(context: Context) -> Number:
        view = context.view
        if not view.money:
            return None
        if context.guarded and view.agent.control.baseline is not None:
            return guard.drawdown(view.agent) if now else guard.worst(view.agent)
        drawdown = view.agent.performance.drawdowns[window]
        return drawdown.current() if now else drawdown.max()

    return Scalar((("window", window),), fall)


def _row(reader: Fixed, metric: Metric, names: Labels, where: tuple[Match, ...]) -> Compiled:
    kept = [(index, _pairs(names, labels)) for index, labels in _places(reader, metric) if passes(names, labels, where)]
    if len(kept) == 1:
        index, key = kept[0]
        return Scalar(key, lambda context: context.row(reader)[index])

    def rows(context: Context) -> dict[Pairs, Number]:
        row = context.row(reader)
        return {key: row[index] for index, key in kept}

    return Table(rows)


def _places(reader: Fixed, metric: Metric) -> Iterator[tuple[int, Labels]]:
    """Where in the row a metric stands, with its label values."""
    index = 0
    for one, combinations in reader.parts:
        for labels in combinations:
            if one is metric:
                yield index, labels
            index += 1


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
            pairs = _read(reader, metric, view)
            for key, number in _filtered(pairs, names, where).items():
                found[tuple(sorted(((AGENT_ID.name, agent.agent_id), *key)))] = number
        return found

    return Table(rows)


def _read(reader: Fixed | Keyed, metric: Metric, view: AgentView) -> Mapping[Labels, Number]:
    if isinstance(reader, Keyed):
        return reader.read(view)
    row = reader.read(view)
    return {labels: row[index] for index, labels in _places(reader, metric)}


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
                return {} if one is None else {(): float(one)}
            found = [value for value in rows(context).values() if value is not None]
            return {(): sum(found)} if found else {}

        return of_reader
    name = metric.name

    def of_tallies(context: Context) -> dict[Pairs, float]:
        found: dict[Pairs, float] = {}
        for labels, value in _keepers(context, fleet=fleet).counters.get(name, _NOTHING).items():
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
        for labels, distribution in _keepers(context, fleet=fleet).distributions.get(name, _EMPTY).items():
            if not where or passes(names, labels, where):
                found = _added(found, distribution.counts)
        return found

    return counts


_NOTHING: Final[dict[Labels, float]] = {}
_EMPTY: Final[dict[Labels, Distribution]] = {}


def _added(one: list[int], other: list[int]) -> list[int]:
    return [mine + theirs for mine, theirs in zip(one, other, strict=True)] if one else list(other)


def _keepers(context: Context, *, fleet: bool) -> Tallies:
    """Who keeps the tallies: the agent looked at, or the monitor."""
    return context.fleet.tallies if fleet or context.agent is None else context.agent.tallies


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
