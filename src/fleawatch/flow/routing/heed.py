"""What people and channels say: silences, acknowledgements, refusals. Halts are counted for the summaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fleawatch.events import AlertAcknowledged, Delivered, Event, HaltOrdered, Silenced, SilenceEnded
from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.state import ENDED, Silence

MOST_SILENCES: Final = 1_000
"""Silences in force or to come; one more is refused, because hearing too much is safer than hearing nothing."""


def heed(run: Run) -> None:
    """Take in what a fact says about routing."""
    handler = HANDLERS.get(type(run.event))
    if handler is not None:
        handler(run, run.event)


def _silenced(run: Run, event: Silenced) -> None:
    """A silence begins, or one of that id is changed."""
    silences = run.routing.silences
    full = len(silences) >= MOST_SILENCES and event.silence_id not in silences
    reason = "silence_of_nothing" if not event.matchers else "too_many_silences" if full else ""
    if reason:
        run.fleet.ignored[reason] = run.fleet.ignored.get(reason, 0) + 1
        return
    silences[event.silence_id] = Silence(
        silence_id=event.silence_id,
        matchers=dict(event.matchers),
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        author=event.author,
        comment=event.comment,
    )


def _silence_ended(run: Run, event: SilenceEnded) -> None:
    run.routing.silences.pop(event.silence_id, None)


def _acknowledged(run: Run, event: AlertAcknowledged) -> None:
    """Somebody took an alert: it is not repeated or escalated until it gets worse or fires anew."""
    firing = run.routing.alerts.get(event.fingerprint)
    if firing is None or firing.ended_at is not None:
        run.fleet.ignored["alert_not_firing"] = run.fleet.ignored.get("alert_not_firing", 0) + 1
        return
    firing.acknowledged_by = event.actor


def _delivered(run: Run, event: Delivered) -> None:
    """A channel refused a notification for good: if it is of a page that still fires, the others are told."""
    if event.status != "failed":
        return
    page = run.routing.pages.get(event.delivery_id.partition(":")[0])
    told = page.told.get(event.channel) if page is not None else None
    if page is not None and told is not None and any(known not in ("", ENDED) for known in told.alerts.values()):
        page.refused_by = event.channel


def _halted(run: Run, _: HaltOrdered) -> None:
    for period in run.periods():
        period.halts += 1


HANDLERS: Final[dict[type[Event], Callable[[Run, Any], None]]] = {
    Silenced: _silenced,
    SilenceEnded: _silence_ended,
    AlertAcknowledged: _acknowledged,
    Delivered: _delivered,
    HaltOrdered: _halted,
}
