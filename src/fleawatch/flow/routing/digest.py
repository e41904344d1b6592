"""The daily digest: what is worth knowing and not worth a message, collected for each channel."""

from __future__ import annotations

from typing import Final

from fleawatch.flow.outputs import AlertNote
from fleawatch.flow.routing.run import RANK, Run
from fleawatch.flow.routing.settings import Channel
from fleawatch.flow.routing.state import Page

MOST: Final = 500
"""Alerts that one digest tells one by one; more are counted."""


def collect(run: Run, page: Page) -> None:
    """Put the alerts of a page that a channel hears of once a day into its next digest."""
    collecting = [channel for channel in run.channels if channel.digest]
    for fingerprint in page.members if collecting else ():
        firing = run.routing.alerts[fingerprint]
        left_out = False
        for channel in collecting:
            book = run.book(channel)
            known = fingerprint in book.digest
            if not known and (firing.muted or not run.collects(channel, firing)):
                continue
            if known or len(book.digest) < MOST:
                book.digest[fingerprint] = firing.note()
            else:
                left_out = True
                book.beyond += not firing.left_out
        firing.left_out = left_out


def send(run: Run, channel: Channel, due: float) -> None:
    """Send a channel its digest, unless there is nothing in it. What still fires is in the next one as well."""
    book = run.book(channel)
    notes = tuple(note for note in book.digest.values() if not _muted(run, note))
    if not notes:
        return
    run.broadcast(
        channel,
        kind="digest",
        group=f"digest-{channel.name}",
        due=due,
        title=f"Digest: {len(notes) + book.beyond} alerts",
        reason="scheduled",
        severity=max((note.severity for note in notes), key=RANK.__getitem__),
        notes=notes,
        text=f"and {book.beyond} more" if book.beyond else "",
    )
    book.digest = {key: note for key, note in book.digest.items() if note.ended_at is None and _fires(run, note)}
    if book.beyond:
        book.beyond = 0
        for firing in run.routing.alerts.values():
            firing.left_out = False


def _muted(run: Run, note: AlertNote) -> bool:
    firing = run.routing.alerts.get(note.fingerprint)
    return firing is not None and bool(firing.muted)


def _fires(run: Run, note: AlertNote) -> bool:
    firing = run.routing.alerts.get(note.fingerprint)
    return firing is not None and firing.ended_at is None
