"""Pages through PagerDuty's Events API v2: an incident is triggered, acknowledged and resolved under one key.

Reference: https://developer.pagerduty.com/docs/events-api-v2-overview. The key is the delivery's group, so that a
message that is sent twice is one page. What is no incident (summaries, digests, canaries) is sent as a change event,
which pages nobody: https://developer.pagerduty.com/docs/send-change-event.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, Literal

import msgspec

from fleawatch.catalog.spec import Severity
from fleawatch.flow.outputs import Delivery
from fleawatch.notify.exchange import Answer, Exchange, garbage, refusal
from fleawatch.notify.wording import Links, clean, cut, entries, text, title
from fleawatch.ports import Receipt
from fleawatch.units import iso

BASE: Final = "https://events.pagerduty.com"
LONGEST_SUMMARY: Final = 1_024
LONGEST_KEY: Final = 255
MOST_DETAILS: Final = 50
"""Alerts that one event spells out: an event may have 512 KB."""
_LONGEST_DETAIL: Final = 2_000

_SEVERITIES: Final[dict[Severity, str]] = {"critical": "critical", "warning": "warning", "info": "info", "none": "info"}
_NEWS: Final = frozenset({"digest", "summary", "canary", "watchdog"})

EventAction = Literal["trigger", "acknowledge", "resolve"]


class PagerDutyNotifier:
    """Sends events to one integration.

    Args:
        exchange: the way out; closed with this channel.
        routing_key: of an Events API v2 integration.
        base: address of the events service; PagerDuty's European one differs.
        links: shown in the incident.
    """

    kind = "pagerduty"

    def __init__(self, exchange: Exchange, *, routing_key: str, base: str = BASE, links: Links | None = None) -> None:
        self._exchange = exchange
        self._routing_key = routing_key
        self._base = base.rstrip("/")
        self._links = links or Links()

    def __repr__(self) -> str:
        return f"PagerDutyNotifier({self._base})"

    async def send(self, delivery: Delivery) -> Receipt:
        news = delivery.kind in _NEWS
        path = "/v2/change/enqueue" if news else "/v2/enqueue"
        document = self._change(delivery) if news else self._event(delivery)
        answer = await self._exchange.post(self._base + path, msgspec.json.encode(document))
        refused = refusal(answer, self._exchange.now())
        if refused is not None:
            raise refused
        return self._accepted(answer)

    async def close(self) -> None:
        await self._exchange.close()

    def _accepted(self, answer: Answer) -> Receipt:
        document = answer.document()
        if document.get("status") != "success":
            raise garbage(answer)
        key = document.get("dedup_key")
        return Receipt(id=key if isinstance(key, str) else "", status_code=answer.status)

    def _event(self, delivery: Delivery) -> dict[str, Any]:
        document: dict[str, Any] = {
            "routing_key": self._routing_key,
            "event_action": action(delivery),
            "dedup_key": dedup_key(delivery.group),
        }
        if document["event_action"] != "trigger":
            return document
        document |= {"payload": self._payload(delivery), "links": self._hrefs(delivery), "client": "Fleawatch"}
        document["payload"] |= {"severity": _SEVERITIES[delivery.severity], "group": clean(delivery.group)}
        page = self._links.agent(delivery.agent_id)
        if page:
            document["client_url"] = page
        return document

    def _change(self, delivery: Delivery) -> dict[str, Any]:
        return {"routing_key": self._routing_key, "payload": self._payload(delivery), "links": self._hrefs(delivery)}

    def _payload(self, delivery: Delivery) -> dict[str, Any]:
        told = entries(delivery, self._links)
        details: dict[str, str] = {
            f"alert {number}": cut("\n".join((f"{entry.mark} {entry.summary}", *entry.details)), _LONGEST_DETAIL)
            for number, entry in enumerate(told[:MOST_DETAILS], 1)
        }
        if len(told) > MOST_DETAILS:
            details["more alerts"] = str(len(told) - MOST_DETAILS)
        if delivery.text:
            details["text"] = cut(text(delivery), _LONGEST_DETAIL)
        return {
            "summary": cut(title(delivery), LONGEST_SUMMARY),
            "source": f"fleawatch/{delivery.agent_id}" if delivery.agent_id else "fleawatch",
            "timestamp": iso(delivery.at),
            "custom_details": {**details, "reason": clean(delivery.reason), "delivery": clean(delivery.key)},
        }

    def _hrefs(self, delivery: Delivery) -> list[dict[str, str]]:
        names = dict.fromkeys(note.alert for note in delivery.alerts)
        found = [(self._links.runbook(name), f"Runbook {name}") for name in names]
        found.append((self._links.agent(delivery.agent_id), "Fleawatch"))
        return [{"href": href, "text": said} for href, said in found if href]


def action(delivery: Delivery) -> EventAction:
    """What happens to the incident: it is resolved when every alert ended, acknowledged when every one was."""
    if delivery.kind == "resolved" and all(note.ended_at is not None for note in delivery.alerts):
        return "resolve"
    firing = [note for note in delivery.alerts if note.ended_at is None]
    if firing and delivery.kind != "escalation" and all(note.acknowledged_by for note in firing):
        return "acknowledge"
    return "trigger"


def dedup_key(group: str) -> str:
    """The incident's key: the group, or its digest when it is longer than PagerDuty takes."""
    return group if len(group) <= LONGEST_KEY else hashlib.sha256(group.encode()).hexdigest()
