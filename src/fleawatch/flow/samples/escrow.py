"""Open escrows by the agent's part in them, the money in them, and when the next one runs out."""

from __future__ import annotations

from collections.abc import Iterator

from fleawatch.catalog import escrow as words
from fleawatch.catalog.labels import ROLE
from fleawatch.flow.samples.shape import Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.state import Escrow

_OPEN = frozenset({"funded", "completed"})


def _in_view(view: AgentView) -> bool:
    """Whether escrows are known: read by a collector, or reported by an agent that nobody reads."""
    agent = view.agent
    return view.shows("escrow") and (bool(agent.escrows) or "escrow" in view.usable or agent.self_reported)


def _open(view: AgentView) -> Iterator[Escrow]:
    return (held for held in view.agent.escrows.values() if held.status in _OPEN)


def count(view: AgentView) -> list[Value]:
    """Open escrows by role."""
    if not _in_view(view):
        return [None, None]
    found = dict.fromkeys(ROLE.values, 0)
    for held in _open(view):
        found[held.role] += 1
    return list(found.values())


def locked(view: AgentView) -> list[Value]:
    """USD in open escrows by role, as the service states it, or as the ledger does until the service has."""
    if not _in_view(view):
        return [None, None]
    found = dict.fromkeys(ROLE.values, 0.0)
    for held in _open(view):
        found[held.role] += held.amount or held.locked
    return list(found.values())


def at_risk(view: AgentView) -> tuple[Value]:
    """USD of the agent's own in disputed escrows."""
    if not _in_view(view):
        return (None,)
    total = 0.0
    for held in view.agent.escrows.values():
        if held.status == "disputed":
            total += held.impaired
    return (total,)


def next_expiry(view: AgentView) -> tuple[Value]:
    """Unix time of the soonest expiry of an open escrow; None while none is open."""
    if not view.agent.escrows or not _in_view(view):
        return (None,)
    return (min((held.expires_at for held in _open(view) if held.expires_at is not None), default=None),)


READERS = (
    fixed(words.OPEN, count),
    fixed(words.LOCKED, locked),
    fixed(words.AT_RISK, at_risk),
    fixed(words.NEXT_EXPIRY, next_expiry),
)
