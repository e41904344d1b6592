"""How much a channel is told: what is more waits, is counted, and comes as one digest once there is room. Nothing is dropped."""

from __future__ import annotations

from fleawatch.flow.routing.decide import Decision, highest, stand
from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.settings import Channel
from fleawatch.flow.routing.state import ENDED, Firing, Told
from fleawatch.flow.routing.titles import agent_of


def has_room(run: Run, channel: Channel) -> bool:
    """Whether a channel may be told of one more thing now."""
    rules, sent = run.rules, run.book(channel).sent
    return len(sent) < rules.throttle_most or run.now - sent[-rules.throttle_most] >= rules.throttle_s


def withholds(run: Run, channel: Channel, told: Told, decision: Decision) -> bool:
    """Whether a decision has to wait; says so once for each alert. What came first is told first."""
    book = run.book(channel)
    if not decision.limited or channel.counts_incidents or not (book.waiting or not has_room(run, channel)):
        return False
    book.waiting = True
    for firing in decision.alerts:
        if firing.fingerprint not in told.withheld:
            told.withheld[firing.fingerprint] = None
            run.suppress(firing, "throttled", (channel,))
    return True


def release(run: Run, channel: Channel) -> None:
    """Tell a channel of everything that was withheld from it, in one digest, if there is room now."""
    book = run.book(channel)
    if not book.waiting or not has_room(run, channel):
        return
    book.waiting = False
    alerts: list[Firing] = []
    for page in run.routing.pages.values():
        told = page.told.get(channel.name)
        if told is None or not told.withheld:
            continue
        standing = stand(run, page, channel, told)
        for firing in (*standing.fresh, *standing.live):
            if firing.fingerprint in told.withheld and not firing.muted:
                told.alerts[firing.fingerprint] = ENDED if firing.ended_at is not None else firing.severity
                alerts.append(firing)
        told.withheld.clear()
        told.sent_at = run.now
    if alerts:
        _send(run, channel, alerts)


def _send(run: Run, channel: Channel, alerts: list[Firing]) -> None:
    book = run.book(channel)
    book.sent.append(run.now)
    del book.sent[: -run.rules.throttle_most]
    run.broadcast(
        channel,
        kind="digest",
        group=f"overflow-{channel.name}",
        due=run.now,
        title=f"{len(alerts)} alerts that waited because there were too many",
        reason="throttle_over",
        severity=highest(alerts),
        notes=tuple(firing.note() for firing in alerts),
        agent_id=agent_of(alerts),
    )
