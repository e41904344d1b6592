"""Escrows: money locked but still owned, its release as expense and income, its refund, its loss of worth in a dispute.

The creator's ledger says when money was locked and when it came back; the escrow service says everything else. Either
may be seen first, so each side is booked once whatever the order. What happens between two agents of the fleet is in
`transit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.catalog.declare import AMOUNT, HOLDING
from fleawatch.events import (
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowFailed,
    EscrowRefunded,
    EscrowReleased,
    Event,
    LedgerEntry,
)
from fleawatch.flow.fold.equity import ignore, known_since, remember, reported_move, settle
from fleawatch.flow.fold.transit import creator_named, creator_paid, fleet_worker, worker_was_paid
from fleawatch.flow.state import AgentState, Escrow, EscrowStatus, FleetState, Happening

ENDED_KEPT: Final = 128
"""How many ended escrows are remembered by id, so that a late fact does not open them again."""
DISPUTED_KEPT: Final = 16
"""Disputes never end on this platform: the newest are kept one by one, of those before them only the money."""

_SAME: Final = 1e-9
_OUTCOME: Final[dict[EscrowStatus, str]] = {"released": "settled", "refunded": "timeout"}


def locked_in(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row locked money: it left the balance and is still the creator's."""
    held = _hold(agent, row.reference or f"row:{row.position}", -amount)
    creator_named(fleet, agent, held.escrow_id, row.seen_at)
    held.lock_seen = True
    held.created_at = held.created_at or row.at
    if held.status == "released":
        _gain(agent, amount)
        creator_paid(fleet, agent, held, -amount, row.seen_at)
        _forget(fleet, agent, held)
    elif held.status == "disputed":
        held.impaired = -amount
        _impair(agent, -amount)
    else:
        held.locked = -amount
    _value(agent)


def locked_back(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row brought locked money back after the time ran out; what is missing is the commission."""
    held = agent.escrows.get(row.reference or "")
    if held is None:
        _gain(agent, amount)
        return
    _restore(agent, held)
    _gain(agent, amount - held.locked)
    held.locked = 0.0
    held.returned = True
    _forget(fleet, agent, held)
    _value(agent)


def locked_undone(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row undid a lock: the escrow was never created."""
    escrow_id = row.reference or ""
    held = agent.escrows.pop(escrow_id, None)
    fleet.creators.pop(escrow_id, None)
    _gain(agent, amount - (held.locked if held else 0.0))
    _value(agent)
    if not escrow_id or remember(agent.ended_escrows, escrow_id, ENDED_KEPT):
        _count_failed(agent, amount)


def worker_paid(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row paid a worker: income. Its creator may be in the fleet and not yet know."""
    _gain(agent, amount)
    escrow_id = row.reference or ""
    if agent.escrows.pop(escrow_id, None) is not None:
        remember(agent.ended_escrows, escrow_id, ENDED_KEPT)
    worker_was_paid(fleet, agent, escrow_id, amount, row.seen_at)


def created(fleet: FleetState, agent: AgentState, event: EscrowCreated, at: float) -> None:
    """The escrow service knows it: expiry, commission, parties. The agent may be either of them."""
    if event.escrow_id in agent.ended_escrows:
        ignore(fleet, "escrow_ended_before")
        return
    if _is_worker(fleet, agent, event):
        agent.escrows.setdefault(event.escrow_id, _as_worker(event))
        return
    held = _hold(agent, event.escrow_id, float(event.amount_usd))
    if held.announced:
        return
    held.announced = True
    if agent.self_reported:
        known_since(agent, "escrow", event.at)
    held.amount = float(event.amount_usd)
    held.commission = float(event.commission_usd)
    held.counterparty = event.counterparty
    held.created_at = event.at
    held.expires_at = event.expires_at
    creator_named(fleet, agent, event.escrow_id, event.seen_at)
    agent.tallies.add("pf_escrow_initiated_total", ())
    agent.tallies.add("pf_escrow_initiated_usdc_total", (), held.amount)
    agent.tallies.add("pf_escrow_transitions_total", ("created",))
    agent.tallies.observe("pf_escrow_amount_usdc", ("created",), AMOUNT, held.amount)
    worker = fleet_worker(fleet, agent, event.counterparty)
    if worker is not None and event.escrow_id not in worker.paid_escrows and event.escrow_id not in worker.escrows:
        worker.escrows[event.escrow_id] = _as_worker(event)
    if agent.self_reported and not held.lock_seen:
        _lock_reported(agent, held, event.at)
        settle(fleet, agent, at)


def completed(fleet: FleetState, agent: AgentState, event: EscrowCompleted, _: float) -> None:
    """The worker says it is done; the money is still locked."""
    if event.escrow_id in agent.ended_escrows:
        return
    held = _hold(agent, event.escrow_id, 0.0)
    if held.status == "completed":
        ignore(fleet, "escrow_completed_again")
        return
    if held.status == "funded":
        held.status = "completed"
    other = _other(fleet, agent, held)
    if other is not None and other.status == "funded":
        other.status = "completed"
    agent.tallies.add("pf_escrow_transitions_total", ("completed",))
    agent.tallies.observe("pf_escrow_amount_usdc", ("completed",), AMOUNT, held.amount)


def released(fleet: FleetState, agent: AgentState, event: EscrowReleased, at: float) -> None:
    """The creator paid: an expense of the whole amount, the worker's income less the commission."""
    net, commission = float(event.net_usd), float(event.commission_usd)
    held = _ending(fleet, agent, event.escrow_id, net + commission)
    if held is None:
        return
    held.commission = commission
    _end(fleet, agent, held, event, "released", at)
    if held.role == "counterparty":
        return
    if held.lock_seen:
        spent = held.locked or held.impaired
        _gain(agent, -held.locked)
        held.locked = 0.0
        creator_paid(fleet, agent, held, spent, event.seen_at)
    worker = fleet_worker(fleet, agent, held.counterparty)
    if worker is not None:
        worker.escrows.pop(event.escrow_id, None)
        if worker.self_reported:
            _gain(worker, net)
    _forget(fleet, agent, held)
    _value(agent)
    settle(fleet, agent, at)


def refunded(fleet: FleetState, agent: AgentState, event: EscrowRefunded, at: float) -> None:
    """Time ran out: the commission is lost, the rest is on its way back or there already."""
    refund, commission = float(event.refund_usd), float(event.commission_usd)
    held = _ending(fleet, agent, event.escrow_id, refund + commission)
    if held is None:
        return
    held.commission = commission
    _end(fleet, agent, held, event, "refunded", at)
    if held.role == "counterparty":
        return
    worker = fleet_worker(fleet, agent, held.counterparty)
    if worker is not None:
        worker.escrows.pop(event.escrow_id, None)
    if held.lock_seen and not held.returned:
        _restore(agent, held)
        _gain(agent, refund - held.locked)
        held.locked = refund
        if agent.self_reported:
            reported_move(agent, event.at, refund)
    _forget(fleet, agent, held)
    _value(agent)
    settle(fleet, agent, at)


def disputed(fleet: FleetState, agent: AgentState, event: EscrowDisputed, at: float) -> None:
    """A dispute: the money has left the equity until it comes back, and is shown as at risk.

    It is the creator's money: where that agent is read, the word of its worker moves and counts nothing.
    """
    held = _ending(fleet, agent, event.escrow_id, 0.0)
    if held is None or held.status == "disputed":
        return
    creator = fleet_worker(fleet, agent, held.counterparty) if held.role == "counterparty" else None
    if creator is not None and not creator.self_reported:
        ignore(fleet, "creator_is_read")
        return
    held.status = "disputed"
    other = _other(fleet, agent, held)
    if other is not None:
        other.status = "disputed"
    agent.tallies.add("pf_escrow_transitions_total", ("disputed",))
    agent.tallies.add("pf_escrow_settled_total", ("disputed",))
    held.counted = True
    _tell(fleet, agent, held, at, "disputed")
    held.impaired, held.locked = held.locked, 0.0
    _impair(agent, held.impaired)
    _bound_disputes(fleet, agent)
    _value(agent)
    settle(fleet, agent, at)


def failed(fleet: FleetState, agent: AgentState, event: EscrowFailed, _: float) -> None:
    """An escrow could not be created; nothing was locked, or its undoing is a ledger row. One that is unknown is neither."""
    if event.unknown:
        ignore(fleet, "escrow_unknown")
        return
    if event.escrow_id and not remember(agent.ended_escrows, event.escrow_id, ENDED_KEPT):
        ignore(fleet, "escrow_ended_before")
        return
    _count_failed(agent, float(event.amount_usd))


def _count_failed(agent: AgentState, amount: float) -> None:
    agent.tallies.add("pf_escrow_transitions_total", ("failed",))
    agent.tallies.add("pf_escrow_settled_total", ("failed",))
    agent.tallies.observe("pf_escrow_amount_usdc", ("failed",), AMOUNT, amount)


def _hold(agent: AgentState, escrow_id: str, amount: float) -> Escrow:
    held = agent.escrows.get(escrow_id)
    if held is None:
        held = agent.escrows[escrow_id] = Escrow(escrow_id=escrow_id, role="creator", amount=amount)
    return held


def _ending(fleet: FleetState, agent: AgentState, escrow_id: str, amount: float) -> Escrow | None:
    """The escrow that a fact ends, or None when it ended before."""
    held = agent.escrows.get(escrow_id)
    if escrow_id in agent.ended_escrows or (held is not None and held.status in _OUTCOME):
        ignore(fleet, "escrow_ended_before")
        return None
    return held or _hold(agent, escrow_id, amount)


def _is_worker(fleet: FleetState, agent: AgentState, event: EscrowCreated) -> bool:
    own = agent.profile.platform_ids.get("casino")
    if own is not None:
        return event.counterparty == own
    return fleet.by_platform_id.get(event.creator, agent.agent_id) != agent.agent_id


def _as_worker(event: EscrowCreated) -> Escrow:
    return Escrow(
        escrow_id=event.escrow_id,
        role="counterparty",
        amount=float(event.amount_usd),
        counterparty=event.creator,
        created_at=event.at,
        expires_at=event.expires_at,
        announced=True,
    )


def _lock_reported(agent: AgentState, held: Escrow, happened: float) -> None:
    """An agent without a read ledger locked money: out of its balance, unless that shows it already."""
    held.lock_seen = True
    held.locked = held.amount
    reported_move(agent, happened, -held.amount)
    _value(agent)


def _end(fleet: FleetState, agent: AgentState, held: Escrow, event: Event, status: EscrowStatus, at: float) -> None:
    """Count an end once; what a worker has no part in is the creator's alone."""
    held.status = status
    outcome = _OUTCOME[status]
    agent.tallies.add("pf_escrow_transitions_total", (status,))
    if held.role == "counterparty":
        agent.escrows.pop(held.escrow_id, None)
        remember(agent.ended_escrows, held.escrow_id, ENDED_KEPT)
        return
    agent.tallies.add("pf_escrow_fees_usdc_total", (), held.commission or 0.0)
    if held.created_at:
        held_s = max(0.0, event.at - held.created_at)
        agent.tallies.observe("pf_escrow_hold_duration_seconds", (outcome,), HOLDING, held_s)
    if not held.counted:
        agent.tallies.add("pf_escrow_settled_total", (outcome,))
        held.counted = True
    _tell(fleet, agent, held, at, outcome)


def _tell(fleet: FleetState, agent: AgentState, held: Escrow, at: float, outcome: str) -> None:
    fleet.happened.append(
        Happening(
            what="escrow_ended",
            agent_id=agent.agent_id,
            at=at,
            amount=held.amount,
            subject=held.escrow_id,
            reason=outcome,
            fields={"escrow_id": held.escrow_id},
        )
    )


def _other(fleet: FleetState, agent: AgentState, held: Escrow) -> Escrow | None:
    """The other party's view of an escrow, when it is in the fleet."""
    other = fleet_worker(fleet, agent, held.counterparty)
    return other.escrows.get(held.escrow_id) if other is not None else None


def _forget(fleet: FleetState, agent: AgentState, held: Escrow) -> None:
    """Drop an escrow that has ended and whose money has moved on both surfaces."""
    moved = held.lock_seen and abs(held.locked) < _SAME and (held.status != "refunded" or held.returned)
    if held.status in _OUTCOME and held.counted and (moved or agent.self_reported):
        agent.escrows.pop(held.escrow_id, None)
        fleet.creators.pop(held.escrow_id, None)
        remember(agent.ended_escrows, held.escrow_id, ENDED_KEPT)


def _bound_disputes(fleet: FleetState, agent: AgentState) -> None:
    lost = [held.escrow_id for held in agent.escrows.values() if held.status == "disputed"]
    for escrow_id in lost[:-DISPUTED_KEPT]:
        agent.impaired_before += agent.escrows.pop(escrow_id).impaired
        fleet.creators.pop(escrow_id, None)
        ignore(fleet, "dispute_forgotten")


def _value(agent: AgentState) -> None:
    """Value the locked part; not where no balance is known beside which it would pass for the whole equity."""
    if agent.self_reported and agent.casino.read_balance is None:
        return
    agent.parts["escrow"] = sum((held.locked for held in agent.escrows.values()), 0.0)


def _gain(agent: AgentState, amount: float) -> None:
    agent.income["escrow"] = agent.income.get("escrow", 0.0) + amount


def _impair(agent: AgentState, amount: float) -> None:
    """A dispute takes money out of the equity; a negative amount brings it back."""
    agent.income["escrow_impairment"] = agent.income.get("escrow_impairment", 0.0) - amount


def _restore(agent: AgentState, held: Escrow) -> None:
    """Money of a dispute returns: its impairment is reversed before anything else is booked."""
    if held.impaired:
        _impair(agent, -held.impaired)
        held.locked, held.impaired = held.impaired, 0.0


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    EscrowCreated: created,
    EscrowCompleted: completed,
    EscrowReleased: released,
    EscrowRefunded: refunded,
    EscrowDisputed: disputed,
    EscrowFailed: failed,
}
