"""What goes by the clock: heartbeats of the watchdog, canaries, digests and summaries. Each is sent once, if late too."""

from __future__ import annotations

from fleawatch.flow.routing import digest
from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.settings import MONDAY, WATCHDOG, WEEK
from fleawatch.flow.routing.state import Period
from fleawatch.flow.routing.summary import summary
from fleawatch.units import DAY, iso


def by_clock(run: Run) -> None:
    """Send what is due now."""
    _heartbeats(run)
    rules = run.rules
    due = _due(run, "canary", rules.canary_s, 0.0)
    if due is not None:
        for channel in run.channels:
            run.broadcast(
                channel,
                kind="canary",
                group="canary",
                due=due,
                title="Test of this channel",
                reason="scheduled",
                text=f"Nothing is wrong: this shows that notifications arrive. Sent at {iso(run.now)}.",
            )
    due = _due(run, "digest", DAY, rules.digest_at_s)
    if due is not None:
        for channel in run.channels:
            digest.send(run, channel, due)
    _summary(run, "daily", _due(run, "daily", _if(DAY, rules.daily_at_s), rules.daily_at_s or 0.0))
    _summary(run, "weekly", _due(run, "weekly", _if(WEEK, rules.weekly_at_s), MONDAY + (rules.weekly_at_s or 0.0)))


def _heartbeats(run: Run) -> None:
    """A watchdog that fires is heard of at once and then regularly; that it is silent is the alarm."""
    watchdogs = [one for one in run.routing.alerts.values() if not one.page and one.ended_at is None]
    if not watchdogs:
        run.routing.due.pop("watchdog", None)
        return
    due = _due(run, "watchdog", run.rules.watchdog_s, 0.0)
    if due is None:
        return
    for channel in run.rules.receivers:
        run.broadcast(
            channel,
            kind="watchdog",
            group=WATCHDOG,
            due=due,
            title=watchdogs[0].summary,
            reason="heartbeat",
            severity="none",
            notes=tuple(firing.note() for firing in watchdogs),
        )


def _summary(run: Run, name: str, due: float | None) -> None:
    if due is None:
        return
    period = run.routing.periods.pop(name, Period())
    for channel in run.channels:
        if channel.summaries:
            run.broadcast(
                channel,
                kind="summary",
                group=f"summary-{name}",
                due=due,
                title=f"{name.capitalize()} summary of the fleet",
                reason="scheduled",
                text=summary(run.fleet, name, period, run.now),
            )


def _due(run: Run, name: str, every: float | None, offset: float) -> float | None:
    """When the notification that is sent now was due, or None. What was missed is sent once, not once for each time."""
    due = run.routing.due
    if every is None:
        due.pop(name, None)
        return None
    coming = run.now - (run.now - offset) % every + every
    planned = due.get(name)
    if planned is None or run.now < planned:
        due[name] = coming if planned is None else min(planned, coming)
        return None
    due[name] = coming
    return planned


def _if(every: float, at: float | None) -> float | None:
    return None if at is None else every
