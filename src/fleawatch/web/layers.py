"""The four layers of health as documents for the API and lines for the pages."""

from __future__ import annotations

from typing import Any

from fleawatch.flow.health import Health, Layer, Reason, agent_health, fleet_health
from fleawatch.flow.state import FleetState
from fleawatch.web.number import Number

Document = dict[str, Any]


def agent_layers(state: FleetState, agent_id: str, at: float) -> Document:
    """The health of one agent at `at`: its status, and each layer with its reasons and how long they hold.

    Raises:
        KeyError: there is no such agent.
    """
    return _document(agent_health(state, agent_id, at), at)


def fleet_layers(state: FleetState, at: float) -> Document:
    """The health of the fleet at `at`, and in few words that of each agent, by id."""
    agents = [agent_health(state, agent_id, at) for agent_id in sorted(state.agents)]
    return {**_document(fleet_health(state, agents), at), "agents": [_line(one) for one in agents]}


def _document(health: Health, at: float) -> Document:
    return {"status": health.status, "layers": {one.name: _layer(one, at) for one in health.layers}}


def _layer(one: Layer, at: float) -> Document:
    return {
        "status": one.status,
        "age": _age(one.as_of, at, "nothing was read or heard yet"),
        "reasons": [_reason(reason, at) for reason in one.reasons],
    }


def _reason(one: Reason, at: float) -> Document:
    return {
        "name": one.name,
        "status": one.status,
        "detail": one.detail,
        "agents": Number(one.agents, at, "monitor", "fresh", None) if one.agents else None,
        "since_at": one.since,
        "age": _age(one.since, at, "nobody knows since when"),
    }


def _line(health: Health) -> Document:
    return {
        "agent_id": health.agent_id,
        "status": health.status,
        "layers": {one.name: one.status for one in health.layers},
    }


def _age(since: float | None, at: float, missing: str) -> Number:
    if since is None:
        return Number(None, None, "monitor", "unknown", missing)
    return Number(round(max(0.0, at - since), 3), since, "monitor", "fresh", None)
