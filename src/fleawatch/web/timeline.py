"""What happened to an alert or to an agent, moment by moment: began, told, taken, ended; halted, proven, let go.

Made of facts and outputs as they were recorded. What is still to come (a notification that waits) is not a moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

import msgspec

from fleawatch.events import (
    AlertAcknowledged,
    AlertCleared,
    AnyEvent,
    Delivered,
    HaltAcknowledged,
    HaltConfirmed,
    HaltDelivered,
    HaltOrdered,
    HaltOverdue,
    Resumed,
    Silenced,
    SilenceEnded,
)
from fleawatch.flow.outputs import AlertChange, Delivery
from fleawatch.flow.routing.matchers import SEVERITY, like
from fleawatch.flow.state import AgentState
from fleawatch.web.record import Record

Look = Literal["", "bad", "good"]

_CHANGES: Final[dict[str, tuple[str, Look]]] = {
    "fired": ("firing", "bad"),
    "severity_changed": ("severity changed", "bad"),
    "resolved": ("resolved", "good"),
}
_SENT: Final[dict[str, tuple[str, Look]]] = {
    "ok": ("notified", ""),
    "retry": ("not delivered yet", "bad"),
    "failed": ("not delivered", "bad"),
    "suppressed": ("not sent", ""),
}


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        what: in one or two words: `pending`, `firing`, `notified`, `acknowledged`, `resolved`, `halt ordered` ...
        text: the rest, in plain text that may hold what strangers wrote.
        by: the person, rule or channel behind it; empty where there is none.
        alert, fingerprint: the alert it belongs to, empty for none.
    """

    at: float
    what: str
    text: str = ""
    by: str = ""
    look: Look = ""
    alert: str = ""
    fingerprint: str = ""


def alert_moments(record: Record, fingerprint: str) -> list[Moment]:
    """Everything recorded about an alert, oldest first; empty for one of which nothing is."""
    changes = [one for one in reversed(record.changes) if one.fingerprint == fingerprint]
    if not changes:
        return []
    newest = changes[-1]
    # Of one moment: what a person did, what it did to the alert, who was told.
    found = [
        *(moment for fact in record.facts if (moment := _of_hand(fact, {fingerprint: newest.alert})) is not None),
        *_of_changes(changes),
        *_of_deliveries(record, {fingerprint}),
        *(moment for fact in record.facts if (moment := _of_silence(fact, newest, record.facts)) is not None),
        *(
            _ordered(fact)
            for fact in record.facts
            if isinstance(fact, HaltOrdered) and (fact.actor, fact.agent_id) == (newest.alert, newest.agent_id)
        ),
    ]
    return sorted(found, key=lambda one: one.at)


def agent_moments(record: Record, agent: AgentState) -> list[Moment]:
    """Everything recorded about the alerts and the halts of an agent, oldest first."""
    changes = [one for one in reversed(record.changes) if one.agent_id == agent.agent_id]
    names = {one.fingerprint: one.alert for one in changes}
    halts = [fact for fact in record.facts if isinstance(fact, HaltOrdered) and _holds(fact, agent)]
    mine = {fact.halt_id: fact for fact in halts}
    found = [
        *(moment for fact in record.facts if (moment := _of_hand(fact, names)) is not None),
        *_of_changes(changes),
        *_of_deliveries(record, set(names)),
        *map(_ordered, halts),
        *(moment for fact in record.facts if (moment := _of_halt(fact, agent.agent_id, mine)) is not None),
    ]
    return sorted(found, key=lambda one: one.at)


def _of_changes(changes: Iterable[AlertChange]) -> Iterator[Moment]:
    for one in changes:
        if one.change == "fired" and one.started_at < one.at:
            yield _of_alert(one, one.started_at, "pending", "its condition first held")
        what, look = _CHANGES[one.change]
        text = one.reason.replace("_", " ") if one.change == "resolved" else f"{one.severity}: {one.summary}"
        yield _of_alert(one, one.at, what, text, look=look)


def _of_alert(one: AlertChange, at: float, what: str, text: str = "", by: str = "", look: Look = "") -> Moment:
    return Moment(at=at, what=what, text=text, by=by, look=look, alert=one.alert, fingerprint=one.fingerprint)


def _of_deliveries(record: Record, wanted: set[str]) -> Iterator[Moment]:
    """How the notifications of some alerts ended, as far as they have."""
    about = {
        one.key: one for one in record.deliveries if any(note.fingerprint in wanted for note in one.alerts)
    }  # fmt: skip
    for fact in record.facts:
        if isinstance(fact, Delivered) and (sent := about.get(fact.delivery_id)) is not None:
            what, look = _SENT[fact.status]
            notes = [note for note in sent.alerts if note.fingerprint in wanted]
            alone = notes[0] if len(notes) == 1 else None
            yield Moment(
                at=fact.at, what=what, text=_receipt(fact, sent), by=fact.channel, look=look,
                alert=alone.alert if alone else f"{len(notes)} alerts", fingerprint=alone.fingerprint if alone else "",
            )  # fmt: skip


def _receipt(fact: Delivered, sent: Delivery) -> str:
    parts: list[str] = [sent.kind]
    if fact.reason:
        parts.append(fact.reason.replace("_", " "))
    if fact.status_code is not None:
        parts.append(f"answer {fact.status_code}")
    if fact.receipt:
        parts.append(f"receipt {fact.receipt}")
    return ", ".join(parts)


def _of_hand(fact: AnyEvent, names: Mapping[str, str]) -> Moment | None:
    """What a person did about one of these alerts."""
    match fact:
        case AlertAcknowledged() if fact.fingerprint in names:
            what, text = "acknowledged", fact.note
        case AlertCleared() if fact.fingerprint in names:
            what, text = "cleared by hand", fact.reason
        case _:
            return None
    name = names[fact.fingerprint]
    return Moment(at=fact.at, what=what, text=text, by=fact.actor, alert=name, fingerprint=fact.fingerprint)


def _of_silence(fact: AnyEvent, alert: AlertChange, facts: Iterable[AnyEvent]) -> Moment | None:
    """A silence that covers the alert, or the end of one."""
    if isinstance(fact, Silenced) and _covers(fact, alert):
        return _of_alert(alert, fact.starts_at, "silenced", fact.comment, fact.author)
    if isinstance(fact, SilenceEnded) and any(
        isinstance(one, Silenced) and one.silence_id == fact.silence_id and _covers(one, alert) for one in facts
    ):
        return _of_alert(alert, fact.at, "silence ended", by=fact.actor)
    return None


def _covers(silence: Silenced, alert: AlertChange) -> bool:
    labels = {**alert.labels, SEVERITY: alert.severity}
    return bool(silence.matchers) and all(like(want, labels.get(key, "")) for key, want in silence.matchers.items())


def _holds(order: HaltOrdered, agent: AgentState) -> bool:
    match order.scope:
        case "agent":
            return order.agent_id == agent.agent_id
        case "strategy":
            return order.target == agent.profile.strategy
        case "fleet":
            return True


def _ordered(fact: HaltOrdered) -> Moment:
    whom = "" if fact.scope == "agent" else f" of the {fact.scope} {fact.target}".rstrip()
    text = f"{fact.mode.replace('_', ' ')}{whom}: {fact.reason}" + (f", {fact.note}" if fact.note else "")
    return Moment(at=fact.at, what="halt ordered", text=text, by=fact.actor, look="bad")


def _of_halt(fact: AnyEvent, agent_id: str, mine: Mapping[str, HaltOrdered]) -> Moment | None:
    """A step of a halt of the agent, or its end."""
    if fact.agent_id not in (agent_id, ""):
        return None
    by, what, text = "", "", ""
    look: Look = ""
    match fact:
        case HaltDelivered():
            what, text = "halt delivered", f"by the path {fact.path}"
        case HaltAcknowledged():
            what, text = "halt acknowledged", "the agent says that it stopped"
        case HaltConfirmed():
            last = "no order since" if fact.last_order_at is None else "no order after the last one seen"
            what, text, look = "halt confirmed", f"the platform shows {last}", "good"
        case HaltOverdue():
            text = f"after {fact.age_s:.0f} s it had come to: {fact.step}; {fact.orders} orders were seen"
            what, look = "halt not confirmed", "bad"
        case Resumed() if fact.agent_id or fact.halt_id in mine:
            what, text, by, look = "resumed", _resume(fact), fact.actor, "good"
    return Moment(at=fact.at, what=what, text=text, by=by, look=look) if what else None


def _resume(fact: Resumed) -> str:
    more = ", with a new baseline" if fact.rebase else ""
    if fact.ramp_notional_usd is not None:
        more += f", orders capped at {fact.ramp_notional_usd} USD for {fact.ramp_s:.0f} s"
    return fact.reason + more
