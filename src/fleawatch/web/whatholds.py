"""What keeps alerts from being sent now or soon: silences, and the maintenance windows of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from fleawatch.flow.policy import Policy
from fleawatch.flow.routing.settings import MONDAY, WEEK, MaintenanceWindow
from fleawatch.flow.routing.state import Silence
from fleawatch.flow.state import FleetState
from fleawatch.units import DAY, MINUTE

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class SilenceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A silence. `left_s`: until it ends; `matchers` as text; `covers`: alerts that fire and that it keeps quiet now."""

    silence_id: str
    matchers: str
    ends_at: float
    left_s: float
    author: str
    comment: str
    covers: int


class WindowLine(msgspec.Struct, frozen=True, kw_only=True):
    """A maintenance window. `times` in words; it is open until `ends_at`, or else opens at `opens_at`."""

    name: str
    matchers: str
    times: str
    ends_at: float | None
    opens_at: float


def silence_lines(state: FleetState, at: float) -> list[SilenceLine]:
    """Silences in force, those that end first at the top."""
    found = sorted(state.routing.silences.values(), key=lambda one: (one.ends_at, one.silence_id))
    return [_silence(state, one, at) for one in found]


def window_lines(policy: Policy, at: float) -> list[WindowLine]:
    """The maintenance windows of the configuration, open ones first, then the one that opens next."""
    found = [_window(one, at) for one in policy.routing.maintenance]
    return sorted(found, key=lambda one: (one.ends_at is None, one.opens_at, one.name))


def in_words(matchers: Mapping[str, str]) -> str:
    """Matchers as text: `agent_id = alder, severity = warning`."""
    return ", ".join(f"{label} = {wanted}" for label, wanted in sorted(matchers.items()))


def _silence(state: FleetState, one: Silence, at: float) -> SilenceLine:
    quiet = [
        alert
        for alert in state.routing.alerts.values()
        if alert.ended_at is None and (alert.muted, alert.muted_by) == ("silenced", one.silence_id)
    ]
    return SilenceLine(
        silence_id=one.silence_id, matchers=in_words(one.matchers), ends_at=one.ends_at,
        left_s=max(0.0, one.ends_at - at), author=one.author, comment=one.comment, covers=len(quiet),
    )  # fmt: skip


def _window(one: MaintenanceWindow, at: float) -> WindowLine:
    began = one.began(at)
    days = ", ".join(_DAYS[day] for day in sorted(set(one.days)))
    begins = f"{one.start_s // 3_600:02.0f}:{one.start_s % 3_600 // MINUTE:02.0f} UTC"
    lasts = one.duration_s / MINUTE
    return WindowLine(
        name=one.name,
        matchers=in_words(one.matchers),
        times=f"{days} at {begins}, {lasts:g} min",
        ends_at=None if began is None else began + one.duration_s,
        opens_at=at if began is not None else _next(one, at),
    )


def _next(one: MaintenanceWindow, at: float) -> float:
    starts = [MONDAY + day * DAY + one.start_s for day in one.days]
    return min(start + -(-(at - start) // WEEK) * WEEK for start in starts)
