"""What the page, the interface and the command line ask: which alerts fire and what is done about each."""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.flow.outputs import AlertNote
from fleawatch.flow.routing.run import RANK
from fleawatch.flow.routing.state import Firing, Silence
from fleawatch.flow.state import FleetState

Status = Literal["active", "acknowledged", "silenced", "inhibited", "maintenance", "no_channel"]


class StandingAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert that fires.

    Attributes:
        status: what is done about it; an acknowledged one that is also muted is called by what mutes it.
        by: the silence, alert, window or person behind the status; empty for an active one.
        told: channels that know of it, by name, sorted.
        fired_at: when it began to fire, unix seconds.
        escalated: whether every channel was told because nobody took it.
        page: its page, the `group` of its deliveries; empty for the watchdog.
    """

    alert: AlertNote
    status: Status
    by: str
    told: tuple[str, ...]
    fired_at: float
    escalated: bool
    page: str


class Standings(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, the most severe first and of those the oldest, and silences by when they end."""

    alerts: tuple[StandingAlert, ...]
    silences: tuple[Silence, ...]


def standing(state: FleetState) -> Standings:
    """All that fires, as of the newest fact; empty for a fleet of which nothing fires."""
    routing = state.routing
    firing = [one for one in routing.alerts.values() if one.ended_at is None]
    firing.sort(key=lambda one: (-RANK[one.severity], one.fired_at, one.fingerprint))
    return Standings(
        alerts=tuple(_stands(state, one) for one in firing),
        silences=tuple(sorted(routing.silences.values(), key=lambda one: (one.ends_at, one.silence_id))),
    )


def _stands(state: FleetState, firing: Firing) -> StandingAlert:
    page = state.routing.pages.get(firing.page)
    told = page.told if page is not None else {}
    status, by = _status(firing)
    return StandingAlert(
        alert=firing.note(),
        status=status,
        by=by,
        told=tuple(sorted(name for name, known in told.items() if firing.fingerprint in known.alerts)),
        fired_at=firing.fired_at,
        escalated=firing.escalated,
        page=firing.page,
    )


def _status(firing: Firing) -> tuple[Status, str]:
    if firing.muted:
        return firing.muted, firing.muted_by
    return ("acknowledged", firing.acknowledged_by) if firing.acknowledged_by else ("active", "")
