"""What routing remembers: what fires, on which page, who was told of what, what is silenced, what is due.

Plain values, so that a snapshot is one encode. All of it is bounded: by what fires, by the channels, and by the limits
named here; what has ended and was told is forgotten.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from fleawatch.catalog.spec import Action, Severity
from fleawatch.flow.outputs import AlertNote

ENDED: Final = "ended"
"""In place of a severity: a channel was told of the end."""


Muted = Literal["", "silenced", "maintenance", "inhibited", "no_channel"]
"""Why an alert is not sent; empty when it is."""


class Firing(msgspec.Struct):
    """An alert that fires, or whose end somebody has still to hear of.

    Attributes:
        page: id of the page it is on; empty for one that only feeds the dead-man receiver.
        reach: which channels may hear of it, `Alert.channels`.
        started_at: when its condition first held; `fired_at` when it began to fire.
        ended_at: when it ended, None while it fires.
        urgent: it does not wait for others: it halts, or follows a warning of its agent and family.
        worsened: it came after a warning and is critical, so that nothing inhibits it.
        raised_at: when its own severity rose to critical in this run.
        hasty: it waits for nothing any more: its severity rose, or what held it back is over.
        acknowledged_by: the person who took it, empty for nobody.
        paged_at: when people were first told of it as critical, None before.
        escalated: every channel was told.
        left_out: it found no room in a digest and was counted there.
        muted: why it is not sent, empty when it is; `muted_by` names the silence, window or alert.
    """

    alert: str
    fingerprint: str
    severity: Severity
    labels: dict[str, str]
    summary: str
    description: str
    started_at: float
    fired_at: float
    page: str = ""
    reach: Literal["by_severity", "every", "another"] = "by_severity"
    action: Action = "none"
    value: float | None = None
    ended_at: float | None = None
    urgent: bool = False
    worsened: bool = False
    raised_at: float | None = None
    hasty: bool = False
    acknowledged_by: str = ""
    paged_at: float | None = None
    escalated: bool = False
    left_out: bool = False
    muted: Muted = ""
    muted_by: str = ""

    @property
    def agent_id(self) -> str:
        """Whom it is about, empty for the fleet."""
        return self.labels.get("agent_id", "")

    def note(self) -> AlertNote:
        """It as a notification tells it."""
        return AlertNote(
            alert=self.alert,
            fingerprint=self.fingerprint,
            severity=self.severity,
            labels=dict(self.labels),
            summary=self.summary,
            description=self.description,
            started_at=self.started_at,
            value=self.value,
            ended_at=self.ended_at,
            acknowledged_by=self.acknowledged_by,
        )


class Told(msgspec.Struct):
    """What one channel was told of one page.

    Attributes:
        sequence: notifications so far.
        sent_at: when it was last told of something that fires, None before.
        alerts: by fingerprint the severity it knows, or `ENDED`.
        withheld: fingerprints that wait because the channel had too many notifications.
    """

    sequence: int = 0
    sent_at: float | None = None
    alerts: dict[str, str] = msgspec.field(default_factory=dict)
    withheld: dict[str, None] = msgspec.field(default_factory=dict)


class Page(msgspec.Struct):
    """Alerts with one cause: one notification, one thread, one incident.

    Attributes:
        page_id: 16 hex digits, `Delivery.group`.
        cause: what its alerts have in common, see `cause`.
        lasting: whether the cause lies outside the agents, so that others join as long as the page lives.
        joined_at: when the newest member came.
        ready_at: until then it waits for others with the same cause.
        members: fingerprints.
        told: by channel.
        refused_by: a channel that refused for good what it was told of this page, until everybody else was told.
    """

    page_id: str
    cause: str
    lasting: bool
    joined_at: float
    ready_at: float
    members: dict[str, None] = msgspec.field(default_factory=dict)
    told: dict[str, Told] = msgspec.field(default_factory=dict)
    refused_by: str = ""


class Silence(msgspec.Struct, frozen=True):
    """A person's wish not to hear of some alerts for a while. In a value of the matchers `*` stands for any text."""

    silence_id: str
    matchers: dict[str, str]
    starts_at: float
    ends_at: float
    author: str
    comment: str


class ChannelBook(msgspec.Struct):
    """What a channel carried lately and what it collects.

    Attributes:
        sent: times of the newest notifications, oldest first, as many as the throttle looks at.
        digest: alerts for its next daily digest, by fingerprint.
        beyond: alerts that found no room in the digest.
        waiting: whether something is withheld, so that what comes now has to wait behind it.
    """

    sent: list[float] = msgspec.field(default_factory=list)
    digest: dict[str, AlertNote] = msgspec.field(default_factory=dict)
    beyond: int = 0
    waiting: bool = False


class Period(msgspec.Struct):
    """What happened since the last summary: alerts fired by severity, alerts suppressed, halts ordered."""

    fired: dict[str, int] = msgspec.field(default_factory=dict)
    suppressed: int = 0
    halts: int = 0


class Routing(msgspec.Struct):
    """All that routing remembers.

    Attributes:
        at: newest time it knows; it never goes back.
        alerts: by fingerprint.
        pages: by id; `gathering` is the newest one of each cause.
        silences: by id, those in force or to come.
        channels: by name.
        due: when a scheduled notification is next sent, by its name.
        periods: `daily` and `weekly`.
    """

    at: float = 0.0
    alerts: dict[str, Firing] = msgspec.field(default_factory=dict)
    pages: dict[str, Page] = msgspec.field(default_factory=dict)
    gathering: dict[str, str] = msgspec.field(default_factory=dict)
    silences: dict[str, Silence] = msgspec.field(default_factory=dict)
    channels: dict[str, ChannelBook] = msgspec.field(default_factory=dict)
    due: dict[str, float] = msgspec.field(default_factory=dict)
    periods: dict[str, Period] = msgspec.field(default_factory=dict)
