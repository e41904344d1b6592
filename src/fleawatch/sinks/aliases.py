"""Names of public guides for the numbers we have: derived from the same columns, at the same moment, and nothing else.

Off by default. An alias says in its help of what it is one; where its guide calls a gauge `..._total` or `..._count`, it
is served as the gauge it is, which a linter of metric names may dislike. A name that two guides share is served once,
with the label set that its declaration has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.query import Match
from fleawatch.catalog.spec import Alias, Metric, Owner, Scheme
from fleawatch.flow.samples.counted import merged
from fleawatch.flow.tally import Distribution, Labels
from fleawatch.sinks.wire import Family

Column = tuple[Labels, Iterable[bytes], Iterable[float | None]]
"""Label values without the agent's id, escaped ids, and a number for each."""


@dataclass(frozen=True, slots=True)
class Derived:
    """One alias and how its series come from those of its metric.

    Attributes:
        kept: places of its labels among the metric's, without the agent's id.
        where: places and values of the labels that decide which series take part.
    """

    alias: Alias
    family: Family
    kept: tuple[int, ...]
    where: tuple[tuple[int, Match], ...]

    def labels(self, values: Labels) -> Labels | None:
        """The alias' label values of a series, without the agent's id; None for a series that takes no part."""
        if any((values[place] in match.values) == match.negated for place, match in self.where):
            return None
        return tuple(values[place] for place in self.kept)

    def columns(self, columns: Iterable[Column], at: float) -> Mapping[Labels, dict[bytes, float]]:
        """The alias' numbers by label values and agent."""
        found: dict[Labels, dict[bytes, float]] = {}
        how = self.alias.how
        for values, agents, numbers in columns:
            labels = self.labels(values)
            if labels is None:
                continue
            series = found.setdefault(labels, {})
            for agent, number in zip(agents, numbers, strict=True):
                if number is not None:
                    shown = (number - at if how.take == "until" else number) * how.scale
                    series[agent] = series.get(agent, 0.0) + shown
        return found

    def distributions(
        self, series: Iterable[tuple[bytes, Labels, Distribution]], bounds: tuple[float, ...]
    ) -> Mapping[tuple[bytes, Labels], Distribution]:
        """The alias' distributions by agent and label values: merged, scaled, with the bounds it keeps."""
        found: dict[tuple[bytes, Labels], Distribution] = {}
        for agent, values, distribution in series:
            labels = self.labels(values)
            if labels is not None:
                found[agent, labels] = merged(found.get((agent, labels)), distribution)
        return {place: self._scaled(distribution, bounds) for place, distribution in found.items()}

    def _scaled(self, distribution: Distribution, bounds: tuple[float, ...]) -> Distribution:
        scale = self.alias.how.scale
        kept = self.family.bounds
        counts = [0] * (len(kept) + 1)
        for bound, count in zip((*bounds, float("inf")), distribution.counts, strict=True):
            place = next((place for place, limit in enumerate(kept) if bound * scale <= limit * _ROUNDING), len(kept))
            counts[place] += count
        return Distribution(counts, distribution.total * scale, distribution.last * scale)


_ROUNDING = 1.0 + 1e-9
"""0.0025 s times 1,000 is 2.5 ms up to the last bit."""


def derived(catalog: Catalog, owners: tuple[Owner, ...], schemes: frozenset[Scheme]) -> dict[str, list[Derived]]:
    """The aliases of `schemes` by the name of the metric they are derived from."""
    found: dict[str, list[Derived]] = {}
    for metric, alias in catalog.aliases.values():
        if metric.owner in owners and schemes.intersection(alias.schemes):
            found.setdefault(metric.name, []).append(_derive(metric, alias))
    return found


def _derive(metric: Metric, alias: Alias) -> Derived:
    names = metric.label_names[1:]
    # A histogram of which only the last value is shown is a gauge, whatever its unit.
    family = Family(
        name=alias.name,
        type=alias.type,
        unit="",
        help=f"Deprecated alias of {metric.name}: {metric.help}",
        labels=alias.labels,
        bounds=alias.how.buckets or tuple(bound * alias.how.scale for bound in metric.buckets),
    )
    return Derived(
        alias=alias,
        family=family,
        kept=tuple(names.index(name) for name in alias.labels[1:]),
        where=tuple((names.index(match.label), match) for match in alias.how.where),
    )
