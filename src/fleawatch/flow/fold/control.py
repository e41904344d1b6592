"""What guards and people decided, as it stands: gate, lease, limits wanted and in force, halts and probes, notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.catalog.declare import LATENCY
from fleawatch.catalog.labels import CHANNEL
from fleawatch.events import (
    Delivered,
    Event,
    GateChanged,
    HaltAcknowledged,
    HaltConfirmed,
    HaltDelivered,
    HaltOrdered,
    HaltOverdue,
    HaltProbed,
    LeaseGranted,
    LimitsDeclared,
    LimitsInForce,
    Resumed,
    RulesDeclared,
)
from fleawatch.flow.halting import obey
from fleawatch.flow.limitbook import book_of
from fleawatch.flow.state import AgentState, FleetState, Happening
from fleawatch.flow.words import word


def limits(_: FleetState, agent: AgentState, event: LimitsInForce, __: float) -> None:
    """The limits an agent says it enforces."""
    agent.control.limits, agent.control.limits_at = dict(event.limits), event.at
    agent.control.epoch = max(agent.control.epoch or 0, event.epoch)


def declared(_: FleetState, agent: AgentState, event: LimitsDeclared, __: float) -> None:
    """The limits the operator wants: what the agent is to enforce, and by what the fold itself counts (`fold.limits`)."""
    agent.control.declared, agent.control.declared_at = dict(event.limits), event.at


def probed(_: FleetState, agent: AgentState, event: HaltProbed, __: float) -> None:
    """The halt path was tried; the newest probe counts."""
    control = agent.control
    if event.at >= control.probe_at:
        control.probe_ok, control.probe_at = event.ok, event.at


def lease(_: FleetState, agent: AgentState, event: LeaseGranted, __: float) -> None:
    """A lease to trade."""
    agent.control.lease_until = event.expires_at
    agent.control.epoch = max(agent.control.epoch or 0, event.epoch)


def gate(_: FleetState, agent: AgentState, event: GateChanged, __: float) -> None:
    """A gate moved."""
    agent.control.gate = event.after
    agent.control.gate_reason = event.reason


def step(_: FleetState, agent: AgentState, event: HaltDelivered | HaltAcknowledged | HaltConfirmed, __: float) -> None:
    """A halt came one step further, measured from its order; each step counts once."""
    halt = agent.control.halt
    if halt is None or halt.halt_id != event.halt_id:
        return
    name = _STEPS[type(event)]
    if isinstance(event, HaltDelivered):
        halt.reached.setdefault(event.path, event.at)
    if name in halt.steps:
        return
    halt.steps[name] = event.at
    agent.tallies.observe("pf_halt_step_duration_seconds", (name,), LATENCY, max(0.0, event.at - halt.ordered_at))
    if isinstance(event, HaltConfirmed) and event.last_order_at is not None:
        since = max(0.0, event.last_order_at - halt.ordered_at)
        agent.tallies.observe("pf_halt_step_duration_seconds", ("last_order",), LATENCY, since)


def overdue(fleet: FleetState, agent: AgentState, event: HaltOverdue, at: float) -> None:
    """A halt was not confirmed in time; said once a halt."""
    halt = agent.control.halt
    if halt is None or halt.halt_id != event.halt_id or halt.overdue_at is not None:
        return
    halt.overdue_at = event.at
    fleet.happened.append(
        Happening(what="halt_overdue", agent_id=agent.agent_id, at=at, subject=event.step, reason=halt.reason)
    )


def delivered(fleet: FleetState, event: Delivered) -> None:
    """A notification was delivered, or not. One that nobody tries again is news."""
    fleet.tallies.add("pf_alert_notifications_total", (word(fleet, CHANNEL, event.channel), event.status))
    if event.status == "failed":
        what = Happening(
            what="notification_failed",
            agent_id=event.agent_id,
            at=event.at,
            reason=event.reason,
            fields={"channel": event.channel},
        )
        fleet.happened.append(what)


def rules(fleet: FleetState, event: RulesDeclared) -> None:
    """Other rules are in force, and with them the limits that the fold itself counts by."""
    fleet.rules, fleet.limits = event, book_of(event)


_STEPS: Final = {HaltDelivered: "delivered", HaltAcknowledged: "acknowledged", HaltConfirmed: "confirmed"}

HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    LimitsInForce: limits,
    LimitsDeclared: declared,
    HaltProbed: probed,
    LeaseGranted: lease,
    GateChanged: gate,
    HaltDelivered: step,
    HaltAcknowledged: step,
    HaltConfirmed: step,
    HaltOverdue: overdue,
}
FLEET_HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    HaltOrdered: obey.ordered,
    Resumed: obey.resumed,
    Delivered: delivered,
    RulesDeclared: rules,
}
