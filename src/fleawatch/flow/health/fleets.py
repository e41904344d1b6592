"""The four layers of the fleet: those of its agents put together, and the alerts about the fleet itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fleawatch.flow.health.agents import FAMILIES
from fleawatch.flow.health.layers import (
    LAYERS,
    Health,
    Layer,
    LayerName,
    Reason,
    Status,
    by_alerts,
    health,
    layer,
    worst,
)
from fleawatch.flow.state import AlertInstance, FleetState

_NO_ALERTS: Final[Mapping[str, Mapping[str, AlertInstance]]] = {}
_NAMED: Final = 3


def fleet_health(fleet: FleetState, agents: Sequence[Health]) -> Health:
    """The health of the fleet, from that of its agents.

    A layer is down when it is down for every agent, and degraded when some agent is in trouble: one lost agent is no lost
    fleet. It is unknown while that of some agent is and none is in trouble.
    """
    own = fleet.alerts.get("", _NO_ALERTS)
    return health("", (_joint(name, agents, by_alerts(own, FAMILIES, name)) for name in LAYERS))


def _joint(name: LayerName, agents: Sequence[Health], own: list[Reason]) -> Layer:
    layers = [(one.agent_id, one.layer(name)) for one in agents]
    status = _together([one.status for _, one in layers])
    reasons = [*own, *_gathered(layers)] or [Reason("no_agents", "unknown")] * (not agents)
    told = layer(name, max((one.as_of for _, one in layers if one.as_of is not None), default=None), reasons)
    return Layer(name, worst([status, *(one.status for one in own)]), told.as_of, told.reasons)


def _together(found: Sequence[Status]) -> Status:
    if not found:
        return "unknown"
    if len(set(found)) == 1:
        return found[0]
    return "degraded" if {"down", "degraded"} & set(found) else "unknown"


def _gathered(layers: Iterable[tuple[str, Layer]]) -> list[Reason]:
    """The reasons of the agents, each once with how many it is true of and the names of a few."""
    found: dict[tuple[str, Status], tuple[list[str], list[float]]] = {}
    for agent_id, one in layers:
        for reason in one.reasons:
            names, since = found.setdefault((reason.name, reason.status), ([], []))
            if not names or names[-1] != agent_id:
                names.append(agent_id)
            since += [reason.since] if reason.since is not None else []
    return [
        Reason(name, status, min(since, default=None), _named(names), len(names))
        for (name, status), (names, since) in found.items()
    ]


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
