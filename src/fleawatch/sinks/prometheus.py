"""The state as Prometheus reads it: one body with every family, made anew for each scrape and from memory alone.

Agents are taken a few hundred at a time: their numbers are read, turned into columns and written, and what was read is
written before the next ones come. A fleet of any size thus costs the same a sample. Between two scrapes is kept what was
last read, to see what has changed, and the text of what has not; every number is read anew, so that nothing has to be told
when it changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.spec import Owner, Scheme
from fleawatch.flow.samples import OF_PROCESS, Memory, readers_of
from fleawatch.flow.state import FleetState
from fleawatch.ports import Counts
from fleawatch.sinks.aliases import derived
from fleawatch.sinks.batch import Batch, Roster
from fleawatch.sinks.negotiation import compress, negotiate
from fleawatch.sinks.pages import Pages
from fleawatch.sinks.process import ProcessReading, process_reading

__all__ = ["Exposition", "compress", "negotiate"]

AGENTS_AT_ONCE: Final = 128
"""Agents whose numbers are in memory at the same time: enough for long columns, few enough for the cache."""


class Exposition:
    """Renders the state of a fleet in the text format 0.0.4 and in OpenMetrics 1.0.

    Families are sorted by name and each stands in one piece; within it the lines are in a fixed order. A family without
    samples has no header. Rendering asks the operating system about this process and does no other I/O.

    Not for several threads at once.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        owners: tuple[Owner, ...] = ("monitor",),
        aliases: frozenset[Scheme] = frozenset(),
        process: ProcessReading | None = None,
        counts: Callable[[], Counts] | None = None,
    ) -> None:
        """Prepare what is the same for every scrape.

        Args:
            catalog: what may be exported.
            owners: whose metrics are exported; those of another owner are left to it.
            aliases: naming schemes of public guides that are served beside the canonical names.
            process: what this process says of itself; its own reading when None.
            counts: what a sink of this process has counted, which is in no state: counters of the fleet.
        """
        self._counts = counts or dict
        self._readers = readers_of(catalog, *owners)
        self._pages = Pages(catalog, derived(catalog, owners, aliases))
        self._process = process or process_reading()
        self._of_process = OF_PROCESS.intersection(metric.name for metric in catalog.owned_by(*owners))
        self._memories: defaultdict[str, Memory] = defaultdict(Memory)
        self._rosters: list[Roster] = []

    def render(self, state: FleetState, at: float, openmetrics: bool = False) -> bytes:  # noqa: FBT001, FBT002 - as `negotiate` returns it
        """The body of one scrape.

        Args:
            state: what is rendered; none of its numbers change.
            at: the time of the scrape, unix seconds: what is stale by then is left out.
            openmetrics: which of the two formats.
        """
        pages = self._pages
        pages.begin()
        agents = [agent for _, agent in sorted(state.agents.items())]
        for number, first in enumerate(range(0, len(agents), AGENTS_AT_ONCE)):
            some = agents[first : first + AGENTS_AT_ONCE]
            roster = self._roster(number, [agent.agent_id for agent in some])
            batch = Batch(self._readers, roster, some, [self._memories[name] for name in roster.names], (at, state.at))
            for name, columns in batch.columns():
                pages.columns(name, columns, roster, at)
            for name, listing in batch.listings():
                pages.listing(name, listing, roster, at)
            for name, distributions in batch.distributions():
                pages.distributions(name, distributions)
        self._of_fleet(state, at)
        if len(self._memories) > len(agents):
            for name in self._memories.keys() - state.agents.keys():
                del self._memories[name]
            del self._rosters[-(-len(agents) // AGENTS_AT_ONCE) :]
        return pages.body(openmetrics=openmetrics)

    def _roster(self, number: int, names: list[str]) -> Roster:
        """The roster that stands at this place, made anew when it is not of these agents."""
        if number == len(self._rosters):
            self._rosters.append(Roster(names))
        elif self._rosters[number].names != names:
            self._rosters[number] = Roster(names)
        return self._rosters[number]

    def _of_fleet(self, state: FleetState, at: float) -> None:
        pages = self._pages
        for reader in self._readers.fleet:
            pages.singles(reader.metric.name, reader.read(state, at))
        counted = self._readers.counted
        counts = self._counts()
        for name, series in counted.fleet_counters(state):
            pages.singles(name, counts.get(name, series))
        for name, distributions in counted.fleet_histograms(state):
            pages.single_distributions(name, distributions)
        for name, found in self._process().items():
            if name in self._of_process:
                pages.singles(name, found)
