"""Some agents at one moment: what their readers say, turned into columns and lists that a writer can join.

One reader is asked for all agents before the next one is, so that its code and what it looks at stay in the processor's
caches. Where label values are known beforehand the rows of all agents are turned into columns at once; everything else
is put end to end. Neither looks at a single number: that is what makes it cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress

from fleawatch.flow.samples import AgentView, Memory, Readers
from fleawatch.flow.samples.shape import Value
from fleawatch.flow.state import AgentState
from fleawatch.flow.tally import Distribution, Labels
from fleawatch.sinks.wire import Ends, escaped, joined


class Agents:
    """The escaped ids of some agents, and what lines about them begin with: most families end their labels alike."""

    __slots__ = ("_starts", "ids")

    def __init__(self, ids: list[bytes]) -> None:
        self.ids = ids
        self._starts: dict[bytes, list[bytes]] = {}

    def starts(self, tail: bytes) -> list[bytes]:
        """Each id with `tail` behind it."""
        found = self._starts.get(tail)
        if found is None:
            found = self._starts[tail] = [agent + tail for agent in self.ids]
        return found


Column = tuple[Labels, Agents, tuple[Value, ...]]
"""Label values without the agent's id, the agents, and the number of each."""

Times = tuple[float, float]
"""The time of the scrape, and of the fleet's newest Tick."""

Distributions = list[tuple[bytes, Labels, Distribution]]


class Kept:
    """What is kept of an agent between two scrapes: numbers of its returns, and how the labels of its tallies are written.

    A tally never forgets labels, so what was written of as many as there are now is still right.
    """

    __slots__ = ("agent", "memory", "starts")

    def __init__(self, agent: AgentState) -> None:
        self.agent = agent
        self.memory = Memory()
        self.starts: dict[str, list[bytes]] = {}


class Listing:
    """Samples of one metric, agent after agent.

    Attributes:
        agents: escaped ids.
        series: for each agent its numbers by label values without the id.
        starts: for each agent its id and those labels as they are written, where the scrape before has left them.
    """

    __slots__ = ("agents", "series", "starts")

    def __init__(
        self, agents: Sequence[bytes], series: Sequence[Mapping[Labels, Value]], starts: Sequence[list[bytes]] = ()
    ) -> None:
        self.agents = agents
        self.series = series
        self.starts = starts

    def written(self, ends: Ends) -> bytes:
        """The lines of all samples."""
        starts = (
            [start for known in self.starts for start in known]
            if self.starts
            else [
                agent + ends[labels]
                for agent, series in zip(self.agents, self.series, strict=True)
                for labels in series
            ]
        )
        return joined(ends.head, starts, [value for series in self.series for value in series.values()])


class Batch:
    """What the readers say of some agents, metric by metric."""

    __slots__ = ("_agents", "_counters", "_kept", "_readers", "_views")

    def __init__(self, readers: Readers, agents: Sequence[AgentState], kept: Sequence[Kept], times: Times) -> None:
        """Look at the agents; `kept` belongs to them one by one."""
        at, ticked_at = times
        self._readers = readers
        self._kept = kept
        self._counters = [agent.tallies.counters for agent in agents]
        self._agents = Agents([escaped(agent.agent_id) for agent in agents])
        self._views = [AgentView(agent, at, known.memory, ticked_at) for agent, known in zip(agents, kept, strict=True)]

    def columns(self) -> Iterator[tuple[str, list[Column]]]:
        """The columns of each metric whose label values are known beforehand, by name."""
        agents, views = self._agents, self._views
        for reader in self._readers.fixed:
            rows = zip(*map(reader.read, views), strict=True)
            yield reader.metric.name, [(labels, agents, row) for labels, row in zip(reader.labels, rows, strict=True)]
        counted = self._readers.counted
        for name, zeros in counted.listed:
            rows = zip(*[counted.row(name, zeros, view) for view in views], strict=True)
            columns = [(labels, agents, row) for labels, row in zip(zeros, rows, strict=True)]
            yield name, columns + self._beside(name, zeros)

    def listings(self, ends: Mapping[str, Ends]) -> Iterator[tuple[str, Listing]]:
        """The samples of each other metric that is no histogram, by name; `ends` are those of all metrics."""
        agents = self._agents.ids
        for reader in self._readers.keyed:
            series = list(map(reader.read, self._views))
            yield reader.metric.name, Listing(list(compress(agents, series)), list(filter(None, series)))
        for name in self._readers.counted.open:
            listing = self._tallied(name, ends[name])
            if listing.agents:
                yield name, listing

    def distributions(self) -> Iterator[tuple[str, Distributions]]:
        """The distributions of each histogram, by name."""
        found: dict[str, Distributions] = {}
        of_agents = self._readers.counted.of_agents
        for agent_id, kept in zip(self._agents.ids, self._kept, strict=True):
            for name, distributions in kept.agent.tallies.distributions.items():
                if name in of_agents:
                    several = found.setdefault(name, [])
                    several += [(agent_id, labels, distributions[labels]) for labels in sorted(distributions)]
        yield from found.items()

    def _tallied(self, name: str, ends: Ends) -> Listing:
        agents: list[bytes] = []
        found: list[Mapping[Labels, Value]] = []
        written: list[list[bytes]] = []
        for agent_id, kept, counters in zip(self._agents.ids, self._kept, self._counters, strict=True):
            series = counters.get(name)
            if series:
                starts = kept.starts.get(name)
                if starts is None or len(starts) != len(series):
                    starts = kept.starts[name] = [agent_id + ends[labels] for labels in series]
                agents.append(agent_id)
                found.append(series)
                written.append(starts)
        return Listing(agents, found, written)

    def _beside(self, name: str, zeros: Mapping[Labels, float]) -> list[Column]:
        """What a counter has tallied under labels that its list of values does not know: seldom anything."""
        listed = zeros.keys()
        found = [
            (labels, agent_id, series[labels])
            for agent_id, counters in zip(self._agents.ids, self._counters, strict=True)
            if (series := counters.get(name)) and not series.keys() <= listed
            for labels in series.keys() - listed
        ]
        return [(labels, Agents([agent_id]), (value,)) for labels, agent_id, value in sorted(found)]
