"""Short forms in which the subjects declare their metrics and alerts, and the bucket sets that histograms share."""

from __future__ import annotations

from typing import Final, Literal, Required, TypedDict, Unpack

from fleawatch.catalog.query import Condition
from fleawatch.catalog.spec import (
    Action,
    Alert,
    Alias,
    Clear,
    Escalation,
    Label,
    Limit,
    Metric,
    MetricType,
    Minimum,
    Owner,
    Scheme,
    Scope,
    Severity,
    Transform,
    Unit,
)
from fleawatch.units import DAY, HOUR, MINUTE, WINDOWS, Window

LATENCY: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5, 3.0, 5.0, 10.0, 20.0)
"""Seconds a call takes: from a cache to a timeout, with a bound at every threshold an alert uses."""
COMPUTE: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Seconds a computation takes."""
AMOUNT: Final = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0)
"""USD of one agreement."""
HOLDING: Final = (
    MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 30 * DAY,
)  # fmt: skip
"""Seconds money is held: from a minute to a month."""
SLIPPAGE: Final = (0.0, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05)
"""Adverse slippage as a share of the price; 0 is a bound, so that fills without slippage can be told."""
FILLED: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
"""Share of an order that was filled."""

EVERY_WINDOW: Final[tuple[Window, ...]] = tuple(WINDOWS)


class Extras(TypedDict, total=False):
    """What most metrics leave out; see `Metric`."""

    buckets: tuple[float, ...]
    windows: tuple[Window, ...]
    aliases: tuple[Alias, ...]
    since: str
    doc: str


class _Place(TypedDict):
    source: str
    owner: Owner


def by_monitor(source: str) -> _Place:
    """The monitor exports it, from `source`."""
    return {"source": source, "owner": "monitor"}


def by_agent(source: str) -> _Place:
    """The agent's own process exports it, from `source`."""
    return {"source": source, "owner": "agent"}


def counter(
    name: str, unit: Unit, labels: tuple[Label, ...], says: str, place: _Place, **more: Unpack[Extras]
) -> Metric:
    """A number that only grows, until its process starts anew."""
    return Metric(name=name, type="counter", unit=unit, labels=labels, help=says, **place, **more)


def gauge(name: str, unit: Unit, labels: tuple[Label, ...], says: str, place: _Place, **more: Unpack[Extras]) -> Metric:
    """A number that goes up and down; absent when it is not known."""
    return Metric(name=name, type="gauge", unit=unit, labels=labels, help=says, **place, **more)


def histogram(
    name: str, unit: Unit, labels: tuple[Label, ...], says: str, place: _Place, **more: Unpack[Extras]
) -> Metric:
    """Many observations, counted by size; `buckets` are the upper bounds."""
    return Metric(name=name, type="histogram", unit=unit, labels=labels, help=says, **place, **more)


def alias(
    name: str,
    labels: tuple[str, ...],
    *schemes: Scheme,
    kind: MetricType = "gauge",
    how: Transform | None = None,
) -> Alias:
    """A public guide's name for the metric in whose declaration it stands."""
    return Alias(name=name, schemes=schemes, type=kind, labels=labels, how=how or Transform())


class AlertFields(TypedDict, total=False):
    """What an alert says, and what most leave out; see `Alert`."""

    family: Required[str]
    summary: Required[str]
    description: Required[str]
    scope: Scope
    kind: Literal["alert", "annotation"]
    hold_s: float
    samples: int
    clear: Clear
    keep_firing_s: float
    action: Action
    minimum: Minimum | None
    escalation: Escalation | None
    channels: Literal["by_severity", "every", "another"]


def alert(name: str, severity: Severity, condition: Condition, **fields: Unpack[AlertFields]) -> Alert:
    """An alert about one agent unless `scope` says otherwise, with the runbook of its own name."""
    whole: AlertFields = {"scope": "agent", **fields}
    return Alert(name=name, severity=severity, condition=condition, runbook=name, **whole)


def clears_at(*levels: tuple[Limit, Limit], good_s: float = 0.0) -> Clear:
    """Resolves at a safer level than the one it fires at: pairs of (threshold, clearing level)."""
    return Clear(levels=tuple((high.name, low.name) for high, low in levels), good_s=good_s)


BY_HAND: Final = Clear(manual=True)
"""Only a person resolves it."""
