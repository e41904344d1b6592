"""Open escrows by the agent's part in them, the money in them, and when the next one runs out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

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


def escrows(view: AgentView) -> Sequence[Value]:
    """Of open escrows the number and the USD in them by role, USD at risk, and when the soonest one expires.

    The money is what the service states, or the ledger until the service has. At risk is the agent's own money in
    disputed escrows. The expiry is unix time, None while none is open.
    """
    if not _in_view(view):
        return _NOTHING
    agent = view.agent
    if not agent.escrows:
        return (0, 0, 0.0, 0.0, agent.impaired_before, None)
    as_creator = as_counterparty = 0
    paid = awaited = 0.0
    at_risk = agent.impaired_before
    soonest: float | None = None
    for held in agent.escrows.values():
        if held.status in _OPEN:
            if held.role == "creator":
                as_creator += 1
                paid += held.amount or held.locked
            else:
                as_counterparty += 1
                awaited += held.amount
            if held.expires_at is not None and (soonest is None or held.expires_at < soonest):
                soonest = held.expires_at
        elif held.status == "disputed":
            at_risk += held.impaired
    return (as_creator, as_counterparty, paid, awaited, at_risk, soonest)


_NOTHING: Final[tuple[Value, ...]] = (None,) * 6
_OPEN: Final = frozenset({"funded", "completed"})

READERS = (fixed(words.OPEN, words.LOCKED, words.AT_RISK, words.NEXT_EXPIRY, read=escrows),)
