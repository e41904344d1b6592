"""Some agents at one moment: what their readers say, one list of numbers a metric, with what its lines begin with.

One reader is asked for all agents before the next one is, so that its code and what it looks at stay in the processor's
caches. Where label values are known beforehand the rows of all agents are turned into columns, and those are put end to
end; everything else is put end to end agent after agent. Neither looks at a single number: that is what makes it cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from operator import is_
from typing import NamedTuple

from fleawatch.flow.samples import AgentView, Memory, Readers
from fleawatch.flow.samples.shape import Value
from fleawatch.flow.state import AgentState
from fleawatch.flow.tally import Distribution, Labels
from fleawatch.sinks.wire import Ends, escaped

Times = tuple[float, float]
"""The time of the scrape, and of the fleet's newest Tick."""

Placed = tuple[Labels, bytes, Value]
"""A number with its label values without the agent's id, and that id, escaped."""

Distributions = list[tuple[bytes, Labels, Distribution]]


class Columns(NamedTuple):
    """One metric whose label values are known beforehand.

    Attributes:
        labels: each set of label values.
        values: for each of them in turn a number for each agent.
        beside: what was tallied under labels that are not listed: seldom anything.
    """

    labels: Sequence[Labels]
    values: list[Value]
    beside: Sequence[Placed] = ()


class Listing(NamedTuple):
    """Any other metric: for each agent in turn the numbers it has.

    Attributes:
        counts: how many each agent has.
        labels, values: of each, agent after agent; labels without the agent's id.
    """

    counts: list[int]
    labels: list[Labels]
    values: list[Value]


class _Told:
    """What was last said of a metric, and how it was written if that was the same the time before."""

    __slots__ = ("starts", "text", "values")

    def __init__(self, starts: list[bytes], values: list[Value]) -> None:
        self.starts = starts
        self.values = values
        self.text: bytes | None = None


class Roster:
    """Some agents in a fixed order, and how what is said about them begins; kept while they are the same agents.

    Attributes:
        names: their ids.
        ids: the same, escaped.
    """

    __slots__ = ("_listed", "_listings", "_pieces", "_starts", "_tables", "_told", "ids", "names")

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.ids = [escaped(name) for name in names]
        self._starts: dict[tuple[bytes, ...], list[bytes]] = {}
        self._told: dict[str | tuple[str, int], _Told] = {}
        self._pieces: dict[str, tuple[list[Value], list[bytes]]] = {}
        self._listed: dict[str, tuple[list[int], list[Labels], list[bytes]]] = {}
        self._tables: dict[str, tuple[list[Sequence[Value]], list[list[Value]]]] = {}
        self._listings: dict[str, tuple[list[Mapping[Labels, Value]], Listing]] = {}

    def told_by_label(self, name: str, values: list[Value], write: Callable[[int, list[Value]], bytes]) -> list[bytes]:
        """The lines of a metric's columns, one text for each: where there are many, a fact changes few of them.

        `write` takes the place of a column and its numbers.
        """
        kept = self._pieces.get(name)
        if kept is not None and kept[0] is values:
            return kept[1]
        count, pieces = len(self.ids), list[bytes]()
        every = range(len(values) // count)
        for place in every:
            part = values[place * count : (place + 1) * count]
            pieces.append(self.told((name, place), self.ids, part, partial(write, place, part)))
        if all(self._told[name, place].text is not None for place in every):
            self._pieces[name] = (values, pieces)
        else:
            self._pieces.pop(name, None)
        return pieces

    def told(
        self, name: str | tuple[str, int], starts: list[bytes], values: list[Value], write: Callable[[], bytes]
    ) -> bytes:
        """The lines of a metric: those of the scrape before where nothing about them has changed, else as `write` makes them.

        A text is kept once it came twice, so that what changes all the time takes no memory.
        """
        kept = self._told.get(name)
        if kept is None or kept.starts is not starts or (kept.values is not values and kept.values != values):
            self._told[name] = _Told(starts, values)
            return write()
        if kept.text is None:
            kept.text = write()
        return kept.text

    def end_to_end(self, name: str, rows: list[Sequence[Value]], widths: Iterable[int]) -> list[list[Value]]:
        """The columns of a table end to end, in lists of so many columns; those of the time before if its rows were the same."""
        kept = self._tables.get(name)
        if kept is not None and kept[0] == rows:
            return kept[1]
        values, lists, first = list(chain.from_iterable(zip(*rows, strict=True))), list[list[Value]](), 0
        for width in widths:
            last = first + width * len(rows)
            lists.append(values[first:last])
            first = last
        self._tables[name] = (rows, lists)
        return lists

    def listing(self, name: str, series: list[Mapping[Labels, Value]]) -> Listing:
        """What the readers of each agent say; the listing of the time before if they gave the same mappings.

        Not for mappings that change: they would be the same and say something else.
        """
        kept = self._listings.get(name)
        if kept is not None and all(map(is_, kept[0], series)):
            return kept[1]
        found = _listing(series)
        self._listings[name] = (series, found)
        return found

    def starts(self, tails: tuple[bytes, ...]) -> list[bytes]:
        """Every id with the first tail behind it, then with the second, and so on."""
        found = self._starts.get(tails)
        if found is None:
            found = self._starts[tails] = [agent + tail for tail in tails for agent in self.ids]
        return found

    def listed(self, ends: Ends, listing: Listing) -> list[bytes]:
        """The id and the labels of each number of a listing, as they are written: mostly those of the scrape before."""
        counts, labels, _ = listing
        kept = self._listed.get(ends.family.name)
        if kept is not None and kept[0] == counts and (kept[1] is labels or kept[1] == labels):
            return kept[2]
        agents = chain.from_iterable(map(repeat, self.ids, counts))
        written = [agent + tail for agent, tail in zip(agents, map(ends.__getitem__, labels), strict=True)]
        self._listed[ends.family.name] = (counts, labels, written)
        return written


class Batch:
    """What the readers say of the agents of a roster, metric by metric."""

    __slots__ = ("_agents", "_readers", "_roster", "_views")

    def __init__(
        self,
        readers: Readers,
        roster: Roster,
        agents: Sequence[AgentState],
        memories: Sequence[Memory],
        times: Times,
    ) -> None:
        """Look at the agents, in the order of the roster; `memories` belong to them one by one."""
        at, ticked_at = times
        self._readers = readers
        self._roster = roster
        self._agents = agents
        self._views = [AgentView(agent, at, kept, ticked_at) for agent, kept in zip(agents, memories, strict=True)]

    def columns(self) -> Iterator[tuple[str, Columns]]:
        """The numbers of each metric whose label values are known beforehand, by name."""
        views = self._views
        roster = self._roster
        for reader in self._readers.fixed:
            widths = (len(labels) for _, labels in reader.parts)
            lists = roster.end_to_end(reader.parts[0][0].name, list(map(reader.read, views)), widths)
            for (metric, labels), values in zip(reader.parts, lists, strict=True):
                yield metric.name, Columns(labels, values)
        ids = roster.ids
        for name, zeros, rows, beside in self._readers.counted.rows(views):
            found = sorted((labels, ids[place], value) for place, labels, value in beside)
            (values,) = roster.end_to_end(name, rows, (len(zeros),))
            yield name, Columns(tuple(zeros), values, found)

    def listings(self) -> Iterator[tuple[str, Listing]]:
        """The numbers of each other metric that is no histogram, by name."""
        for reader in self._readers.keyed:
            name = reader.metric.name
            yield name, self._roster.listing(name, list(map(reader.read, self._views)))
        counters = [agent.tallies.counters for agent in self._agents]
        for name in self._readers.counted.open:
            series = [found.get(name, _NOTHING) for found in counters]
            if any(series):
                yield name, _listing(series)

    def distributions(self) -> Iterator[tuple[str, Distributions]]:
        """The distributions of each histogram, by name."""
        found: dict[str, Distributions] = {}
        of_agents = self._readers.counted.of_agents
        for agent_id, agent in zip(self._roster.ids, self._agents, strict=True):
            for name, distributions in agent.tallies.distributions.items():
                if name in of_agents:
                    several = found.setdefault(name, [])
                    several += [(agent_id, labels, distributions[labels]) for labels in sorted(distributions)]
        yield from found.items()


_NOTHING: Mapping[Labels, float] = {}


def _listing(series: Sequence[Mapping[Labels, Value]]) -> Listing:
    return Listing(
        list(map(len, series)),
        list(chain.from_iterable(series)),
        list(chain.from_iterable([one.values() for one in series])),
    )
