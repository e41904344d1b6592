"""One pass of routing over one fact: what the stages share, and the one place where they speak."""

from __future__ import annotations

from typing import Final, Literal

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import CHANNEL
from fleawatch.catalog.spec import Alert, Severity
from fleawatch.events import Event
from fleawatch.flow.outputs import AlertNote, Delivery, Level, Notice
from fleawatch.flow.policy import Policy
from fleawatch.flow.routing.settings import Channel
from fleawatch.flow.routing.state import ChannelBook, Firing, Page, Period, Told
from fleawatch.flow.state import FleetState
from fleawatch.flow.words import word

Kind = Literal["alert", "repeat", "resolved", "escalation", "digest", "summary", "canary", "watchdog"]

RANK: Final[dict[str, int]] = {"none": 0, "info": 1, "warning": 2, "critical": 3}
_LEVELS: Final[dict[Severity, Level]] = {"critical": "critical", "warning": "warning", "info": "info", "none": "info"}


class Run:
    """One pass.

    Attributes:
        fleet: the state; the pass changes its part `routing`, and counts in its tallies.
        event: the fact that caused it.
        policy: the rules in force; `rules` is their part about routing.
        now: unix seconds; never before that of an earlier pass.
        channels: those that people read.
        outputs: what came out, in order.
    """

    def __init__(self, fleet: FleetState, event: Event, policy: Policy) -> None:
        self.fleet = fleet
        self.event = event
        self.policy = policy
        self.rules = policy.routing
        self.channels = self.rules.heralds
        self.routing = fleet.routing
        self.now = max(self.routing.at, min(event.at, event.seen_at))
        self.routing.at = self.now
        self.outputs: list[Delivery | Notice] = []
        self._notices = 0

    def declared(self, name: str) -> Alert | None:
        """How an alert is declared: among the rules in force, or in the catalog; None for an unknown one."""
        for alert in self.policy.alerts:
            if alert.name == name:
                return alert
        return CATALOG.alerts.get(name)

    def wants(self, channel: Channel, firing: Firing) -> bool:
        """Whether an alert, as it stands, goes to a channel by itself."""
        if firing.reach == "by_severity":
            return channel.rings(firing.severity)
        if firing.reach == "every":
            return True
        others = [one for one in self.channels if self.reaches(one, firing)]
        taking = [one for one in others if one.rings(firing.severity)]
        return channel in (taking or others)

    def collects(self, channel: Channel, firing: Firing) -> bool:
        """Whether an alert, as it stands, goes to a channel once a day."""
        return firing.reach == "by_severity" and channel.digests(firing.severity)

    def reaches(self, channel: Channel, firing: Firing) -> bool:
        """Whether a channel may be told of an alert at all: any but the one that it is about."""
        return firing.reach != "another" or channel.name != firing.labels.get("channel")

    def book(self, channel: Channel) -> ChannelBook:
        """The book of a channel."""
        found = self.routing.channels.get(channel.name)
        if found is None:
            found = self.routing.channels[channel.name] = ChannelBook()
        return found

    def periods(self) -> tuple[Period, ...]:
        """What counts for the next daily and the next weekly summary."""
        return tuple(self.routing.periods.setdefault(name, Period()) for name in ("daily", "weekly"))

    def suppress(self, firing: Firing, reason: str, channels: tuple[Channel, ...]) -> None:
        """Say that an alert is not sent, and count it for each channel that would have heard of it."""
        for period in self.periods():
            period.suppressed += 1
        for channel in channels:
            self.fleet.tallies.add(
                "pf_alert_notifications_total", (word(self.fleet, CHANNEL, channel.name), "suppressed")
            )
        self._notices += 1
        notice = Notice(
            key=f"{self.event.fact_id}:suppressed:{self._notices}",
            agent_id=firing.agent_id,
            at=self.now,
            event="alert_suppressed",
            level=_LEVELS[firing.severity],
            message=f"{firing.alert} is not sent: {reason}",
            fields={
                "alertname": firing.alert,
                "severity": firing.severity,
                "fingerprint": firing.fingerprint,
                "channel": ",".join(channel.name for channel in channels),
                "reason": reason,
            },
        )
        self.outputs.append(notice)

    def tell(
        self,
        page: Page,
        channel: Channel,
        *,
        kind: Kind,
        reason: str,
        title: str,
        notes: tuple[AlertNote, ...],
        agent_id: str,
    ) -> Told:
        """Send one channel one notification of a page, and count it."""
        told = page.told.setdefault(channel.name, Told())
        told.sequence += 1
        severity = max((note.severity for note in notes), key=RANK.__getitem__)
        self.outputs.append(
            Delivery(
                key=f"{page.page_id}:{channel.name}:{kind}:{told.sequence}:{self.now:.3f}",
                agent_id=agent_id,
                at=self.now,
                channel=channel.name,
                kind=kind,
                group=page.page_id,
                severity=severity,
                title=title,
                reason=reason,
                alerts=notes,
            )
        )
        if kind != "resolved":
            told.sent_at = self.now
            sent = self.book(channel).sent
            sent.append(self.now)
            del sent[: -self.rules.throttle_most]
        return told

    def broadcast(  # noqa: PLR0913 - a notification has that many parts, all named
        self,
        channel: Channel,
        *,
        kind: Kind,
        group: str,
        due: float,
        title: str,
        reason: str,
        text: str = "",
        severity: Severity = "info",
        notes: tuple[AlertNote, ...] = (),
        agent_id: str = "",
    ) -> None:
        """Send one channel a notification that is of no page and was due at `due`."""
        self.outputs.append(
            Delivery(
                key=f"{group}:{channel.name}:{kind}:{due:.3f}:{self.now:.3f}",
                agent_id=agent_id,
                at=self.now,
                channel=channel.name,
                kind=kind,
                group=group,
                severity=severity,
                title=title,
                reason=reason,
                alerts=notes,
                text=text,
            )
        )
