"""How the watching goes: sources of each agent, collectors over all agents, keys, and the facts that came in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from fleawatch.catalog import api, platform
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import FACT_REFUSED, OTHER, SERVICE
from fleawatch.flow.samples.shape import Keyed, OfFleet, Value
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import collector_label, fact_word
from fleawatch.flow.state import FleetState
from fleawatch.flow.tally import Labels


def source_success(view: AgentView) -> Mapping[Labels, Value]:
    """Unix time of the last complete reading by collector, however old."""
    return dict(zip(view.collectors(), [status.read_at for status in view.agent.sources.values()], strict=True))


def source_up(view: AgentView) -> Mapping[Labels, Value]:
    """1 when the last reading succeeded, by collector."""
    labels, reasons, memory = view.collectors(), view.reasons(), view.memory
    basis = (labels, reasons)
    found = memory.recall("source_up", basis)
    if found is not None:
        return found
    return memory.keep("source_up", basis, dict(zip(labels, [int(not reason) for reason in reasons], strict=True)))


def key_accepted(view: AgentView) -> Mapping[Labels, Value]:
    """0 after a second failure in a row that is a refusal, 1 while readings work; nothing while neither is known."""
    if any(view.reasons()):
        return _accepted(view)
    # While nothing fails it is a question of age alone.
    basis = (view.collectors(), view.usable)
    kept = view.memory.recall("key_accepted", basis)
    return view.memory.keep("key_accepted", basis, _accepted(view)) if kept is None else kept


def _accepted(view: AgentView) -> Mapping[Labels, Value]:
    found: dict[Labels, Value] = {}
    for name, status in view.agent.sources.items():
        if name not in SERVICE.values:
            continue
        if status.reason == "unauthorized" and status.failing_since is not None:
            if status.tried_at > status.failing_since:
                found[name,] = 0
        elif not status.reason and name in view.usable:
            found[name,] = 1
    return found


def collector_success(fleet: FleetState, _: float) -> Mapping[Labels, Value]:
    """Unix time of the newest complete reading of any agent, by collector."""
    newest: dict[str, float] = {}
    for agent in fleet.agents.values():
        for name, status in agent.sources.items():
            if status.read_at is not None and status.read_at > newest.get(name, -1.0):
                newest[name] = status.read_at
    found: dict[Labels, Value] = {}
    for name, at in newest.items():
        labels = collector_label(name)
        found[labels] = max(at, found.get(labels) or 0.0)
    return found


def facts(fleet: FleetState, _: float) -> Mapping[Labels, Value]:
    """Facts that were folded, by kind."""
    found: dict[Labels, Value] = {}
    for kind, count in fleet.facts.items():
        labels = (fact_word(kind),)
        found[labels] = (found.get(labels) or 0) + count
    return found


def duplicates(fleet: FleetState, _: float) -> Mapping[Labels, Value]:
    """Facts that were known already: those the intake left out, and ledger rows that were booked before."""
    return {(): fleet.repeated + fleet.ignored.get("ledger_row_again", 0)}


def refused(fleet: FleetState, _: float) -> Mapping[Labels, Value]:
    """Facts that were refused at the door, by reason."""
    return {(reason,): fleet.refused.get(reason, 0) for reason in FACT_REFUSED.values}


def late(fleet: FleetState, _: float) -> Mapping[Labels, Value]:
    """Facts that were booked when they were seen."""
    return {(): fleet.late}


def overflow(fleet: FleetState, _: float) -> Mapping[Labels, Value]:
    """Values that became `other`, by metric and label. Where several metrics carry the label, the metric is `other`.

    A word is bounded once for all metrics that a fact tells, so that only a label of one metric names its metric.
    """
    found: dict[Labels, Value] = {}
    name = platform.OVERFLOW.name
    for tallies in (fleet.tallies, *(agent.tallies for agent in fleet.agents.values())):
        for labels, count in tallies.counters.get(name, {}).items():
            whole = (_only_metric().get(labels[-1], OTHER), labels[-1])
            found[whole] = (found.get(whole) or 0.0) + count
    return found


@cache
def _only_metric() -> Mapping[str, str]:
    """The metric that carries a label, by the label's name; labels that several metrics carry are left out."""
    carriers: dict[str, list[str]] = {}
    for metric in CATALOG.metrics.values():
        for label in metric.label_names:
            carriers.setdefault(label, []).append(metric.name)
    return {label: metrics[0] for label, metrics in carriers.items() if len(metrics) == 1}


def firing(fleet: FleetState, _: float) -> Mapping[Labels, Value]:
    """Alerts that fire, by name and severity; nothing of those that do not."""
    found: dict[Labels, Value] = {}
    for alerts in fleet.alerts.values():
        for places in alerts.values():
            for one in places.values():
                if one.fired_at is not None:
                    labels = (one.alert, one.severity)
                    found[labels] = (found.get(labels) or 0) + 1
    return found


READERS = (
    Keyed(platform.SOURCE_SUCCESS, source_success),
    Keyed(platform.SOURCE_UP, source_up),
    Keyed(api.KEY_ACCEPTED, key_accepted),
)
FLEET_READERS = (
    OfFleet(platform.FIRING, firing),
    OfFleet(platform.COLLECTOR_SUCCESS, collector_success),
    OfFleet(platform.FACTS, facts),
    OfFleet(platform.DUPLICATES, duplicates),
    OfFleet(platform.REFUSED, refused),
    OfFleet(platform.LATE, late),
    OfFleet(platform.OVERFLOW, overflow),
)
