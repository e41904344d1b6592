"""Whether the fleet's money is conserved: its agents' books taken as one, and what changes hands between them.

A payment or an escrow with both parties in the fleet cancels but for the platform's fee. What is left over when the
agents' own residuals are added, and the two sides of everything internal are compared, is money that nobody has
explained. docs/reference/definitions.md, "Conservation residual".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from fleawatch.flow.fold.ledger import DOLLARS
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.risk.conservation import joint

BOOKKEEPERS: Final = ("casino", "domains")
"""Services whose money is kept in books, which are named as the collectors that read them."""


UNSETTLED: Final = "a balance differs, and its ledger was not read since"
"""Why a book that was read has no residual."""


class BookResidual(NamedTuple):
    """Unexplained money of one agent at one service, USD; None while it is Unknown, with the reason."""

    agent_id: str
    service: str
    amount: float | None
    reason: str = ""


class FleetResidual(NamedTuple):
    """Unexplained money of the fleet, USD, positive = money appeared; 0.0 on clean books.

    Attributes:
        total: both parts as one; None (Unknown) while either is, and while there is no book.
        books: the agents' own residuals as one.
        between: what the two sides of payments and escrows inside the fleet do not agree on.
        reasons: why it is Unknown, one a part that is; empty when it is known.
    """

    total: float | None
    books: float | None
    between: float | None
    reasons: tuple[str, ...]


def fleet_residual(fleet: FleetState) -> FleetResidual:
    """Unexplained money of the fleet as of its agents' last readings.

    Books in other currencies than the platform's dollar have residuals of their own and are no part of the sum.
    """
    books = list(book_residuals(fleet))
    if not books:
        return FleetResidual(None, None, None, ("no agent has a ledger",))
    sides = list(_sides(fleet))
    unknown = (f"{one.agent_id} {one.service}: {one.reason}" for one in (*books, *sides) if one.amount is None)
    own, between = [one.amount for one in books], [fleet.unmatched, *(one.amount for one in sides)]
    return FleetResidual(joint((*own, *between)), joint(own), joint(between), tuple(unknown))


def book_residuals(fleet: FleetState) -> Iterator[BookResidual]:
    """The residual of every dollar book that an agent of the fleet has, or is to have, by agent."""
    for _, agent in sorted(fleet.agents.items()):
        yield from _books_of(agent)


def _books_of(agent: AgentState) -> Iterator[BookResidual]:
    read = set()
    for key, book in agent.books.items():
        service, _, currency = key.partition(":")
        if currency not in DOLLARS:
            continue
        read.add(service)
        residual = book.conservation.residual()
        reason = "" if residual is not None else UNSETTLED
        yield BookResidual(agent.agent_id, service, residual, reason)
    for service in BOOKKEEPERS:
        if service in agent.profile.collectors and service not in read:
            yield BookResidual(agent.agent_id, service, None, "not read yet")


def _sides(fleet: FleetState) -> Iterator[BookResidual]:
    """Escrows of which one side was seen: Unknown until the other agent was read once more, then unexplained.

    Where the books of that agent do not add up, the missing side is what they lack, and is not counted again.
    """
    for escrow_id, amount in fleet.in_transit.items():
        agent = fleet.agents.get(fleet.in_transit_to[escrow_id])
        if agent is None or agent.self_reported:
            continue
        since = fleet.in_transit_since[escrow_id]
        told = _worker_told(agent, since) if amount > 0 else _creator_told(agent, escrow_id, since)
        if told is None:
            continue
        if not told:
            yield BookResidual(agent.agent_id, "escrow", None, "only one side of a payment inside the fleet was seen")
        elif not any(one.amount for one in _books_of(agent)):
            yield BookResidual(agent.agent_id, "escrow", -amount)


def _worker_told(agent: AgentState, since: float) -> bool:
    """Whether the worker's ledger was read since, so that a payment would be among its rows."""
    return agent.casino.whole_at > since


def _creator_told(agent: AgentState, escrow_id: str, since: float) -> bool | None:
    """Whether the service was asked since how the creator's escrow fares; None where nobody asks it."""
    status = agent.sources.get("escrow")
    if "escrow" not in agent.profile.collectors:
        return None
    held = agent.escrows.get(escrow_id)
    if status is None or status.read_at is None or (held is not None and held.status == "disputed"):
        return False
    return status.read_at - status.duration_s > since
