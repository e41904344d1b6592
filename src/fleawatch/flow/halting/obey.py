"""An order to halt, and an order to resume, as they change what an agent may do.

Within a halt an agent can only be closed further: a stricter order replaces a milder one and begins a life of its own,
a milder one changes nothing. Every change raises the epoch. Only a resume that names the halt in force opens again.
"""

from __future__ import annotations

from typing import Final

from fleawatch.events import HaltOrdered, Resumed
from fleawatch.flow.halting.guard import rebased
from fleawatch.flow.state import AgentState, FleetState, Halt, Happening, Ramp, Standing

STRICTNESS: Final = {"freeze_payments": 0, "reduce": 1, "halt": 2, "flatten": 3}
_STATE: Final = {"reduce": "reducing", "halt": "halted", "flatten": "halted"}


def ordered(fleet: FleetState, event: HaltOrdered) -> None:
    """A halt was ordered for an agent, all of a strategy, or the fleet. One for many also holds those who come later."""
    if event.scope != "agent":
        key = _standing_key(event.scope, event.target)
        standing = fleet.standing.get(key)
        if standing is None or _stricter(event.mode, standing.mode):
            fleet.standing[key] = Standing(
                halt_id=event.halt_id,
                mode=event.mode,
                scope=event.scope,
                target=event.target,
                reason=event.reason,
                actor=event.actor,
                ordered_at=event.at,
            )
    for agent in in_scope(fleet, event):
        _hold(fleet, agent, _halt(event), event.at)


def standing_for(fleet: FleetState, agent: AgentState) -> Standing | None:
    """The strictest halt of the fleet or of its strategy that holds an agent who comes later; None where none does."""
    found = [
        standing
        for standing in (
            fleet.standing.get(_standing_key("fleet", "")),
            fleet.standing.get(_standing_key("strategy", agent.profile.strategy)),
        )
        if standing is not None and agent.agent_id not in standing.freed and would_change(agent, standing.mode)
    ]
    return max(found, key=lambda standing: STRICTNESS[standing.mode], default=None)


def resumed(fleet: FleetState, event: Resumed) -> None:
    """An explicit act ended a halt: for the agent it names, or for all whom the halt holds. Any other halt stays."""
    found = fleet.agents.get(event.agent_id)
    if found is None and event.agent_id:
        return
    for key, standing in list(fleet.standing.items()):
        if standing.halt_id == event.halt_id:
            if found is None:
                del fleet.standing[key]
            else:
                standing.freed[found.agent_id] = None
    for agent in [found] if found is not None else list(fleet.agents.values()):
        if agent.control.halt is not None and agent.control.halt.halt_id == event.halt_id:
            _free(fleet, agent, event)


def in_scope(fleet: FleetState, event: HaltOrdered) -> list[AgentState]:
    """The agents whom an order concerns."""
    if event.scope == "agent":
        agent = fleet.agents.get(event.agent_id or event.target)
        return [agent] if agent is not None else []
    agents = list(fleet.agents.values())
    return agents if event.scope == "fleet" else [one for one in agents if one.profile.strategy == event.target]


def would_change(agent: AgentState, mode: str) -> bool:
    """Whether an order of this mode would close the agent further than it is."""
    control = agent.control
    if control.halt is None or _stricter(mode, control.halt.mode):
        return True
    return mode == "freeze_payments" and not control.frozen and control.state != "halted"


def _hold(fleet: FleetState, agent: AgentState, halt: Halt, at: float) -> None:
    control = agent.control
    if control.halt is not None and control.halt.halt_id == halt.halt_id:
        return
    if not would_change(agent, halt.mode):
        return
    control.epoch = (control.epoch or 0) + 1
    if halt.mode == "freeze_payments":
        control.frozen = True
        if control.halt is not None:
            return
    else:
        control.state = _STATE[halt.mode]  # type: ignore[assignment]  # the table above has states only
    control.halt = halt
    control.ramp = None
    fleet.happened.append(
        Happening(what="halt_ordered", agent_id=agent.agent_id, at=at, subject=halt.actor, reason=halt.reason)
    )


def _free(fleet: FleetState, agent: AgentState, event: Resumed) -> None:
    control = agent.control
    control.epoch = (control.epoch or 0) + 1
    control.state, control.frozen, control.halt = "active", False, None
    control.ramp = None
    if event.ramp_s and event.ramp_notional_usd is not None:
        control.ramp = Ramp(until=event.at + event.ramp_s, max_notional_usd=float(event.ramp_notional_usd))
    if event.rebase:
        control.baseline = rebased(agent, event.at, event.baseline_nav)
    fleet.happened.append(
        Happening(what="resumed", agent_id=agent.agent_id, at=event.at, subject=event.actor, reason=event.reason)
    )


def _halt(event: HaltOrdered) -> Halt:
    return Halt(
        halt_id=event.halt_id,
        mode=event.mode,
        reason=event.reason,
        actor=event.actor,
        ordered_at=event.at,
        scope=event.scope,
        target=event.target,
    )


def _stricter(one: str, other: str) -> bool:
    return STRICTNESS[one] > STRICTNESS[other]


def _standing_key(scope: str, target: str) -> str:
    return scope if scope == "fleet" else f"{scope}:{target}"
