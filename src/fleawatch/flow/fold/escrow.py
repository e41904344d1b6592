"""Escrows: money locked but still owned, its release as expense and income, its refund, its loss of worth in a dispute.

The creator's ledger says when money was locked and when it came back; the escrow service says everything else. Either
may be seen first, so each side is booked once whatever the order.
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
from fleawatch.flow.fold.equity import moment, settle
from fleawatch.flow.state import AgentState, Escrow, FleetState, Happening

_ENDED: Final = frozenset({"released", "refunded", "failed"})


def locked_in(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row locked money: it left the balance and is still the creator's."""
    held = _hold(agent, row.reference or "", -amount)
    held.lock_seen = True
    held.created_at = held.created_at or row.at
    if held.status == "released":
        _expense(agent, -amount)
        _forget(agent, held)
    elif held.status == "disputed":
        held.impaired = -amount
        _expense(agent, -amount)
    else:
        held.locked = -amount
    _value(agent)


def locked_back(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row brought locked money back after the time ran out; what is missing is the commission."""
    held = agent.escrows.get(row.reference or "")
    if held is None:
        _gain(agent, amount)
        return
    _gain(agent, amount - held.locked)
    held.locked = held.impaired = 0.0
    held.returned = True
    _forget(agent, held)
    _value(agent)


def locked_undone(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row undid a lock: the escrow was never created."""
    held = agent.escrows.pop(row.reference or "", None)
    _gain(agent, amount - (held.locked if held else 0.0))
    agent.tallies.add("pf_escrow_transitions_total", ("failed",))
    agent.tallies.add("pf_escrow_settled_total", ("failed",))
    _value(agent)


def worker_paid(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    """A ledger row paid a worker: income. Its creator may be in the fleet and not yet know."""
    _gain(agent, amount)
    agent.escrows.pop(row.reference or "", None)
    _pass_on(fleet, row.reference or "", -amount, agent)


def created(fleet: FleetState, agent: AgentState, event: EscrowCreated) -> None:
    """The escrow service knows it: expiry, commission, parties."""
    held = _hold(agent, event.escrow_id, float(event.amount_usd))
    if held.announced:
        return
    held.announced = True
    held.amount = float(event.amount_usd)
    held.commission = float(event.commission_usd)
    held.counterparty = event.counterparty
    held.created_at = event.at
    held.expires_at = event.expires_at
    agent.tallies.add("pf_escrow_initiated_total", ())
    agent.tallies.add("pf_escrow_initiated_usdc_total", (), held.amount)
    agent.tallies.add("pf_escrow_transitions_total", ("created",))
    agent.tallies.observe("pf_escrow_amount_usdc", ("created",), AMOUNT, held.amount)
    if agent.self_reported:
        held.locked, held.lock_seen = held.amount, True
        _value(agent)
    worker = _worker(fleet, agent, event.counterparty)
    if worker is not None and event.escrow_id not in fleet.in_transit:
        worker.escrows[event.escrow_id] = Escrow(
            escrow_id=event.escrow_id, role="counterparty", amount=held.amount, counterparty=event.creator,
            created_at=event.at, expires_at=event.expires_at, announced=True,
        )  # fmt: skip


def completed(fleet: FleetState, agent: AgentState, event: EscrowCompleted) -> None:
    """The worker says it is done."""
    for held in _both(fleet, agent, event.escrow_id):
        if held.status == "funded":
            held.status = "completed"
    held = _hold(agent, event.escrow_id, 0.0)
    agent.tallies.add("pf_escrow_transitions_total", ("completed",))
    agent.tallies.observe("pf_escrow_amount_usdc", ("completed",), AMOUNT, held.amount)


def released(fleet: FleetState, agent: AgentState, event: EscrowReleased) -> None:
    """The creator paid: an expense of the whole amount, the worker's income less the commission."""
    held = _hold(agent, event.escrow_id, float(event.net_usd) + float(event.commission_usd))
    _end(fleet, agent, held, event, "released", "settled", float(event.commission_usd))
    worker = _worker(fleet, agent, held.counterparty)
    if held.lock_seen:
        _expense(agent, held.locked)
        held.locked = 0.0
    if worker is not None and not worker.self_reported:
        worker.escrows.pop(event.escrow_id, None)
        _pass_on(fleet, event.escrow_id, float(event.net_usd), worker)
    _forget(agent, held)
    _value(agent)
    settle(fleet, agent, moment(fleet, agent, event))


def refunded(fleet: FleetState, agent: AgentState, event: EscrowRefunded) -> None:
    """Time ran out: the commission is lost, the rest is on its way back or there already."""
    held = _hold(agent, event.escrow_id, float(event.refund_usd) + float(event.commission_usd))
    _end(fleet, agent, held, event, "refunded", "timeout", float(event.commission_usd))
    worker = _worker(fleet, agent, held.counterparty)
    if worker is not None:
        worker.escrows.pop(event.escrow_id, None)
    if held.lock_seen and not held.returned:
        _expense(agent, held.locked - float(event.refund_usd))
        held.locked = float(event.refund_usd)
    _forget(agent, held)
    _value(agent)
    settle(fleet, agent, moment(fleet, agent, event))


def disputed(fleet: FleetState, agent: AgentState, event: EscrowDisputed) -> None:
    """A dispute: the money has left the equity until it comes back, and is shown as at risk."""
    held = _hold(agent, event.escrow_id, 0.0)
    if held.status == "disputed":
        return
    for one in _both(fleet, agent, event.escrow_id):
        one.status = "disputed"
    agent.tallies.add("pf_escrow_transitions_total", ("disputed",))
    agent.tallies.add("pf_escrow_settled_total", ("disputed",))
    held.counted = True
    at = moment(fleet, agent, event)
    _tell(fleet, agent, held, at, "disputed")
    _expense(agent, held.locked)
    held.impaired, held.locked = held.locked, 0.0
    _value(agent)
    settle(fleet, agent, at)


def failed(_: FleetState, agent: AgentState, event: EscrowFailed) -> None:
    """An escrow could not be created; nothing was locked, or its undoing is a ledger row."""
    agent.tallies.add("pf_escrow_transitions_total", ("failed",))
    agent.tallies.add("pf_escrow_settled_total", ("failed",))
    agent.tallies.observe("pf_escrow_amount_usdc", ("failed",), AMOUNT, float(event.amount_usd))


def _hold(agent: AgentState, escrow_id: str, amount: float) -> Escrow:
    held = agent.escrows.get(escrow_id)
    if held is None:
        held = agent.escrows[escrow_id] = Escrow(escrow_id=escrow_id, role="creator", amount=amount)
    return held


def _end(
    fleet: FleetState, agent: AgentState, held: Escrow, event: Event, status: str, outcome: str, commission: float
) -> None:  # fmt: skip
    held.status = "released" if status == "released" else "refunded"
    agent.tallies.add("pf_escrow_transitions_total", (status,))
    agent.tallies.add("pf_escrow_fees_usdc_total", (), commission)
    if held.created_at:
        agent.tallies.observe(
            "pf_escrow_hold_duration_seconds", (outcome,), HOLDING, max(0.0, event.at - held.created_at)
        )
    if not held.counted:
        agent.tallies.add("pf_escrow_settled_total", (outcome,))
        held.counted = True
    _tell(fleet, agent, held, event.at, outcome)


def _tell(fleet: FleetState, agent: AgentState, held: Escrow, at: float, outcome: str) -> None:
    fleet.happened.append(
        Happening(
            what="escrow_ended",
            agent_id=agent.agent_id,
            at=at,
            amount=held.amount,
            subject=held.escrow_id,
            reason=outcome,
        )
    )


def _worker(fleet: FleetState, agent: AgentState, platform_id: str) -> AgentState | None:
    name = fleet.by_platform_id.get(platform_id)
    return fleet.agents.get(name) if name and name != agent.agent_id else None


def _both(fleet: FleetState, agent: AgentState, escrow_id: str) -> list[Escrow]:
    held = _hold(agent, escrow_id, 0.0)
    worker = _worker(fleet, agent, held.counterparty)
    other = worker.escrows.get(escrow_id) if worker else None
    return [held, other] if other else [held]


def _pass_on(fleet: FleetState, escrow_id: str, net: float, worker: AgentState) -> None:
    """Keep the fleet's total level while only one side of a payment inside the fleet was seen."""
    if escrow_id in fleet.in_transit:
        del fleet.in_transit[escrow_id]
    elif net > 0 or _creator_in_fleet(fleet, escrow_id, worker):
        fleet.in_transit[escrow_id] = net


def _creator_in_fleet(fleet: FleetState, escrow_id: str, worker: AgentState) -> bool:
    return any(
        (held := agent.escrows.get(escrow_id)) is not None and held.role == "creator"
        for agent in fleet.agents.values()
        if agent is not worker
    )


def _forget(agent: AgentState, held: Escrow) -> None:
    """Drop an escrow that has ended and whose money has moved on both surfaces."""
    money_moved = held.lock_seen and abs(held.locked) < 1e-9 and (held.status != "refunded" or held.returned)
    if held.status in _ENDED and held.counted and (money_moved or agent.self_reported):
        agent.escrows.pop(held.escrow_id, None)


def _value(agent: AgentState) -> None:
    agent.parts["escrow"] = sum(held.locked for held in agent.escrows.values())


def _gain(agent: AgentState, amount: float) -> None:
    agent.income["escrow"] = agent.income.get("escrow", 0.0) + amount


def _expense(agent: AgentState, amount: float) -> None:
    _gain(agent, -amount)


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    EscrowCreated: created,
    EscrowCompleted: completed,
    EscrowReleased: released,
    EscrowRefunded: refunded,
    EscrowDisputed: disputed,
    EscrowFailed: failed,
}
