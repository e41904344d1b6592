"""All readers, put together for one owner: what the monitor exports, or what an agent's own process does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Final

from fleawatch.catalog import platform
from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.spec import Owner
from fleawatch.flow.samples import equity, escrow, gate, health, orders, performance, play, trading, wallet, watching
from fleawatch.flow.samples.counted import Counted
from fleawatch.flow.samples.shape import Fixed, Keyed, OfFleet, metrics_of

_SUBJECTS: Final = (equity, performance, trading, wallet, escrow, play, orders, gate, health, watching)

READERS: Final[Mapping[str, Fixed | Keyed | OfFleet]] = MappingProxyType(
    {
        metric.name: reader
        for reader in chain.from_iterable(
            (*(subject.READERS for subject in _SUBJECTS), equity.FLEET_READERS, watching.FLEET_READERS)
        )
        for metric in metrics_of(reader)
    }
)
"""The reader of each metric that has one, by name, whoever owns it."""


OF_PROCESS: Final = frozenset(metric.name for metric in platform.METRICS if metric.source == platform.BUILD.source)
"""What the process that exports says of itself; the state knows nothing of it."""


@dataclass(frozen=True, slots=True)
class Readers:
    """What is read for one owner.

    Attributes:
        fixed, keyed, fleet: readers by the shape of what they read, in the order of the catalog.
        counted: counters and histograms that have no reader of their own.
    """

    fixed: tuple[Fixed, ...]
    keyed: tuple[Keyed, ...]
    fleet: tuple[OfFleet, ...]
    counted: Counted


def readers_of(catalog: Catalog, *owners: Owner) -> Readers:
    """The readers of the metrics that these owners export, and of no other: a number is exported once."""
    owned = catalog.owned_by(*owners)
    # A reader of several metrics is found once for each of them.
    found = dict.fromkeys(READERS[metric.name] for metric in owned if metric.name in READERS)
    rest = (metric for metric in owned if metric.type != "gauge" and metric.name not in {*READERS, *OF_PROCESS})
    return Readers(
        fixed=tuple(reader for reader in found if isinstance(reader, Fixed)),
        keyed=tuple(reader for reader in found if isinstance(reader, Keyed)),
        fleet=tuple(reader for reader in found if isinstance(reader, OfFleet)),
        counted=Counted(rest),
    )
