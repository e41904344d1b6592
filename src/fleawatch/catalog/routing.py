"""Who hears of what, as a table, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleawatch.catalog.spec import Severity
from fleawatch.units import DAY, HOUR, MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table; the first row that matches decides, unless it goes on.

    Attributes:
        action: alerts with this action match; empty for any.
        severity: alerts of this severity match; None for any.
        alertname: only this alert matches; empty for any.
        channels: where Alertmanager and Grafana send it.
        in_process: where the monitor itself sends it.
        group_wait_s: time to wait for others of the same group.
        repeat_s: time after which an alert that still fires is sent again.
        goes_on: whether later rows are asked as well.
        send_resolved: whether the end is sent too.
    """

    name: str
    channels: tuple[str, ...]
    in_process: tuple[str, ...]
    repeat_s: float
    severity: Severity | None = None
    action: str = ""
    alertname: str = ""
    group_wait_s: float = 10.0
    goes_on: bool = False
    send_resolved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """While a source fires, matching targets are not sent.

    Attributes:
        source, target: label values that select either side.
        equal: labels that must agree.
    """

    source: tuple[tuple[str, str], ...]
    target: tuple[tuple[str, str], ...]
    equal: tuple[str, ...]


GROUP_BY: Final = ("alertname", "agent_id")

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="watchdog",
        alertname="PFWatchdog",
        channels=("deadman",),
        in_process=("heartbeat_file",),
        repeat_s=5 * MINUTE,
        group_wait_s=0.0,
        send_resolved=False,
    ),
    Route(
        name="halt",
        action="halt",
        channels=("halt_webhook",),
        in_process=("guard",),
        repeat_s=HOUR,
        group_wait_s=0.0,
        goes_on=True,
        send_resolved=False,
    ),
    Route(
        name="critical",
        severity="critical",
        channels=("pagerduty", "slack", "telegram"),
        in_process=("telegram", "slack", "sms"),
        repeat_s=HOUR,
    ),
    Route(
        name="warning",
        severity="warning",
        channels=("slack", "telegram"),
        in_process=("telegram",),
        repeat_s=4 * HOUR,
    ),
    Route(
        name="info",
        severity="info",
        channels=("slack_digest",),
        in_process=("log", "annotation"),
        repeat_s=DAY,
    ),
)

INHIBITIONS: Final[tuple[Inhibition, ...]] = (
    Inhibition(
        source=(("severity", "critical"),),
        target=(("severity", "warning"),),
        equal=("agent_id", "pf_family"),
    ),
    Inhibition(
        source=(("alertname", "PFAgentDown"),),
        target=(("pf_scope", "agent"),),
        equal=("agent_id",),
    ),
)
