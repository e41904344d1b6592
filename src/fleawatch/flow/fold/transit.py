"""Escrows between two agents of the fleet: the fleet's equity while only one side of a payment was seen.

A release costs its creator the amount and brings its worker the rest after the commission; each is read from its own
agent, seconds apart. Until the second is seen the fleet's total is corrected by the net amount, so that money which
only changes hands inside the fleet is never a gain or a loss of it.
"""

from __future__ import annotations

from typing import Final

from fleawatch.flow.state import AgentState, Escrow, FleetState

PAID_KEPT: Final = 64
"""Releases that a worker remembers, for creators that learn of theirs later: those of a few readings."""


def fleet_worker(fleet: FleetState, agent: AgentState, platform_id: str) -> AgentState | None:
    """The other agent of the fleet that the platform knows by this id, or None."""
    name = fleet.by_platform_id.get(platform_id)
    return fleet.agents.get(name) if name and name != agent.agent_id else None


def creator_paid(fleet: FleetState, creator: AgentState, held: Escrow) -> None:
    """The creator's equity has lost the amount of a released escrow. Call once an escrow."""
    if _seen_on_both_sides(fleet, held.escrow_id):
        return
    worker = fleet_worker(fleet, creator, held.counterparty)
    if worker is None or worker.self_reported or held.escrow_id in worker.paid_escrows:
        return
    if creator.joined_fleet and worker.joined_fleet:
        fleet.in_transit[held.escrow_id] = held.amount - (held.commission or 0.0)
        fleet.in_transit_to[held.escrow_id] = worker.agent_id


def worker_was_paid(fleet: FleetState, worker: AgentState, escrow_id: str, net: float) -> None:
    """The worker's equity has gained the net amount. Call once an escrow.

    Where the creator's ledger has not shown the lock either, nobody can tell yet that the creator is in the fleet.
    """
    if _seen_on_both_sides(fleet, escrow_id):
        return
    creator = fleet.agents.get(fleet.creators.get(escrow_id, ""))
    if creator is None or creator is worker:
        return
    if creator.joined_fleet and worker.joined_fleet:
        fleet.in_transit[escrow_id] = -net
        fleet.in_transit_to[escrow_id] = creator.agent_id


def party_left(fleet: FleetState, agent_id: str) -> None:
    """An agent left the fleet: what was on its way to it, or owed by it, leaves as a flow."""
    for escrow_id in [key for key, name in fleet.in_transit_to.items() if name == agent_id]:
        del fleet.in_transit_to[escrow_id]
        fleet.flows -= fleet.in_transit.pop(escrow_id)
    for escrow_id in [key for key, name in fleet.creators.items() if name == agent_id]:
        del fleet.creators[escrow_id]


def _seen_on_both_sides(fleet: FleetState, escrow_id: str) -> bool:
    fleet.in_transit_to.pop(escrow_id, None)
    return fleet.in_transit.pop(escrow_id, None) is not None
