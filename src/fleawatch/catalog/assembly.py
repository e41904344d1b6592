"""The shape of a whole catalog, and how the subjects' declarations are put together into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from fleawatch.catalog.datadog import DatadogMetric
from fleawatch.catalog.query import Named
from fleawatch.catalog.routing import Inhibition, Route
from fleawatch.catalog.spec import SLO, Alert, Alias, Attribute, Label, Limit, LogEvent, Metric, Recording, Scheme, Span
from fleawatch.errors import CatalogError

_Declared = TypeVar("_Declared", bound=Named)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A name of the public guides that the catalog uses unchanged, perhaps with more labels.

    Attributes:
        name: the metric.
        scheme: the guide that has it.
        labels: the labels that guide gives it.
    """

    name: str
    scheme: Scheme
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything that is declared, by name. Mappings are read-only and sorted by name.

    Attributes:
        external: metrics that rules may read although somebody else writes them.
    """

    metrics: Mapping[str, Metric]
    alerts: Mapping[str, Alert]
    limits: Mapping[str, Limit]
    spans: Mapping[str, Span]
    attributes: Mapping[str, Attribute]
    log_events: Mapping[str, LogEvent]
    slos: Mapping[str, SLO]
    recordings: Mapping[str, Recording]
    datadog: Mapping[str, DatadogMetric]
    labels: tuple[Label, ...]
    routes: tuple[Route, ...]
    inhibitions: tuple[Inhibition, ...]
    kept: tuple[Kept, ...]
    external: frozenset[str]

    @property
    def aliases(self) -> Mapping[str, tuple[Metric, Alias]]:
        """Each alias with the metric it is derived from, sorted by alias."""
        pairs = {alias.name: (metric, alias) for metric in self.metrics.values() for alias in metric.aliases}
        return MappingProxyType(dict(sorted(pairs.items())))

    def owned_by(self, *owners: str) -> tuple[Metric, ...]:
        """The metrics that `agent`, `monitor` or, with both, either of them exports, sorted by name."""
        return tuple(metric for metric in self.metrics.values() if metric.owner in owners)


def by_name(declared: Iterable[_Declared], kind: str) -> Mapping[str, _Declared]:
    """Declarations under their names, read-only, sorted.

    Args:
        declared: in any order.
        kind: what they are, for the message.

    Raises:
        CatalogError: two of them have one name; every such name is listed.
    """
    found: dict[str, _Declared] = {}
    twice: list[str] = []
    for item in declared:
        if item.name in found:
            twice.append(item.name)
        found[item.name] = item
    if twice:
        raise CatalogError(f"{kind} declared twice: {', '.join(sorted(twice))}; keep one declaration of each")
    return MappingProxyType(dict(sorted(found.items())))
