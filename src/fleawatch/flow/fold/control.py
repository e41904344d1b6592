"""What guards and people decided, as it stands: gate, lease, limits in force, halts, notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.catalog.declare import LATENCY
from fleawatch.events import (
    Delivered,
    Event,
    GateChanged,
    HaltAcknowledged,
    HaltConfirmed,
    HaltDelivered,
    HaltOrdered,
    LeaseGranted,
    LimitsInForce,
    Resumed,
)
from fleawatch.flow.state import AgentState, FleetState, Halt


def limits(_: FleetState, agent: AgentState, event: LimitsInForce) -> None:
    """The limits an agent says it enforces."""
    agent.control.limits = dict(event.limits)
    agent.control.epoch = max(agent.control.epoch, event.epoch)


def lease(_: FleetState, agent: AgentState, event: LeaseGranted) -> None:
    """A lease to trade."""
    agent.control.lease_until = event.expires_at
    agent.control.epoch = event.epoch


def gate(_: FleetState, agent: AgentState, event: GateChanged) -> None:
    """A gate moved."""
    agent.control.gate = event.after
    agent.control.gate_reason = event.reason


def ordered(_: FleetState, agent: AgentState, event: HaltOrdered) -> None:
    """A halt was ordered: from here its life is measured."""
    agent.control.halt = Halt(
        halt_id=event.halt_id, mode=event.mode, reason=event.reason, actor=event.actor, ordered_at=event.at
    )


def step(_: FleetState, agent: AgentState, event: HaltDelivered | HaltAcknowledged | HaltConfirmed) -> None:
    """A halt came one step further, measured from its order; each step counts once."""
    halt = agent.control.halt
    if halt is None or halt.halt_id != event.halt_id:
        return
    name = _STEPS[type(event)]
    if name in halt.steps:
        return
    halt.steps[name] = event.at
    agent.tallies.observe("pf_halt_step_duration_seconds", (name,), LATENCY, max(0.0, event.at - halt.ordered_at))
    if isinstance(event, HaltConfirmed) and event.last_order_at is not None:
        since = max(0.0, event.last_order_at - halt.ordered_at)
        agent.tallies.observe("pf_halt_step_duration_seconds", ("last_order",), LATENCY, since)


def resumed(_: FleetState, agent: AgentState, event: Resumed) -> None:
    """An explicit act ended a halt."""
    if agent.control.halt is not None and agent.control.halt.halt_id == event.halt_id:
        agent.control.halt = None


def delivered(fleet: FleetState, _: AgentState, event: Delivered) -> None:
    """A notification was delivered, or not."""
    fleet.tallies.add("pf_alert_notifications_total", (event.channel, event.status))


_STEPS: Final = {HaltDelivered: "delivered", HaltAcknowledged: "acknowledged", HaltConfirmed: "confirmed"}

HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    LimitsInForce: limits,
    LeaseGranted: lease,
    GateChanged: gate,
    HaltOrdered: ordered,
    HaltDelivered: step,
    HaltAcknowledged: step,
    HaltConfirmed: step,
    Resumed: resumed,
    Delivered: delivered,
}
