"""The two shapes a reader of one agent can have, and that of a reader of the fleet.

A metric whose label values are known beforehand is read as a row in their order, because rows of many agents turn into
columns without a loop. All others are read as a mapping. Labels never hold the agent's id: whoever has many agents adds
it once for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.spec import Metric
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.state import FleetState
from fleawatch.flow.tally import Labels

Value = float | None
"""A number, or None where it is not defined or not known."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Metrics of an agent with label values that are known beforehand, and that are read in one go.

    Attributes:
        parts: for each metric the label values of its places in the row, in the order of the declaration, without the
            agent's id.
        read: the row, one metric after the other.
    """

    parts: tuple[tuple[Metric, tuple[Labels, ...]], ...]
    read: Callable[[AgentView], Sequence[Value]]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A metric of an agent whose label values depend on the agent.

    What `read` gives is never changed afterwards: the same mapping says the same.
    """

    metric: Metric
    read: Callable[[AgentView], Mapping[Labels, Value]]


@dataclass(frozen=True, slots=True)
class OfFleet:
    """A metric of the fleet or of the watching itself; its labels are complete. `read` takes the state and the time."""

    metric: Metric
    read: Callable[[FleetState, float], Mapping[Labels, Value]]


def fixed(*metrics: Metric, read: Callable[[AgentView], Sequence[Value]]) -> Fixed:
    """A reader of one row: for each metric a value for each published window or combination of listed label values.

    Raises:
        ValueError: the metrics are not exported by the same process.
    """
    if len({metric.owner for metric in metrics}) > 1:
        raise ValueError(f"{[metric.name for metric in metrics]} have several owners; read them by several readers")
    return Fixed(tuple((metric, combinations(metric)) for metric in metrics), read)


def metrics_of(reader: Fixed | Keyed | OfFleet) -> tuple[Metric, ...]:
    """What a reader reads."""
    return tuple(metric for metric, _ in reader.parts) if isinstance(reader, Fixed) else (reader.metric,)


def combinations(metric: Metric) -> tuple[Labels, ...]:
    """Every combination of label values of a metric whose labels all list theirs; the agent's id is left out.

    A metric without further labels has the one empty combination; one with an open label has none.
    """
    lists = [
        metric.windows if label.name == "window" else label.values for label in metric.labels if label is not AGENT_ID
    ]
    return tuple(product(*lists))
