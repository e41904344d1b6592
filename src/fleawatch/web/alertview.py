"""Alerts as documents: what fires and what is done about it, what is pending, and what every rule says of an agent."""

from __future__ import annotations

from typing import Any

import msgspec

from fleawatch.flow.evaluate import explain
from fleawatch.flow.policy import Policy
from fleawatch.flow.routing.standing import StandingAlert, standing
from fleawatch.flow.state import FleetState
from fleawatch.flow.verdict import Verdict


class AlertLine(msgspec.Struct, frozen=True):
    """One alert that fires, as the page lists it.

    Attributes:
        since: seconds for which it has fired.
        status: `active`, or what is done about it, and by whom.
    """

    alert: str
    fingerprint: str
    agent_id: str
    severity: str
    summary: str
    since: float
    status: str


def alerts_document(state: FleetState, policy: Policy, agent_id: str | None) -> dict[str, Any]:
    """The document of `/api/v1/alerts`: of one agent, or of the fleet and all its agents."""
    found = standing(state)
    return {
        "at": state.at,
        "judged": len(policy.alerts),
        "firing": [_firing(one) for one in found.alerts if agent_id in (None, one.alert.labels.get("agent_id", ""))],
        "pending": [
            {
                "alertname": instance.alert,
                "agent_id": about,
                "labels": dict(instance.labels),
                "severity": instance.severity,
                "since": instance.since,
                "value": instance.value,
                "unknown": instance.unknown or None,
            }
            for about, alerts in sorted(state.alerts.items())
            for places in alerts.values()
            for instance in places.values()
            if instance.fired_at is None and agent_id in (None, about)
        ],
        "silences": [msgspec.structs.asdict(one) for one in found.silences],
    }


def verdicts_document(state: FleetState, policy: Policy, agent_id: str, at: float) -> dict[str, Any]:
    """What every rule says of an agent now, whether it matters or not; the fleet's rules with an empty id.

    Raises:
        KeyError: there is no such agent.
    """
    return {
        "at": at,
        "agent_id": agent_id or None,
        "verdicts": [_verdict(one) for one in explain(state, agent_id, at, policy)],
    }


def alert_lines(state: FleetState, agent_id: str | None = None) -> list[AlertLine]:
    """What fires, the most severe first; the watchdog, which always does, is left out."""
    return [
        AlertLine(
            alert=one.alert.alert,
            fingerprint=one.alert.fingerprint,
            agent_id=one.alert.labels.get("agent_id", ""),
            severity=one.alert.severity,
            summary=one.alert.summary,
            since=max(0.0, state.at - one.fired_at),
            status=one.status if not one.by else f"{one.status} by {one.by}",
        )
        for one in standing(state).alerts
        if one.alert.severity != "none" and agent_id in (None, one.alert.labels.get("agent_id", ""))
    ]


def _firing(one: StandingAlert) -> dict[str, Any]:
    note = one.alert
    return {
        "alertname": note.alert,
        "agent_id": note.labels.get("agent_id", ""),
        "fingerprint": note.fingerprint,
        "severity": note.severity,
        "status": one.status,
        "by": one.by or None,
        "labels": note.labels,
        "value": note.value,
        "summary": note.summary,
        "description": note.description,
        "started_at": note.started_at,
        "fired_at": one.fired_at,
        "told": one.told,
        "escalated": one.escalated,
        "page": one.page or None,
    }


def _verdict(one: Verdict) -> dict[str, Any]:
    return {
        "alertname": one.alert,
        "labels": dict(one.labels),
        "answer": one.answer,
        "reason": one.reason,
        "value": one.value,
        "severity": one.severity,
    }
