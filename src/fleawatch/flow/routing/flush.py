"""Carry out what was decided for each page and channel, and remember what the channel knows from then on."""

from __future__ import annotations

from fleawatch.flow.routing.decide import Decision, decide
from fleawatch.flow.routing.digest import collect
from fleawatch.flow.routing.run import RANK, Run
from fleawatch.flow.routing.settings import Channel
from fleawatch.flow.routing.state import ENDED, Page, Told
from fleawatch.flow.routing.throttle import withholds
from fleawatch.flow.routing.titles import agent_of, title

_MOST_DECISIONS = 3
"""An alert and its end may follow in one pass; nothing follows these."""


def flush(run: Run, page: Page) -> None:
    """Tell every channel what it is to hear of a page now."""
    for channel in run.channels:
        told = page.told.get(channel.name) or Told()
        _settle(run, channel, told)
        for _ in range(_MOST_DECISIONS):
            decision = decide(run, page, channel, told)
            if decision.kind is None or withholds(run, channel, told, decision):
                break
            _send(run, page, channel, told, decision)
        if told.sequence or told.withheld:
            page.told[channel.name] = told
    collect(run, page)
    for fingerprint in page.members:
        run.routing.alerts[fingerprint].hasty = False


def _settle(run: Run, channel: Channel, told: Told) -> None:
    """Follow what nobody is told of: a severity that fell, and ends for a channel that wants none."""
    for fingerprint, known in told.alerts.items():
        firing = run.routing.alerts.get(fingerprint)
        if firing is None or known == ENDED:
            continue
        if firing.ended_at is not None and not channel.send_resolved:
            told.alerts[fingerprint] = ENDED
        elif RANK[firing.severity] < RANK[known]:
            told.alerts[fingerprint] = firing.severity


def _send(run: Run, page: Page, channel: Channel, told: Told, decision: Decision) -> None:
    alerts, kind = decision.alerts, decision.kind
    if kind is None:
        return
    page.told[channel.name] = told
    run.tell(
        page,
        channel,
        kind=kind,
        reason=decision.reason,
        title=title(kind, alerts),
        notes=tuple(firing.note() for firing in alerts),
        agent_id=agent_of(alerts),
    )
    # The end of a page is a message of its own, even if all of it was over before anybody heard of it.
    whole_end = kind == "resolved" or any(firing.ended_at is None for firing in alerts)
    for firing in alerts:
        told.withheld.pop(firing.fingerprint, None)
        told.alerts[firing.fingerprint] = ENDED if firing.ended_at is not None and whole_end else firing.severity
        if firing.severity == "critical" and firing.paged_at is None:
            firing.paged_at = run.now
