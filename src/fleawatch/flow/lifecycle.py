"""From verdicts to alerts that fire and resolve: hold, agreeing readings, clearing levels, keep-firing, hands.

An alert is pending while its condition holds and has not held long enough; it fires, and stays while the condition or
its clearing level holds, while nothing is known, and as long as its declaration says. Only its `AlertInstance` remembers
this, so a restart goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from fleawatch.catalog.limits import LIMITS
from fleawatch.catalog.spec import Alert
from fleawatch.events import AgentRetired, AlertCleared, Event, Resumed
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import AlertInstance, FleetState
from fleawatch.flow.telling import tell
from fleawatch.flow.verdict import Pairs, Verdict

_UNITS: Final = {limit.name: limit.unit for limit in LIMITS}
_BY_RESUME: Final = frozenset({"halt", "reduce", "freeze_payments"})
"""Actions whose alerts a resume ends."""


def advance(
    fleet: FleetState, verdicts: tuple[Verdict, ...], event: Event, policy: Policy
) -> tuple[FleetState, tuple[AlertChange, ...]]:
    """Alerts that began or ended to fire, or changed their severity, because of `event`, in the order of the verdicts."""
    if not policy.alerts:
        return fleet, ()
    now = max(fleet.at, event.seen_at)
    changes: list[AlertChange] = []
    if isinstance(event, (AlertCleared, Resumed, AgentRetired)):
        changes += _by_hand(fleet, event, now, policy)
    for verdict in verdicts:
        change = _advanced(fleet, verdict, now, policy)
        if change is not None:
            changes.append(change)
    return fleet, tuple(changes)


def fingerprint(alert: str, agent_id: str, labels: Pairs) -> str:
    """16 hex digits that name an alert about one series, the same in every process and for ever."""
    return hashlib.sha256(json.dumps([alert, agent_id, labels]).encode()).hexdigest()[:16]


def _advanced(fleet: FleetState, verdict: Verdict, now: float, policy: Policy) -> AlertChange | None:
    alert = _declared(policy)[verdict.alert]
    place = "|".join(value for _, value in verdict.labels)
    instance = fleet.alerts.get(verdict.agent_id, {}).get(verdict.alert, {}).get(place)
    if instance is None:
        if verdict.answer != "breached":
            return None
        instance = AlertInstance(
            alert=alert.name,
            labels=verdict.labels,
            since=now,
            severity=verdict.severity,
            fingerprint=fingerprint(alert.name, verdict.agent_id, verdict.labels),
        )
        fleet.alerts.setdefault(verdict.agent_id, {}).setdefault(verdict.alert, {})[place] = instance
    instance.unknown = verdict.reason if verdict.answer == "unknown" else ""
    if verdict.answer == "breached":
        return _breached(fleet, alert, instance, verdict, now, policy)
    if verdict.answer == "unknown":
        return None
    if instance.fired_at is None:
        _forget(fleet, verdict.agent_id, verdict.alert, place)
        return None
    if not _may_end(alert, instance, now, holds=verdict.holds):
        return None
    _forget(fleet, verdict.agent_id, verdict.alert, place)
    return _changed(fleet, alert, instance, verdict.agent_id, "resolved", "cleared", now)


def _breached(
    fleet: FleetState, alert: Alert, instance: AlertInstance, verdict: Verdict, now: float, policy: Policy
) -> AlertChange | None:
    instance.breached_at, instance.clear_since = now, None
    instance.value, instance.reason = verdict.value, verdict.reason
    if instance.fired_at is None:
        if not _agrees(fleet, alert, instance, verdict.agent_id) or now - instance.since < alert.hold_s:
            return None
        instance.fired_at, instance.severity = now, verdict.severity
        _tell(fleet, alert, instance, verdict.agent_id, policy)
        return _changed(fleet, alert, instance, verdict.agent_id, "fired", verdict.reason, now)
    if verdict.severity == instance.severity:
        return None
    instance.severity = verdict.severity
    _tell(fleet, alert, instance, verdict.agent_id, policy)
    return _changed(fleet, alert, instance, verdict.agent_id, "severity_changed", verdict.reason, now)


def _agrees(fleet: FleetState, alert: Alert, instance: AlertInstance, agent_id: str) -> bool:
    """Whether enough readings in a row agree. A reading that was counted is not counted again."""
    if alert.samples <= 1:
        return True
    agent = fleet.agents.get(agent_id)
    read = max((status.read_at or 0.0 for status in agent.sources.values()), default=0.0) if agent is not None else 0.0
    newest = read or instance.breached_at
    if newest > instance.sampled_at:
        instance.sampled_at = newest
        instance.agreeing += 1
    return instance.agreeing >= alert.samples


def _may_end(alert: Alert, instance: AlertInstance, now: float, *, holds: bool) -> bool:
    if alert.clear.manual:
        return False
    if holds:
        instance.clear_since = None
        return False
    if instance.clear_since is None:
        instance.clear_since = now
    return now - instance.clear_since >= alert.clear.good_s and now - instance.breached_at >= alert.keep_firing_s


def _by_hand(
    fleet: FleetState, event: AlertCleared | Resumed | AgentRetired, now: float, policy: Policy
) -> Iterator[AlertChange]:
    """Alerts that a person ends, and those of an agent that is watched no more."""
    declared = _declared(policy)
    # A resume of a halt that is in force no more frees nobody, and ends no alert.
    freed = {what.agent_id for what in fleet.happened if what.what == "resumed"}
    for agent_id, name, place, instance in list(_instances(fleet)):
        alert = declared.get(name)
        if alert is None or not _ended_by(event, agent_id, alert, instance, freed):
            continue
        _forget(fleet, agent_id, name, place)
        if instance.fired_at is not None:
            reason = {AlertCleared: "manual", Resumed: "resumed", AgentRetired: "agent_retired"}[type(event)]
            yield _changed(fleet, alert, instance, agent_id, "resolved", reason, now)


def _ended_by(
    event: AlertCleared | Resumed | AgentRetired, agent_id: str, alert: Alert, instance: AlertInstance, freed: set[str]
) -> bool:
    match event:
        case AlertCleared():
            return instance.fingerprint == event.fingerprint
        case AgentRetired():
            return agent_id == event.agent_id and bool(agent_id)
        case Resumed():
            let_go = agent_id in freed if agent_id else not event.agent_id
            return alert.clear.manual and alert.action in _BY_RESUME and let_go


def _instances(fleet: FleetState) -> Iterator[tuple[str, str, str, AlertInstance]]:
    for agent_id, alerts in fleet.alerts.items():
        for name, places in alerts.items():
            for place, instance in places.items():
                yield agent_id, name, place, instance


def _forget(fleet: FleetState, agent_id: str, name: str, place: str) -> None:
    alerts = fleet.alerts[agent_id]
    del alerts[name][place]
    if not alerts[name]:
        del alerts[name]
    if not alerts:
        del fleet.alerts[agent_id]


def labels_of(fleet: FleetState, alert: Alert, instance: AlertInstance, agent_id: str) -> dict[str, str]:
    """Every label of a firing alert, sorted by name."""
    found = {"alertname": alert.name, "pf_family": alert.family, "pf_scope": alert.scope, **dict(instance.labels)}
    if agent_id:
        found["agent_id"] = agent_id
        agent = fleet.agents.get(agent_id)
        if agent is not None:
            found["strategy"] = agent.profile.strategy
    return dict(sorted(found.items()))


def _tell(fleet: FleetState, alert: Alert, instance: AlertInstance, agent_id: str, policy: Policy) -> None:
    labels = labels_of(fleet, alert, instance, agent_id)
    strategy = labels.get("strategy", "")
    limits = {name: policy.limit(name, agent_id, strategy) for name in _limits_in(alert)}
    instance.summary = tell(alert.summary, labels, instance.value, limits, _UNITS)
    instance.description = tell(alert.description, labels, instance.value, limits, _UNITS)


def _changed(
    fleet: FleetState, alert: Alert, instance: AlertInstance, agent_id: str, change: str, reason: str, now: float
) -> AlertChange:
    return AlertChange(
        key=f"alert:{instance.fingerprint}:{instance.fired_at:.3f}:{change}:{now:.3f}",
        agent_id=agent_id,
        at=now,
        alert=alert.name,
        fingerprint=instance.fingerprint,
        change=change,  # type: ignore[arg-type]  # the callers above write one of the three words
        severity=instance.severity,
        labels=labels_of(fleet, alert, instance, agent_id),
        reason=reason,
        summary=instance.summary,
        description=instance.description,
        started_at=instance.since,
        value=instance.value,
        action=alert.action,
    )


@lru_cache(maxsize=256)
def _limits_in(alert: Alert) -> tuple[str, ...]:
    return tuple(name for name in _UNITS if f"{{limit:{name}}}" in alert.description + alert.summary)


@lru_cache(maxsize=64)
def _declared(policy: Policy) -> Mapping[str, Alert]:
    return {alert.name: alert for alert in policy.alerts}


def firing(fleet: FleetState) -> Iterable[tuple[str, AlertInstance]]:
    """Alerts that fire now, with the agent they are about (empty for the fleet), in the order in which they began."""
    found = [(agent_id, one) for agent_id, _, _, one in _instances(fleet) if one.fired_at is not None]
    return sorted(found, key=lambda pair: (pair[1].fired_at or 0.0, pair[1].fingerprint))
