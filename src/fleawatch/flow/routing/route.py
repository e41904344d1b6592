"""The stages of routing, in order.

    heed -> admit -> mute (silence, maintenance, inhibit) -> decide, throttle -> escalate -> by the clock -> forget

Time is the newest Tick, or that of the fact that changed something. A Tick looks at everything; a change of an alert
looks at the alerts of its agent and their pages, because nothing else can have become due by it.
"""

from __future__ import annotations

from fleawatch.events import Event, Silenced, SilenceEnded, Tick
from fleawatch.flow.outputs import AlertChange, Delivery, Notice
from fleawatch.flow.policy import Policy
from fleawatch.flow.routing.admit import admit
from fleawatch.flow.routing.escalate import escalate
from fleawatch.flow.routing.flush import flush
from fleawatch.flow.routing.forget import forget
from fleawatch.flow.routing.heed import HANDLERS, heed
from fleawatch.flow.routing.mute import mute
from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.schedule import by_clock
from fleawatch.flow.routing.state import Firing, Page
from fleawatch.flow.routing.throttle import release
from fleawatch.flow.state import FleetState

_OF_ALL = (Tick, Silenced, SilenceEnded)


def route(
    state: FleetState, event: Event, changes: tuple[AlertChange, ...], policy: Policy
) -> tuple[FleetState, tuple[Delivery | Notice, ...]]:
    """Decide who hears of the changes, and of what has become due.

    Args:
        state: its part `routing` is changed in place.
        event: the fact that was folded.
        changes: what it changed.
        policy: the rules in force; one without alerts and channels sends nothing by the clock.

    Returns:
        The state; deliveries, and notices of alerts that are not sent, each with a named reason. The keys of
        deliveries are the same whenever the same facts are folded, and never the same twice.
    """
    if not changes and type(event) is not Tick and type(event) not in HANDLERS:
        return state, ()
    run = Run(state, event, policy)
    heed(run)
    for change in changes:
        admit(run, change)
    alerts = _concerned(run, changes)
    pages = _due_pages(run, changes, mute(run, alerts) if alerts else set())
    ticked = type(event) is Tick
    if ticked:
        for channel in run.channels:
            release(run, channel)
    for page in pages:
        flush(run, page)
        escalate(run, page)
    if ticked and (policy.alerts or run.rules.channels):
        by_clock(run)
    forget(run, pages, everything=ticked)
    return state, tuple(run.outputs)


def _concerned(run: Run, changes: tuple[AlertChange, ...]) -> list[Firing]:
    """Alerts that may be muted or heard anew: all of an agent or none."""
    alerts = run.routing.alerts
    if type(run.event) in _OF_ALL:
        return list(alerts.values())
    agents = {change.agent_id for change in changes} - {""}
    changed = {change.fingerprint for change in changes}
    return [one for one in alerts.values() if one.fingerprint in changed or one.agent_id in agents]


def _due_pages(run: Run, changes: tuple[AlertChange, ...], muted: set[str]) -> list[Page]:
    """Pages of which something may be sent."""
    pages, alerts = run.routing.pages, run.routing.alerts
    if type(run.event) in _OF_ALL:
        return list(pages.values())
    names = {alerts[change.fingerprint].page for change in changes if change.fingerprint in alerts} | muted
    return [page for name, page in pages.items() if name in names or page.refused_by]
