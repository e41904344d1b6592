"""Take in the changes of alerts: keep what fires, and put each alert on a page. Nothing is sent here."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Literal

from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.routing.cause import cause_of, lasts
from fleawatch.flow.routing.run import RANK, Run
from fleawatch.flow.routing.state import ENDED, Firing, Page

_HALTS: Final = "halt"


def admit(run: Run, change: AlertChange) -> None:
    """Take in one change. Annotations, and ends of what never fired, are nothing to route."""
    declared = run.declared(change.alert)
    if declared is not None and declared.kind == "annotation":
        return
    known = run.routing.alerts.get(change.fingerprint)
    if change.change == "resolved":
        if known is not None and known.ended_at is None:
            known.ended_at = run.now
            known.value = change.value
        return
    if known is None:
        _first(run, change, "by_severity" if declared is None else declared.channels)
    elif known.ended_at is not None:
        _again(run, known, change)
    else:
        _changed(run, known, change)


def _first(run: Run, change: AlertChange, reach: Literal["by_severity", "every", "another"]) -> None:
    firing = Firing(
        alert=change.alert,
        fingerprint=change.fingerprint,
        severity=change.severity,
        labels={**change.labels, "alertname": change.alert},
        summary=change.summary,
        description=change.description,
        started_at=change.started_at,
        fired_at=run.now,
        reach=reach,
        action=change.action,
        value=change.value,
    )
    if change.agent_id:
        firing.labels["agent_id"] = change.agent_id
    _count(run, firing)
    _hurry(run, firing)
    run.routing.alerts[change.fingerprint] = firing
    if firing.severity == "none":
        run.routing.due["watchdog"] = run.now
    else:
        _place(run, firing, change.key)


def _again(run: Run, firing: Firing, change: AlertChange) -> None:
    """It fires anew before everybody heard of its end: whoever did not goes on as if it had never ended."""
    firing.ended_at = None
    firing.started_at, firing.fired_at = change.started_at, run.now
    firing.acknowledged_by = ""
    firing.escalated = False
    firing.raised_at = None
    _count(run, firing)
    _tell_apart(firing, change)
    _hurry(run, firing)
    page = run.routing.pages.get(firing.page)
    known = False
    for told in page.told.values() if page is not None else ():
        if told.alerts.get(firing.fingerprint) == ENDED:
            del told.alerts[firing.fingerprint]
        known = known or told.alerts.get(firing.fingerprint) == "critical"
    firing.paged_at = run.now if known else None
    if page is not None and firing.urgent:
        page.ready_at = min(page.ready_at, run.now)


def _changed(run: Run, firing: Firing, change: AlertChange) -> None:
    """Its severity, or only its words, changed while it fires."""
    before = RANK[firing.severity]
    _tell_apart(firing, change)
    if RANK[firing.severity] > before:
        firing.acknowledged_by = ""
        firing.escalated = False
        firing.paged_at = None
        firing.hasty = True
        firing.worsened = firing.worsened or firing.severity == "critical"
        if firing.severity == "critical":
            firing.raised_at = run.now
        if not firing.page:
            _place(run, firing, change.key)
        page = run.routing.pages[firing.page]
        page.ready_at = min(page.ready_at, run.now)
    elif RANK[firing.severity] < before:
        firing.raised_at = None
        firing.worsened = False


def _tell_apart(firing: Firing, change: AlertChange) -> None:
    firing.severity, firing.value, firing.action = change.severity, change.value, change.action
    firing.summary, firing.description = change.summary, change.description


def _count(run: Run, firing: Firing) -> None:
    for period in run.periods():
        period.fired[firing.severity] = period.fired.get(firing.severity, 0) + 1


def _hurry(run: Run, firing: Firing) -> None:
    """A halt waits for nobody; nor does a critical alert that follows a warning of its agent and family."""
    firing.worsened = firing.severity == "critical" and _follows_a_warning(run, firing)
    firing.urgent = firing.worsened or firing.action == _HALTS


def _follows_a_warning(run: Run, firing: Firing) -> bool:
    family, agent_id = firing.labels.get("pf_family"), firing.agent_id
    return bool(family and agent_id) and any(
        one.severity == "warning" and one.ended_at is None and one.labels.get("pf_family") == family
        for one in run.routing.alerts.values()
        if one.agent_id == agent_id
    )


def _place(run: Run, firing: Firing, key: str) -> None:
    """Put it on the page of its cause, or begin one."""
    routing, cause = run.routing, cause_of(firing.alert, firing.labels)
    page = routing.pages.get(routing.gathering.get(cause, ""))
    if page is None or not _joins(run, page, firing):
        page = Page(
            page_id=sha256(f"{cause}|{key}".encode()).hexdigest()[:16],
            cause=cause,
            lasting=lasts(firing.labels),
            joined_at=run.now,
            ready_at=run.now + run.rules.group_wait_s,
        )
        routing.pages[page.page_id] = page
        routing.gathering[cause] = page.page_id
    page.members[firing.fingerprint] = None
    page.joined_at = run.now
    firing.page = page.page_id
    if firing.urgent:
        page.ready_at = min(page.ready_at, run.now)


def _joins(run: Run, page: Page, firing: Firing) -> bool:
    if page.lasting or run.now - page.joined_at <= run.rules.storm_s:
        return True
    return any(run.routing.alerts[one].agent_id == firing.agent_id for one in page.members)
