"""Money between two agents of the fleet: its equity while one side was seen, and whether both sides agree.

A release costs its creator the amount and brings its worker the rest after the commission; each is read from its own
agent, seconds apart. Until the second is seen the fleet's total is corrected by the net amount, so that money which
only changes hands inside the fleet is never a gain or a loss of it. A worker may even be paid before anybody has read
that the payer is in the fleet: then the payment waits until every ledger that could name it has been read once more.
Where the two sides differ, money appeared or vanished between the agents, which neither's own books can show.
"""

from __future__ import annotations

import math
from typing import Final

from fleawatch.events import LedgerEntry
from fleawatch.flow.fold.equity import remember
from fleawatch.flow.state import AgentState, Escrow, FleetState, Happening
from fleawatch.risk.conservation import DIGITS, TOLERANCE

PAID_KEPT: Final = 64
"""Releases that a worker remembers, for creators that learn of theirs later: those of a few readings."""
PAIRED_KEPT: Final = 256
"""Payments of which one side is remembered: those of a few readings; the other side may be nobody's of the fleet."""
TOGETHER_S: Final = 2.0
"""Seconds by which the two rows of one payment differ at most."""

_NOBODY_YET: Final = ""


def fleet_worker(fleet: FleetState, agent: AgentState, platform_id: str) -> AgentState | None:
    """The other agent of the fleet that the platform knows by this id, or None."""
    name = fleet.by_platform_id.get(platform_id)
    return fleet.agents.get(name) if name and name != agent.agent_id else None


def creator_paid(fleet: FleetState, creator: AgentState, held: Escrow, spent: float, seen_at: float) -> None:
    """The creator's equity has lost `spent` USD to a released escrow. Call once an escrow."""
    net = spent - (held.commission or 0.0)
    if _other_side(fleet, creator, held.escrow_id, net, seen_at):
        return
    worker = fleet_worker(fleet, creator, held.counterparty)
    if worker is None or worker.self_reported or held.escrow_id in worker.paid_escrows:
        return
    if creator.joined_fleet and worker.joined_fleet:
        _wait(fleet, held.escrow_id, net, worker.agent_id, seen_at)


def worker_was_paid(fleet: FleetState, worker: AgentState, escrow_id: str, net: float, seen_at: float) -> None:
    """The worker's equity has gained `net` USD by a release; `paid_escrows` holds it from now on."""
    if not escrow_id:
        return
    if not remember(worker.paid_escrows, escrow_id, PAID_KEPT):
        _paid_again(fleet, worker, escrow_id, net, seen_at)
        return
    if _other_side(fleet, worker, escrow_id, -net, seen_at) or not worker.joined_fleet:
        return
    creator = fleet.agents.get(fleet.creators.get(escrow_id, _NOBODY_YET))
    if creator is None:
        if any(_may_name(agent) for agent in fleet.agents.values() if agent is not worker):
            _wait(fleet, escrow_id, -net, _NOBODY_YET, seen_at)
    elif creator is not worker and creator.joined_fleet:
        _wait(fleet, escrow_id, -net, creator.agent_id, seen_at)


def creator_named(fleet: FleetState, creator: AgentState, escrow_id: str, seen_at: float) -> None:
    """An agent of the fleet funds this escrow. If its worker was paid before anybody knew, it is known now by whom."""
    fleet.creators[escrow_id] = creator.agent_id
    if fleet.in_transit_to.get(escrow_id) != _NOBODY_YET:
        return
    if creator.joined_fleet:
        fleet.in_transit_to[escrow_id] = creator.agent_id
        fleet.in_transit_since[escrow_id] = seen_at
    else:
        _arrived(fleet, escrow_id)


def strangers_paid(fleet: FleetState) -> None:
    """Payments that no ledger of the fleet has named, though all were read since, came from outside: income."""
    waiting = [escrow_id for escrow_id, name in fleet.in_transit_to.items() if name == _NOBODY_YET]
    if not waiting:
        return
    whole_at = min((agent.casino.whole_at for agent in fleet.agents.values() if _may_name(agent)), default=math.inf)
    for escrow_id in waiting:
        if fleet.in_transit_since[escrow_id] < whole_at:
            _arrived(fleet, escrow_id)


def payment(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float) -> None:
    """One side of a payment whose row carries a reference; `amount` is signed.

    Both sides are written at once, so rows with one reference and opposite signs belong together only if they happened
    together: a reference may also be the name of whoever is at the other end. Without one nobody can tell a payment
    inside the fleet from two with strangers. It still cancels: it is a flow out of one agent and into the other.
    """
    reference = row.reference
    if not reference or reference in fleet.by_platform_id:
        return
    name, other, at = fleet.paired.pop(reference, (agent.agent_id, 0.0, row.at))
    if name != agent.agent_id and other * amount < 0 and abs(row.at - at) <= TOGETHER_S:
        _disagree(fleet, agent, other + amount, row.seen_at, "payment")
        return
    fleet.paired[reference] = (agent.agent_id, amount, row.at)
    if len(fleet.paired) > PAIRED_KEPT:
        del fleet.paired[next(iter(fleet.paired))]


def party_left(fleet: FleetState, agent_id: str) -> None:
    """An agent left the fleet: what was on its way to it, or owed by it, leaves as a flow."""
    for escrow_id in [key for key, name in fleet.in_transit_to.items() if name == agent_id]:
        fleet.flows -= _arrived(fleet, escrow_id)
    for escrow_id in [key for key, name in fleet.creators.items() if name == agent_id]:
        del fleet.creators[escrow_id]
    for reference in [key for key, (name, *_) in fleet.paired.items() if name == agent_id]:
        del fleet.paired[reference]


def _wait(fleet: FleetState, escrow_id: str, amount: float, whose: str, seen_at: float) -> None:
    fleet.in_transit[escrow_id] = amount
    fleet.in_transit_to[escrow_id] = whose
    fleet.in_transit_since[escrow_id] = seen_at


def _arrived(fleet: FleetState, escrow_id: str) -> float:
    del fleet.in_transit_to[escrow_id]
    del fleet.in_transit_since[escrow_id]
    return fleet.in_transit.pop(escrow_id)


def _other_side(fleet: FleetState, agent: AgentState, escrow_id: str, amount: float, seen_at: float) -> bool:
    """Whether this was the second side of an escrow to be seen; both must be the same money."""
    if escrow_id not in fleet.in_transit:
        return False
    _disagree(fleet, agent, -(_arrived(fleet, escrow_id) + amount), seen_at, "escrow")
    return True


def _paid_again(fleet: FleetState, worker: AgentState, escrow_id: str, net: float, seen_at: float) -> None:
    """A second payment of one escrow. Inside the fleet nobody has paid it."""
    others = (agent for agent in fleet.agents.values() if agent is not worker)
    if escrow_id in fleet.creators or any(escrow_id in agent.ended_escrows for agent in others):
        _disagree(fleet, worker, net, seen_at, "escrow")


def _disagree(fleet: FleetState, agent: AgentState, gap: float, at: float, subject: str) -> None:
    """Book what two sides do not agree on, if it is more than rounding, and tell of it."""
    if abs(gap) <= TOLERANCE:
        return
    gap = round(gap, DIGITS)
    fleet.unmatched += gap
    fleet.happened.append(
        Happening(what="unexplained_money", agent_id=agent.agent_id, at=at, amount=gap, subject=subject)
    )


def _may_name(agent: AgentState) -> bool:
    """Whether the agent's ledger is read, and may yet name an escrow that it has funded."""
    return agent.joined_fleet and not agent.self_reported and "casino" not in agent.unknown
