"""The families of one exposition while they are being written: pieces by name, put in order at the end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Final

from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.labels import WINDOW
from fleawatch.flow.tally import Distribution, Labels
from fleawatch.sinks.aliases import Column, Derived
from fleawatch.sinks.batch import Columns, Distributions, Listing, Placed, Roster
from fleawatch.sinks.wire import Ends, Family, fill, histogram_template, joined, line

_REMEMBERED: Final = 65_536
"""Label sets whose escaped form is kept; past it, which no bounded dictionary reaches, all are forgotten."""
_SHARED: Final = ((), (WINDOW.name,))
"""Labels after the agent's id that many families have: what their lines begin with is put together once for all."""


class Pages:
    """Writes columns, distributions and single samples into the pieces of their families, and of aliases of them.

    One object serves all scrapes of an exposition: what it keeps between them is how label sets are written.

    Attributes:
        ends: how the labels of each family are written, by its name.
    """

    def __init__(self, catalog: Catalog, derived: Mapping[str, Sequence[Derived]]) -> None:
        self._families = {name: Family.of(metric) for name, metric in catalog.metrics.items()}
        self._derived = derived
        aliases = (one.family for several in derived.values() for one in several)
        self._every = dict(sorted({**self._families, **{family.name: family for family in aliases}}.items()))
        self._pieces: dict[str, list[bytes]] = {}
        self.ends = {family.name: Ends(family) for family in self._every.values()}
        self._templates: dict[tuple[str, Labels], bytes] = {}

    def begin(self) -> None:
        """Throw away what was written, and what was remembered if it has become too much."""
        self._pieces = {name: [] for name in self._every}
        if len(self._templates) + sum(map(len, self.ends.values())) > _REMEMBERED:
            self._templates.clear()
            for ends in self.ends.values():
                ends.clear()

    def columns(self, name: str, columns: Columns, roster: Roster, at: float) -> None:
        """Write columns of a metric, and its aliases as of `at`."""
        ends, pieces = self.ends[name], self._pieces[name]
        labels, values, beside = columns
        tails = tuple(map(ends.__getitem__, labels))
        if self._families[name].labels[1:] in _SHARED:
            starts = roster.starts(tails)
            pieces.append(roster.told(name, starts, values, lambda: joined(ends.head, starts, values)))
        else:
            pieces += roster.told_by_label(
                name, values, lambda place, part: joined(ends.head, roster.ids, part, tails[place])
            )
        pieces += [joined(ends.head, (agent + ends[label],), (value,)) for label, agent, value in beside]
        for one in self._derived.get(name, ()):
            self._derive(one, chain(_column_by_column(columns, roster), _one_by_one(beside)), at)

    def listing(self, name: str, listing: Listing, roster: Roster, at: float) -> None:
        """Write samples with all kinds of labels, and the aliases of their metric as of `at`."""
        ends = self.ends[name]
        if not self._families[name].by_agent:
            self.singles(name, dict(zip(listing.labels, listing.values, strict=True)))
            return
        starts, values = roster.listed(ends, listing), listing.values
        self._pieces[name].append(roster.told(name, starts, values, lambda: joined(ends.head, starts, values)))
        for one in self._derived.get(name, ()):
            agents = chain.from_iterable(map(repeat, roster.ids, listing.counts))
            self._derive(one, _one_by_one(zip(listing.labels, agents, listing.values, strict=True)), at)

    def distributions(self, name: str, found: Distributions) -> None:
        """Write the distributions of a histogram, and its aliases."""
        family = self._families[name]
        pieces = self._pieces[name]
        pieces += [fill(self._template(family, labels), distribution, agent) for agent, labels, distribution in found]
        for one in self._derived.get(name, ()):
            self._derive_distributions(one, found, family.bounds)

    def singles(self, name: str, series: Mapping[Labels, float | None]) -> None:
        """Write samples of a family without agents, one by one, sorted by their labels."""
        family = self._families[name]
        self._pieces[name] += [
            line(family, labels, value)
            for labels, value in sorted(series.items())
            if value is not None and math.isfinite(value)
        ]

    def single_distributions(self, name: str, series: Mapping[Labels, Distribution]) -> None:
        """Write distributions of a family without agents."""
        family = self._families[name]
        self._pieces[name] += [fill(self._template(family, labels), series[labels], None) for labels in sorted(series)]

    def body(self, *, openmetrics: bool) -> bytes:
        """Everything written since `begin`, families by name, each with its header; it is not kept."""
        parts: list[bytes] = []
        for name, family in self._every.items():
            pieces = self._pieces.pop(name)
            if any(pieces):
                parts.append(family.header(openmetrics=openmetrics))
                parts += pieces
        if openmetrics:
            parts.append(b"\n# EOF")
        if not parts:
            return b""
        parts[0] = parts[0][1:]
        parts.append(b"\n")
        return b"".join(parts)

    def _column(self, family: Family, labels: Labels, series: Mapping[bytes, float]) -> None:
        ends = self.ends[family.name]
        tail = ends[labels]
        self._pieces[family.name].append(joined(ends.head, [agent + tail for agent in series], list(series.values())))

    def _template(self, family: Family, labels: Labels) -> bytes:
        template = self._templates.get((family.name, labels))
        if template is None:
            template = histogram_template(family, labels, by_agent=family.by_agent)
            self._templates[family.name, labels] = template
        return template

    def _derive(self, one: Derived, columns: Iterable[Column], at: float) -> None:
        for labels, series in one.columns(columns, at).items():
            self._column(one.family, labels, series)

    def _derive_distributions(self, one: Derived, found: Distributions, bounds: tuple[float, ...]) -> None:
        family = one.family
        for (agent, labels), distribution in one.distributions(found, bounds).items():
            if family.type == "histogram":
                self._pieces[family.name].append(fill(self._template(family, labels), distribution, agent))
            else:
                self._column(family, labels, {agent: distribution.last})


def _column_by_column(columns: Columns, roster: Roster) -> Iterator[Column]:
    count = len(roster.ids)
    for place, labels in enumerate(columns.labels):
        yield labels, roster.ids, columns.values[place * count : (place + 1) * count]


def _one_by_one(samples: Iterable[Placed]) -> Iterator[Column]:
    return ((labels, (agent,), (value,)) for labels, agent, value in samples)
