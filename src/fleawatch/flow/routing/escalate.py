"""A critical alert that nobody took goes to every channel; so does one whose channel refused it for good. Once each."""

from __future__ import annotations

from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.state import Firing, Page
from fleawatch.flow.routing.titles import agent_of, title


def escalate(run: Run, page: Page) -> None:
    """Tell every channel of what is overdue on a page."""
    reason = "channel_refused" if page.refused_by else "not_acknowledged"
    members = [run.routing.alerts[fingerprint] for fingerprint in page.members]
    overdue = [firing for firing in members if _open(firing) and (page.refused_by or _overdue(run, firing))]
    page.refused_by = ""
    if not overdue:
        return
    for channel in run.channels:
        alerts = [firing for firing in overdue if run.reaches(channel, firing)]
        if not alerts:
            continue
        told = run.tell(
            page,
            channel,
            kind="escalation",
            reason=reason,
            title=title("escalation", alerts),
            notes=tuple(firing.note() for firing in alerts),
            agent_id=agent_of(alerts),
        )
        for firing in alerts:
            told.alerts[firing.fingerprint] = firing.severity
            told.withheld.pop(firing.fingerprint, None)
    for firing in overdue:
        firing.escalated = True


def _open(firing: Firing) -> bool:
    """Whether it fires, people were told, and nobody took it or held it back."""
    return (
        firing.severity == "critical"
        and firing.ended_at is None
        and firing.paged_at is not None
        and not (firing.muted or firing.acknowledged_by or firing.escalated)
    )


def _overdue(run: Run, firing: Firing) -> bool:
    wait = run.rules.escalate_after_s
    return wait is not None and firing.paged_at is not None and run.now - firing.paged_at >= wait
