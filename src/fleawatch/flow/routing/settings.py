"""How notifications are routed: channels, windows, waits, limits and hours, as plain data with its own checks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, get_args

from fleawatch.catalog.routing import ROUTES
from fleawatch.catalog.spec import Severity
from fleawatch.units import DAY, MINUTE

WEEK: Final = 7 * DAY
WATCHDOG: Final = "PFWatchdog"
MONDAY: Final = 4 * DAY
"""The first Monday of unix time, which began on a Thursday."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
_TABLE: Final[Mapping[Severity, float]] = MappingProxyType(
    {route.severity: route.repeat_s for route in ROUTES if route.severity is not None}
)
_WATCHDOG_S: Final = next(route.repeat_s for route in ROUTES if route.alertname == WATCHDOG)
_GROUP_WAIT_S: Final = max(route.group_wait_s for route in ROUTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to reach people, or the dead-man receiver.

    Attributes:
        name: how deliveries and the configuration call it: lower-case letters, digits, `_` and `-`.
        kind: what carries it (`telegram`, `slack`, `pagerduty`, `email`, `webhook`, `sms`, `log`, `deadman` ...).
        severities: those it is told of; `none` is the watchdog's. Empty takes them from the catalog's table of routes
            by name, then by kind; a channel that the table does not know takes critical and warning, a log all three.
        digest: those of them that it gets once a day. None: info, except for a log.
        summaries: whether it gets the daily and weekly summary; None: unless it rings somebody (PagerDuty, SMS).
        send_resolved: whether it is told of the end of what it was told of.
    """

    name: str
    kind: str = "log"
    severities: tuple[Severity, ...] = ()
    digest: tuple[Severity, ...] | None = None
    summaries: bool | None = None
    send_resolved: bool = True

    def __post_init__(self) -> None:
        if not self.severities:
            object.__setattr__(self, "severities", _by_table(self.name, self.kind))
        if self.digest is None:
            object.__setattr__(self, "digest", () if self.kind == "log" else ("info",))
        if self.summaries is None:
            object.__setattr__(self, "summaries", self.kind not in ("pagerduty", "sms") and self.tells)

    @property
    def tells(self) -> bool:
        """Whether people read it, so that it is no mere dead-man receiver."""
        return any(severity != "none" for severity in self.severities)

    @property
    def counts_incidents(self) -> bool:
        """Whether each page is an incident there, opened and closed by its own messages, which no digest can do."""
        return self.kind == "pagerduty"

    def digests(self, severity: Severity) -> bool:
        """Whether alerts of this severity come once a day."""
        return severity in self.severities and severity in (self.digest or ())

    def rings(self, severity: Severity) -> bool:
        """Whether alerts of this severity come by themselves."""
        return severity in self.severities and severity not in (self.digest or ())

    def problems(self) -> Iterator[str]:
        """What is wrong with it."""
        if _NAME.fullmatch(self.name) is None:
            yield f"channel name was {self.name!r}: use lower-case letters, digits, _ and -, at most 32"
        for severity in {*self.severities, *(self.digest or ())} - set(_SEVERITIES):
            yield f"channel {self.name}: severity was {severity!r}: use one of {', '.join(_SEVERITIES)}"
        if "critical" in (self.digest or ()):
            yield f"channel {self.name}: critical alerts cannot wait for a daily digest: take critical out of digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """A time of the week in which some alerts are not sent.

    Attributes:
        days: days of the week on which it begins, Monday 0 to Sunday 6.
        start_s: when it begins, seconds after 00:00 UTC.
        duration_s: how long it lasts, at most a week.
        matchers: labels, `severity` among them, and the values they must have; `*` stands for any text.
    """

    name: str
    days: tuple[int, ...]
    start_s: float
    duration_s: float
    matchers: Mapping[str, str]

    def began(self, at: float) -> float | None:
        """When the occurrence that holds at `at` began; None outside the window."""
        starts = (at - (at - MONDAY - day * DAY - self.start_s) % WEEK for day in self.days)
        return max((start for start in starts if at - start < self.duration_s), default=None)

    def problems(self) -> Iterator[str]:
        """What is wrong with it."""
        if not self.days or not all(0 <= day <= 6 for day in self.days):
            yield f"maintenance {self.name}: days were {self.days}: name at least one, Monday 0 to Sunday 6"
        if not 0 <= self.start_s < DAY:
            yield f"maintenance {self.name}: start_s was {self.start_s:g}: use 0 to 86399, seconds after 00:00 UTC"
        if not 0 < self.duration_s <= WEEK:
            yield f"maintenance {self.name}: duration_s was {self.duration_s:g}: use more than 0 and at most a week"
        if not self.matchers:
            yield f'maintenance {self.name}: it matches nothing: name labels, or alertname = "*" for everything'


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingPolicy:
    """How notifications are routed. The defaults are the catalog's; without channels all goes to one called `log`.

    Attributes:
        channels: where notifications go.
        maintenance: recurring windows in which some alerts are not sent.
        group_wait_s: how long a new page waits for others with its cause. Halts and what follows a warning do not wait.
        storm_s: alerts of one name without an outside cause are one page while each follows another within this; and
            critical alerts that join a page which was sent are told within this.
        group_interval_s: how soon other news of a page that was sent follow.
        repeat_s: by severity, when what still fires and nobody took is sent again.
        escalate_after_s: when a critical alert that nobody took goes to every channel; None for never.
        throttle_most, throttle_s: most notifications a channel gets within so many seconds. What is more waits and
            comes as one digest. Critical alerts, ends and escalations do not wait, and nothing does at PagerDuty.
        digest_at_s: when daily digests go, seconds after 00:00 UTC.
        daily_at_s: when the daily summary goes, seconds after 00:00 UTC; None for never.
        weekly_at_s: when the weekly summary goes, seconds after Monday 00:00 UTC; None for never.
        canary_s: every how many seconds each channel is tried; None for never.
        watchdog_s: every how many seconds the dead-man receiver hears that all is well.

    Raises:
        ValueError: something contradicts itself; every problem is listed.
    """

    channels: tuple[Channel, ...] = ()
    maintenance: tuple[MaintenanceWindow, ...] = ()
    group_wait_s: float = _GROUP_WAIT_S
    storm_s: float = MINUTE
    group_interval_s: float = 5 * MINUTE
    repeat_s: Mapping[Severity, float] = field(default_factory=lambda: _TABLE)
    escalate_after_s: float | None = 15 * MINUTE
    throttle_most: int = 20
    throttle_s: float = 10 * MINUTE
    digest_at_s: float = 8 * 3_600.0
    daily_at_s: float | None = 8 * 3_600.0
    weekly_at_s: float | None = 8 * 3_600.0
    canary_s: float | None = DAY
    watchdog_s: float = _WATCHDOG_S

    def __post_init__(self) -> None:
        problems = [*self._problems()]
        if problems:
            raise ValueError("the routing contradicts itself:\n" + "\n".join(f"  - {problem}" for problem in problems))

    @property
    def heralds(self) -> tuple[Channel, ...]:
        """Channels that people read: those configured, or the log."""
        return tuple(channel for channel in self.channels or (LOG,) if channel.tells)

    @property
    def receivers(self) -> tuple[Channel, ...]:
        """Dead-man receivers."""
        return tuple(channel for channel in self.channels if "none" in channel.severities)

    def _problems(self) -> Iterator[str]:
        for channel in self.channels:
            yield from channel.problems()
        for window in self.maintenance:
            yield from window.problems()
        for what, names in (
            ("channels", [one.name for one in self.channels]),
            ("maintenance windows", [one.name for one in self.maintenance]),
        ):
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"two {what} are called {name}: give each a name of its own"
        if not any(channel.rings("critical") for channel in self.heralds):
            yield "no channel takes critical alerts: let one do so"
        yield from self._bad_numbers()

    def _bad_numbers(self) -> Iterator[str]:
        for name in ("group_wait_s", "storm_s", "group_interval_s"):
            yield from _outside(name, getattr(self, name), 0.0, DAY)
        for severity in ("critical", "warning", "info"):
            if severity not in self.repeat_s:
                yield f"repeat_s lacks {severity}: say after how many seconds it is sent again"
        for severity, seconds in self.repeat_s.items():
            yield from _outside(f"repeat_s of {severity}", seconds, MINUTE, math.inf)
        yield from _outside("escalate_after_s", self.escalate_after_s, 0.0, math.inf)
        yield from _outside("throttle_most", self.throttle_most, 1, 10_000)
        yield from _outside("throttle_s", self.throttle_s, 1.0, DAY)
        yield from _outside("digest_at_s", self.digest_at_s, 0.0, DAY - 1)
        yield from _outside("daily_at_s", self.daily_at_s, 0.0, DAY - 1)
        yield from _outside("weekly_at_s", self.weekly_at_s, 0.0, WEEK - 1)
        yield from _outside("canary_s", self.canary_s, MINUTE, WEEK)
        yield from _outside("watchdog_s", self.watchdog_s, 1.0, DAY)


def _outside(name: str, number: float | None, least: float, most: float) -> Iterator[str]:
    if number is not None and not least <= number <= most:
        yield f"{name} was {number:g}: use {least:g} to {most:g}"


def _by_table(name: str, kind: str) -> tuple[Severity, ...]:
    """Severities of the routes of the catalog that name this channel."""
    if kind == "log":
        return ("critical", "warning", "info")
    for wanted in (name, kind):
        found: list[Severity] = []
        for route in ROUTES:
            takes: Severity | None = "none" if route.alertname == WATCHDOG else route.severity
            if takes is not None and wanted in route.channels + route.in_process:
                found.append(takes)
        if found:
            return tuple(found)
    return ("critical", "warning")


LOG: Final = Channel(name="log")
"""Where everything goes while nothing is configured."""
