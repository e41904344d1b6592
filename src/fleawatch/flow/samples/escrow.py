"""Open escrows by the agent's part in them, the money in them, and when the next one runs out."""

from __future__ import annotations

from fleawatch.catalog import escrow as words
from fleawatch.flow.samples.shape import Value, fixed
from fleawatch.flow.samples.view import AgentView

# Rows are in the order of the label's values: creator, then counterparty.


def _in_view(view: AgentView) -> bool:
    """Whether escrows are known: read by a collector, or reported by an agent that nobody reads.

    The service lists none, so which there are is known only as well as the ledger that names them.
    """
    agent = view.agent
    if not agent.self_reported and "casino" not in view.usable:
        return False
    return view.shows("escrow") and (bool(agent.escrows) or "escrow" in view.usable or agent.self_reported)


def count(view: AgentView) -> list[Value]:
    """Open escrows by role."""
    if not _in_view(view):
        return [None, None]
    as_creator = 0
    for held in view.open_escrows:
        as_creator += held.role == "creator"
    return [as_creator, len(view.open_escrows) - as_creator]


def locked(view: AgentView) -> list[Value]:
    """USD in open escrows by role, as the service states it, or as the ledger does until the service has."""
    if not _in_view(view):
        return [None, None]
    as_creator = as_counterparty = 0.0
    for held in view.open_escrows:
        if held.role == "creator":
            as_creator += held.amount or held.locked
        else:
            as_counterparty += held.amount
    return [as_creator, as_counterparty]


def at_risk(view: AgentView) -> tuple[Value]:
    """USD of the agent's own in disputed escrows."""
    if not _in_view(view):
        return (None,)
    total = view.agent.impaired_before
    for held in view.agent.escrows.values():
        if held.status == "disputed":
            total += held.impaired
    return (total,)


def next_expiry(view: AgentView) -> tuple[Value]:
    """Unix time of the soonest expiry of an open escrow; None while none is open."""
    if not view.open_escrows or not _in_view(view):
        return (None,)
    ends = [held.expires_at for held in view.open_escrows if held.expires_at is not None]
    return (min(ends, default=None),)


READERS = (
    fixed(words.OPEN, count),
    fixed(words.LOCKED, locked),
    fixed(words.AT_RISK, at_risk),
    fixed(words.NEXT_EXPIRY, next_expiry),
)
