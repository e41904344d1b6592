"""Alerts as rows of the page of alerts: what fires, what is pending, what ended lately; value beside limit, and who took it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, Literal

import msgspec

from fleawatch.catalog import query as q
from fleawatch.catalog.limits import LIMITS
from fleawatch.catalog.lint_references import alert_trees
from fleawatch.catalog.spec import Alert
from fleawatch.catalog.tree import walk
from fleawatch.events import AlertAcknowledged
from fleawatch.flow.lifecycle import labels_of
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.flow.routing.standing import StandingAlert, standing
from fleawatch.flow.state import AlertInstance, FleetState
from fleawatch.flow.telling import written
from fleawatch.web.record import Record

_UNITS: Final = {limit.name: limit.unit for limit in LIMITS}
_FORMS: Final = {"ratio": "percent", "seconds": "duration", "usdc": "money"}
_RECENT: Final = 30


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """One alert.

    Attributes:
        state: `firing`, `pending` (not long enough yet) or `resolved`.
        reason: bounded, in words; `unknown: ...` when the rule cannot be judged now.
        value, limit: in the limit's form; empty where there is no number, several limits with their names.
        since: when its condition first held; `fired_at`, `ended_at` None while they did not come.
        status: `active`, or what is done about it; `by` the silence, window, alert or person behind that.
        acknowledged_by: empty for nobody.
        told: channels that know of it.
    """

    state: Literal["firing", "pending", "resolved"]
    alert: str
    agent_id: str
    fingerprint: str
    severity: str
    summary: str
    reason: str
    value: str
    limit: str
    since: float
    fired_at: float | None = None
    ended_at: float | None = None
    status: str = ""
    by: str = ""
    acknowledged_by: str = ""
    told: tuple[str, ...] = ()
    escalated: bool = False


def firing_rows(state: FleetState, policy: Policy) -> list[AlertRow]:
    """What fires, the most severe first; the watchdog, which always does, is left out."""
    instances = {one.fingerprint: one for _, one in _instances(state)}
    return [
        _firing(one, instances.get(one.alert.fingerprint), policy)
        for one in standing(state).alerts
        if one.alert.severity != "none"
    ]


def pending_rows(state: FleetState, policy: Policy) -> list[AlertRow]:
    """What is breached and not long enough yet, the oldest first."""
    declared = {alert.name: alert for alert in policy.alerts}
    found = []
    for agent_id, one in _instances(state):
        alert = declared.get(one.alert)
        if one.fired_at is not None or alert is None:
            continue
        labels = labels_of(state, alert, one, agent_id)
        value, limit = _compared(policy, one.alert, one.value, agent_id, labels.get("strategy", ""))
        found.append(
            AlertRow(
                state="pending",
                alert=one.alert,
                agent_id=agent_id,
                fingerprint=one.fingerprint,
                severity=one.severity,
                summary=", ".join(f"{name} {text}" for name, text in one.labels),
                reason=_why(one),
                value=value,
                limit=limit,
                since=one.since,
            )
        )
    return sorted(found, key=lambda one: (one.since, one.alert, one.agent_id))


def resolved_rows(record: Record, policy: Policy, limit: int = _RECENT) -> list[AlertRow]:
    """What ended lately, the newest first."""
    ended = [one for one in record.changes if one.change == "resolved" and one.severity != "none"]
    return [_resolved(one, record, policy) for one in ended[:limit]]


def _firing(one: StandingAlert, instance: AlertInstance | None, policy: Policy) -> AlertRow:
    note, labels = one.alert, one.alert.labels
    value, limit = _compared(policy, note.alert, note.value, labels.get("agent_id", ""), labels.get("strategy", ""))
    return AlertRow(
        state="firing", alert=note.alert, agent_id=labels.get("agent_id", ""), fingerprint=note.fingerprint,
        severity=note.severity, summary=note.summary, reason=_why(instance), value=value, limit=limit,
        since=note.started_at, fired_at=one.fired_at, status=one.status, by=one.by,
        acknowledged_by=note.acknowledged_by, told=one.told, escalated=one.escalated,
    )  # fmt: skip


def _resolved(one: AlertChange, record: Record, policy: Policy) -> AlertRow:
    value, limit = _compared(policy, one.alert, one.value, one.agent_id, one.labels.get("strategy", ""))
    return AlertRow(
        state="resolved", alert=one.alert, agent_id=one.agent_id, fingerprint=one.fingerprint, severity=one.severity,
        summary=one.summary, reason=one.reason.replace("_", " "), value=value, limit=limit, since=one.started_at,
        ended_at=one.at, acknowledged_by=_taken_by(one, record),
    )  # fmt: skip


def _taken_by(ended: AlertChange, record: Record) -> str:
    """Who acknowledged the run of the alert that ended, the last of them; empty for nobody."""
    return next(
        (
            fact.actor
            for fact in record.facts
            if isinstance(fact, AlertAcknowledged)
            and fact.fingerprint == ended.fingerprint
            and ended.started_at <= fact.at <= ended.at
        ),
        "",
    )


def _why(one: AlertInstance | None) -> str:
    if one is None:
        return ""
    return f"unknown: {one.unknown}".replace("_", " ") if one.unknown else one.reason.replace("_", " ")


def _compared(
    policy: Policy, alert_name: str, value: float | None, agent_id: str, strategy: str
) -> tuple[str, str]:  # fmt: skip
    """What was compared with what, as people read it. An alert that is in force no more has no limit."""
    alert = next((one for one in policy.alerts if one.name == alert_name), None)
    names = limits_of(alert) if alert is not None else ()
    forms = {_FORMS.get(_UNITS[name], "number") for name in names}
    text = "" if value is None else written(value, forms.pop() if len(forms) == 1 else "number")
    limits = [_limit(policy.limit(name, agent_id, strategy), name, alone=len(names) == 1) for name in names]
    return text, ", ".join(limits)


def _limit(value: float | None, name: str, *, alone: bool) -> str:
    text = "off" if value is None else written(value, _FORMS.get(_UNITS[name], "number"))
    return text if alone else f"{name} {text}"


@lru_cache(maxsize=256)
def limits_of(alert: Alert) -> tuple[str, ...]:
    """Names of the limits that an alert begins or gets worse by, as it names them."""
    return tuple(
        dict.fromkeys(node.limit for tree in alert_trees(alert) for node in walk(tree) if isinstance(node, q.Threshold))
    )


def _instances(state: FleetState) -> Iterator[tuple[str, AlertInstance]]:
    for agent_id, alerts in state.alerts.items():
        for places in alerts.values():
            for one in places.values():
                yield agent_id, one
