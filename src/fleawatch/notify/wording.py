"""What a notification says, in plain text that every channel then writes its own way. No channel decides about content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import quote

from fleawatch.flow.outputs import AlertNote, Delivery
from fleawatch.units import looks_like_key

REDACTED: Final = "[redacted]"
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What no reader should be made to swallow: control characters, line ends in disguise, changes of writing direction."""


@dataclass(frozen=True, slots=True)
class Links:
    """Where a reader goes on.

    Attributes:
        page: address of the fleet's page as people reach it; empty when nobody said.
        runbooks: address below which the runbooks are, `NAME.md` or `NAME` appended by `suffix`; empty for the command.
        suffix: what follows a runbook's name.
    """

    page: str = ""
    runbooks: str = ""
    suffix: str = ""

    def runbook(self, alert: str) -> str:
        """Address of an alert's runbook; empty when there is none to reach by a browser."""
        return f"{self.runbooks.rstrip('/')}/{quote(alert, safe='')}{self.suffix}" if self.runbooks else ""

    def agent(self, agent_id: str) -> str:
        """Address of an agent's page, of the fleet's without an agent; empty when nobody said where."""
        if not self.page:
            return ""
        base = self.page.rstrip("/")
        return f"{base}/agents/{quote(agent_id, safe='')}" if agent_id else f"{base}/"


class Entry(NamedTuple):
    """One alert as it is told.

    Attributes:
        mark: `CRITICAL`, `WARNING`, `INFO`, `RESOLVED` or `ACKNOWLEDGED`.
        summary: one line.
        details: more lines; none is empty.
        link: address of the runbook, or empty.
    """

    mark: str
    summary: str
    details: tuple[str, ...]
    link: str


def title(delivery: Delivery) -> str:
    """The first line, without line ends."""
    return one_line(delivery.title)


def text(delivery: Delivery) -> str:
    """The text of a summary or a canary; empty where the alerts say it all."""
    return clean(delivery.text).strip()


def entries(delivery: Delivery, links: Links) -> list[Entry]:
    """The alerts of a delivery in its order."""
    return [_entry(note, links) for note in delivery.alerts]


def plain(delivery: Delivery, links: Links, limit: int) -> str:
    """The whole message as plain text of at most `limit` characters; what does not fit is counted."""
    told = [text(delivery)] if delivery.text else []
    told += [
        "\n".join([f"{e.mark} {e.summary}", *e.details, *([e.link] if e.link else [])])
        for e in entries(delivery, links)
    ]
    page = links.agent(delivery.agent_id)
    if page:
        told.append(page)
    found = title(delivery)
    for number, part in enumerate(told):
        rest = f"\n\n... {len(told) - number} more"
        if len(found) + 2 + len(part) + len(rest) > limit:
            return cut(found + rest if number else f"{found}\n\n{part}", limit)
        found += f"\n\n{part}"
    return cut(found, limit)


def clean(value: str) -> str:
    """Text without control characters; replaced whole when it carries what looks like a platform key."""
    return REDACTED if looks_like_key(value) else _CONTROL.sub(" ", value)


def one_line(value: str) -> str:
    """Text as one line with single spaces."""
    return " ".join(clean(value).split())


def cut(value: str, limit: int) -> str:
    """At most `limit` characters, the last three of which are dots where something was cut."""
    return value if len(value) <= limit else value[: max(0, limit - 3)] + "..."


def _entry(note: AlertNote, links: Links) -> Entry:
    mark = note.severity.upper() if note.severity != "none" else "INFO"
    if note.ended_at is not None:
        mark = "RESOLVED"
    elif note.acknowledged_by:
        mark = "ACKNOWLEDGED"
    link = links.runbook(note.alert)
    details = [clean(note.description).strip(), _times(note)]
    if note.acknowledged_by:
        details.append(f"acknowledged by {one_line(note.acknowledged_by)}")
    if not link:
        details.append(f"runbook: fleawatch runbook {one_line(note.alert)}")
    return Entry(mark, one_line(note.summary), tuple(line for line in details if line), link)


def _times(note: AlertNote) -> str:
    since = f"since {_moment(note.started_at)}"
    return since if note.ended_at is None else f"{since} until {_moment(note.ended_at)}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
