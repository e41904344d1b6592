"""What one channel is to hear of one page now, and the name of the reason. Decides; sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from fleawatch.catalog.spec import Severity
from fleawatch.flow.routing.run import RANK, Kind, Run
from fleawatch.flow.routing.settings import Channel
from fleawatch.flow.routing.state import ENDED, Firing, Page, Told

Reason = Literal[
    "first", "severity_raised", "new_alerts", "some_resolved", "all_resolved", "repeat_elapsed", "nothing_new"
]


class Decision(NamedTuple):
    """What to send and why.

    Attributes:
        kind: None to send nothing.
        alerts: those it tells of, in the order in which they came to the page.
        limited: whether it has to wait when the channel has had too many.
    """

    reason: Reason
    kind: Kind | None = None
    alerts: tuple[Firing, ...] = ()
    limited: bool = False


NOTHING: Final = Decision("nothing_new")


class Standing(NamedTuple):
    """The alerts of a page as one channel has them.

    Attributes:
        fresh: not told of yet, ended ones among them.
        worse: told of with a lower severity.
        live: told of, still firing.
        over: told of, ended meanwhile.
    """

    fresh: list[Firing]
    worse: list[Firing]
    live: list[Firing]
    over: list[Firing]


def stand(run: Run, page: Page, channel: Channel, told: Told) -> Standing:
    """Sort the alerts of a page by what a channel knows of them."""
    standing = Standing([], [], [], [])
    for fingerprint in page.members:
        firing = run.routing.alerts[fingerprint]
        known = told.alerts.get(fingerprint)
        if known == ENDED:
            continue
        heard = not firing.muted and run.wants(channel, firing)
        if known is None:
            if heard:
                standing.fresh.append(firing)
        elif firing.ended_at is not None:
            standing.over.append(firing)
        else:
            standing.live.append(firing)
            if heard and RANK[firing.severity] > RANK[known]:
                standing.worse.append(firing)
    return standing


def decide(run: Run, page: Page, channel: Channel, told: Told) -> Decision:
    """What this channel is to hear of this page now."""
    fresh, worse, live, over = stand(run, page, channel, told)
    if worse:
        return _alert("severity_raised", worse, fresh, live, over)
    if fresh and _due(run, page, told, fresh):
        return _alert("first" if told.sent_at is None else "new_alerts", fresh, (), live, over)
    if over and not live:
        return Decision("all_resolved", "resolved", tuple(over))
    if over and _since(run, told) >= run.rules.group_interval_s:
        return Decision("some_resolved", "alert", _told_again(run, channel, live, over))
    return _repeat(run, channel, told, live)


def _alert(reason: Reason, news: list[Firing], *others: list[Firing] | tuple[()]) -> Decision:
    known = {firing.fingerprint for firing in news}
    rest = (firing for some in others for firing in some if firing.fingerprint not in known)
    heard = (firing for firing in rest if firing.ended_at is not None or not firing.muted)
    return Decision(reason, "alert", (*news, *heard), limited=highest(news) != "critical")


def _told_again(run: Run, channel: Channel, live: list[Firing], over: list[Firing]) -> tuple[Firing, ...]:
    return (*over, *(firing for firing in live if not firing.muted and run.wants(channel, firing)))


def _due(run: Run, page: Page, told: Told, fresh: list[Firing]) -> bool:
    """Whether somebody has waited long enough: for the page to fill, or for the next news of a page that was sent."""
    if any(firing.hasty for firing in fresh):
        return True
    if told.sent_at is None:
        return run.now >= page.ready_at
    rules, since = run.rules, _since(run, told)
    waits = (
        rules.group_wait_s if one.urgent else rules.storm_s if one.severity == "critical" else rules.group_interval_s
        for one in fresh
    )
    return since >= min(waits)


def _since(run: Run, told: Told) -> float:
    return run.now - told.sent_at if told.sent_at is not None else float("inf")


def _repeat(run: Run, channel: Channel, told: Told, live: list[Firing]) -> Decision:
    """What fires on and nobody took is sent again; what was muted meanwhile is not."""
    open_ones = [
        one for one in live if not one.muted and not one.acknowledged_by and (one.escalated or run.wants(channel, one))
    ]
    if not open_ones or _since(run, told) < run.rules.repeat_s.get(highest(open_ones), float("inf")):
        return NOTHING
    return Decision("repeat_elapsed", "repeat", tuple(open_ones), limited=highest(open_ones) != "critical")


def highest(alerts: Sequence[Firing]) -> Severity:
    """The highest severity among at least one alert."""
    return max((firing.severity for firing in alerts), key=RANK.__getitem__)
