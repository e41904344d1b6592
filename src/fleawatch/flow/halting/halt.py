"""The last stage of the belt: who is stopped because of a fact, and how far those are who were told to stop.

Whoever orders a halt (a person, a rule, an agent's own gate) does it by the same fact. What an alert or a gate says is
first concluded into that fact, so that the record shows who stopped whom, and a restart under other rules keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from fleawatch.events import (
    AgentDeclared,
    Event,
    GateChanged,
    HaltOrdered,
    StrategySwitched,
    Tick,
)
from fleawatch.events.control import HaltMode, HaltScope
from fleawatch.flow.halting import guard
from fleawatch.flow.halting.ladder import begin, climb
from fleawatch.flow.halting.life import SOURCE, concluded, watch
from fleawatch.flow.halting.obey import in_scope, standing_for, would_change
from fleawatch.flow.halting.topup import seen, topup
from fleawatch.flow.outputs import AlertChange, Output
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import AgentState, FleetState

_MODES: Final[dict[str, HaltMode]] = {"reduce": "reduce", "halt": "halt", "freeze_payments": "freeze_payments"}
_REASONS: Final = {"drawdown": "drawdown", "balance": "balance", "money": "outflow"}
"""Reason of a halt by the family of the alert that ordered it; any other is an anomaly."""
_PASSING: Final = frozenset(
    {"ok", "no_lease_yet", "lease_lost", "unknown_limit", "payments_frozen", "service_decides", "closed"}
)
"""Reasons for which a gate is closed without having decided so: they end by themselves."""
_OWN: Final = {"balance_exhausted": "balance", "manual": "manual", "halt_file": "manual", "ordered": "manual"}
_GATE_MODES: Final[dict[str, HaltMode]] = {"reducing": "reduce", "halted": "halt"}
GATE: Final = "gate"


def halt(fleet: FleetState, event: Event, changes: tuple[AlertChange, ...], policy: Policy) -> tuple[Output, ...]:
    """Halts that follow from the fact and the alerts that changed, and steps of those in force; empty for almost every fact."""
    outputs: list[Output] = []
    for change in changes:
        if change.change == "fired" and change.action in _MODES and policy.halting.act:
            outputs += _by_alert(fleet, change, policy)
    match event:
        case Tick():
            for agent in fleet.agents.values():
                _pass(agent, fleet.at)
                outputs += topup(agent, fleet.at, policy)
                if agent.control.halt is not None:
                    outputs += climb(agent, agent.control.halt, fleet.at, policy.halting)
        case HaltOrdered():
            outputs += _begun(fleet, event, policy)
        case AgentDeclared() | StrategySwitched():
            outputs += _joined(fleet, event)
        case _:
            about = fleet.agents.get(event.agent_id)
            if about is not None:
                outputs += _about(about, event, policy)
    return tuple(outputs)


def _about(agent: AgentState, event: Event, policy: Policy) -> list[Output]:
    guard.follow(agent)
    seen(agent, event)
    outputs = list(_by_gate(agent, event)) if isinstance(event, GateChanged) else []
    held = agent.control.halt
    if held is None:
        return outputs
    lied = held.lied
    outputs += watch(agent, held, event, policy.halting)
    if held.lied and not lied:
        outputs += climb(agent, held, event.seen_at, policy.halting)
    return outputs


def _pass(agent: AgentState, now: float) -> None:
    guard.follow(agent)
    ramp = agent.control.ramp
    if ramp is not None and now >= ramp.until:
        agent.control.ramp = None


def _begun(fleet: FleetState, event: HaltOrdered, policy: Policy) -> Iterator[Output]:
    for agent in in_scope(fleet, event):
        held = agent.control.halt
        if held is not None and held.halt_id == event.halt_id and not held.commanded:
            yield from begin(agent, held, event.at, policy.halting)


def _by_alert(fleet: FleetState, change: AlertChange, policy: Policy) -> Iterator[Output]:
    """An alert stops whom it is about, where there is a way to: where there is none, the fleet is only watched."""
    if change.agent_id:
        found = fleet.agents.get(change.agent_id)
        agents = [] if found is None else [found]
    else:
        agents = list(fleet.agents.values())
    mode = _MODES[change.action]
    if any(reachable(agent, policy) and would_change(agent, mode) for agent in agents):
        reason = _REASONS.get(change.labels.get("pf_family", ""), "anomaly")
        yield _order(change.key, change.agent_id, change.at, mode, reason, actor=change.alert, note=change.summary)


def reachable(agent: AgentState, policy: Policy) -> bool:
    """Whether there is any way to stop the agent: a gate that was ever heard of, or a harder means that is configured."""
    control, halting = agent.control, policy.halting
    gated = control.gate is not None or control.lease_until is not None
    return gated or agent.agent_id in halting.process or agent.agent_id in halting.platform


def _by_gate(agent: AgentState, event: GateChanged) -> Iterator[Output]:
    """A gate that closed by its own decision: from here on it is a halt like any other, with its proof and its resume."""
    mode = _GATE_MODES.get(event.after)
    outdated = event.epoch is not None and event.epoch < (agent.control.epoch or 0)
    if mode is None or outdated or event.reason in _PASSING or not would_change(agent, mode):
        return
    name = event.reason
    reason = "drawdown" if name.startswith(("drawdown", "daily_loss")) else _OWN.get(name, "anomaly")
    yield _order(event.fact_id, agent.agent_id, event.seen_at, mode, reason, actor=GATE, note=name)


def _joined(fleet: FleetState, event: AgentDeclared | StrategySwitched) -> Iterator[Output]:
    """Who is new in the fleet, or in a strategy, is held by the halt that stands there."""
    agent = fleet.agents.get(event.agent_id)
    standing = None if agent is None else standing_for(fleet, agent)
    if agent is None or standing is None:
        return
    fact = HaltOrdered(
        fact_id=f"belt:halt_ordered:{agent.agent_id}:{standing.halt_id}:{event.seen_at:.3f}",
        agent_id=agent.agent_id,
        at=event.seen_at,
        seen_at=event.seen_at,
        source=SOURCE,
        halt_id=standing.halt_id,
        mode=standing.mode,  # type: ignore[arg-type]  # it was made from an order, which has one of the modes
        scope="agent",
        target=agent.agent_id,
        reason=standing.reason,
        actor=standing.actor,
        note=f"joined while a halt of the {standing.scope} stands",
    )
    yield concluded(fact)


def _order(
    cause: str, agent_id: str, at: float, mode: HaltMode, reason: str, *, actor: str, note: str
) -> Output:  # fmt: skip
    """The order that follows from a cause; the same cause is the same order for ever. Without an agent it is the fleet's."""
    halt_id = hashlib.sha256(cause.encode()).hexdigest()[:16]
    scope: HaltScope = "agent" if agent_id else "fleet"
    fact = HaltOrdered(
        fact_id=f"belt:halt_ordered:{agent_id}:{halt_id}",
        agent_id=agent_id,
        at=at,
        seen_at=at,
        source=SOURCE,
        halt_id=halt_id,
        mode=mode,
        scope=scope,
        target=agent_id,
        reason=reason,
        actor=actor,
        note=note[:300],
    )
    return concluded(fact)
