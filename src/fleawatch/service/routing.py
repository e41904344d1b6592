"""From the section `notify` to the words of the routing policy: names, severities and times, without any secret."""

from __future__ import annotations

from typing import Any, Final

from fleawatch.service.config_notify import Channel, Maintenance, Notify, seconds_of
from fleawatch.units import HOUR

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_SMS: Final = 480
"""Three text messages. An Apprise channel with no more room than that rings somebody's phone."""


def routing_of(notify: Notify) -> dict[str, Any]:
    """Arguments of the routing policy by name; `channels` and `maintenance` hold those of each channel and window."""
    return {
        "channels": tuple(_channel(name, channel) for name, channel in notify.channels.items()),
        "maintenance": tuple(_window(window) for window in notify.maintenance),
        "escalate_after_s": notify.escalate_after_s,
        "digest_at_s": seconds_of(notify.digest_at),
        "daily_at_s": None if notify.daily_summary is None else seconds_of(notify.daily_summary),
        "weekly_at_s": None if notify.weekly_summary is None else seconds_of(notify.weekly_summary),
        "canary_s": None if notify.canary_hours is None else notify.canary_hours * HOUR,
    }


def _channel(name: str, channel: Channel) -> dict[str, Any]:
    rings = channel.kind == "apprise" and channel.longest <= _LONGEST_SMS
    return {
        "name": name,
        "kind": "sms" if rings else channel.kind,
        "severities": ("none",) if channel.kind == "deadman" else channel.severities,
        "digest": () if channel.kind == "deadman" else channel.digest,
        "summaries": channel.summaries,
        "send_resolved": channel.send_resolved and channel.kind != "deadman",
    }


def _window(window: Maintenance) -> dict[str, Any]:
    return {
        "name": window.name,
        "days": tuple(_DAYS.index(day) for day in window.days),
        "start_s": seconds_of(window.start),
        "duration_s": window.hours * HOUR,
        "matchers": dict(window.matchers),
    }
