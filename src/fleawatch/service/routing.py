"""From the section `notify` to the routing policy: names, severities and times, without any secret."""

from __future__ import annotations

from typing import Final

from fleawatch.flow.routing.settings import Channel, MaintenanceWindow, RoutingPolicy
from fleawatch.service import config_notify
from fleawatch.service.config_notify import Notify, seconds_of
from fleawatch.units import HOUR

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_SMS: Final = 480
"""Three text messages. An Apprise channel with no more room than that rings somebody's phone."""


def routing_of(notify: Notify) -> RoutingPolicy:
    """How notifications are routed, as configured; what the section does not say is the catalog's.

    Raises:
        ValueError: the section contradicts itself; every problem is listed.
    """
    return RoutingPolicy(
        channels=tuple(_channel(name, channel) for name, channel in notify.channels.items()),
        maintenance=tuple(_window(window) for window in notify.maintenance),
        escalate_after_s=notify.escalate_after_s,
        digest_at_s=seconds_of(notify.digest_at),
        daily_at_s=None if notify.daily_summary is None else seconds_of(notify.daily_summary),
        weekly_at_s=None if notify.weekly_summary is None else seconds_of(notify.weekly_summary),
        canary_s=None if notify.canary_hours is None else notify.canary_hours * HOUR,
    )


def _channel(name: str, channel: config_notify.Channel) -> Channel:
    if channel.kind == "deadman":
        return Channel(name=name, kind=channel.kind, severities=("none",), digest=(), send_resolved=False)
    rings = channel.kind == "apprise" and channel.longest <= _LONGEST_SMS
    return Channel(
        name=name,
        kind="sms" if rings else channel.kind,
        severities=channel.severities,
        digest=channel.digest,
        summaries=channel.summaries,
        send_resolved=channel.send_resolved,
    )


def _window(window: config_notify.Maintenance) -> MaintenanceWindow:
    return MaintenanceWindow(
        name=window.name,
        days=tuple(_DAYS.index(day) for day in window.days),
        start_s=seconds_of(window.start),
        duration_s=window.hours * HOUR,
        matchers=dict(window.matchers),
    )
