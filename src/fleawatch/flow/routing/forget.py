"""Forget what has ended and was told, so that the state holds what fires and no more."""

from __future__ import annotations

from collections.abc import Iterable

from fleawatch.flow.routing.decide import stand
from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.state import Page, Told


def forget(run: Run, pages: Iterable[Page], *, everything: bool) -> None:
    """Forget ended alerts of these pages, and with `everything` what else is over."""
    for page in pages:
        _ended(run, page)
    if not everything:
        return
    routing = run.routing
    for name in [name for name, silence in routing.silences.items() if silence.ends_at <= run.now]:
        del routing.silences[name]
    for fingerprint in [key for key, one in routing.alerts.items() if not one.page and one.ended_at is not None]:
        del routing.alerts[fingerprint]
    names = {channel.name for channel in run.channels}
    for name in [name for name in routing.channels if name not in names]:
        del routing.channels[name]


def _ended(run: Run, page: Page) -> None:
    alerts = run.routing.alerts
    if all(alerts[fingerprint].ended_at is None for fingerprint in page.members):
        return
    awaited = _awaited(run, page)
    for fingerprint in [one for one in page.members if alerts[one].ended_at is not None and one not in awaited]:
        del alerts[fingerprint], page.members[fingerprint]
        for told in page.told.values():
            told.alerts.pop(fingerprint, None)
            told.withheld.pop(fingerprint, None)
    if not page.members:
        del run.routing.pages[page.page_id]
        if run.routing.gathering.get(page.cause) == page.page_id:
            del run.routing.gathering[page.cause]


def _awaited(run: Run, page: Page) -> set[str]:
    """Alerts of which some channel has still to hear."""
    found: set[str] = set()
    for channel in run.channels:
        standing = stand(run, page, channel, page.told.get(channel.name) or Told())
        found.update(firing.fingerprint for firing in (*standing.fresh, *standing.over))
    return found
