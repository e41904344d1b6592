"""Halts in force as documents and as people follow them: how far each has come, by which means, and what proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from fleawatch.flow.halting.evidence import witnesses
from fleawatch.flow.halting.life import proven_from
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.held import Halt, Standing
from fleawatch.flow.state import AgentState, FleetState

Phase = Literal["ordered", "delivered", "acknowledged", "confirmed", "unhaltable"]

_MEANS: Final = {
    "process": "process stopped",
    "platform": "limit at the platform lowered",
    "flatten": "positions asked to be closed",
}


class Step(msgspec.Struct, frozen=True):
    """One step of a halt. `at` is None while it has not come to it; `text` says what it rests on, or waits for."""

    name: str
    at: float | None
    text: str = ""


class HaltLine(msgspec.Struct, frozen=True, kw_only=True):
    """A halt that holds an agent.

    Attributes:
        phase: how far it has come; `unhaltable` when it was not confirmed in time and still is not.
        reason: bounded; `note` what whoever ordered it wrote, empty where nothing is known.
        state: what the agent is allowed, as ordered; `gate` what its gate says, None where nobody said.
        orders: orders that it forbids and the platform shows.
        lied: the agent said that it stopped, and went on.
        steps: in order, those of the ladder only as far as they were taken.
        in_progress: whether the proof is still to come.
    """

    agent_id: str
    halt_id: str
    mode: str
    scope: str
    target: str
    reason: str
    actor: str
    note: str
    ordered_at: float
    phase: Phase
    state: str
    gate: str | None
    epoch: int
    orders: int
    last_order_at: float | None
    lied: bool
    in_progress: bool
    steps: tuple[Step, ...]


class StandingLine(msgspec.Struct, frozen=True, kw_only=True):
    """A halt of a strategy or the fleet, which holds who joins later too. `freed`: how many were resumed from it."""

    halt_id: str
    mode: str
    scope: str
    target: str
    reason: str
    actor: str
    note: str
    ordered_at: float
    freed: int


def halt_lines(
    state: FleetState, policy: HaltingPolicy, notes: Mapping[str, str], agent_id: str | None = None
) -> list[HaltLine]:
    """Halts in force: those without proof first, then the newest; of one agent when it is named."""
    found = [
        _line(agent, agent.control.halt, policy, notes.get(agent.control.halt.halt_id, ""))
        for agent in state.agents.values()
        if agent.control.halt is not None and agent_id in (None, agent.agent_id)
    ]
    return sorted(found, key=lambda one: (not one.in_progress, -one.ordered_at, one.agent_id))


def standing_lines(state: FleetState, notes: Mapping[str, str]) -> list[StandingLine]:
    """Halts of strategies and of the fleet, the newest first."""
    found = [_standing(one, notes.get(one.halt_id, "")) for one in state.standing.values()]
    return sorted(found, key=lambda one: (-one.ordered_at, one.halt_id))


def halts_document(state: FleetState, lines: Iterable[HaltLine], standing: Iterable[StandingLine]) -> dict[str, Any]:
    """The document of `/api/v1/halts`."""
    return {"at": state.at, "halts": list(lines), "standing": list(standing)}


def orders_named(state: FleetState) -> set[tuple[str, str]]:
    """The halts in force, by id, with the agent that each holds; the agent is empty for those of many."""
    held = {
        (agent.control.halt.halt_id, agent.agent_id)
        for agent in state.agents.values()
        if agent.control.halt is not None
    }
    return held | {(one.halt_id, "") for one in state.standing.values()}


def _line(agent: AgentState, halt: Halt, policy: HaltingPolicy, note: str) -> HaltLine:
    control = agent.control
    return HaltLine(
        agent_id=agent.agent_id,
        halt_id=halt.halt_id,
        mode=halt.mode,
        scope=halt.scope,
        target=halt.target,
        reason=halt.reason,
        actor=halt.actor,
        note=note,
        ordered_at=halt.ordered_at,
        phase=_phase(halt),
        state=control.state,
        gate=control.gate,
        epoch=control.epoch or 0,
        orders=halt.orders,
        last_order_at=halt.last_order_at,
        lied=halt.lied,
        in_progress="confirmed" not in halt.steps,
        steps=_steps(agent, halt, policy),
    )


def _phase(halt: Halt) -> Phase:
    if "confirmed" in halt.steps:
        return "confirmed"
    if halt.overdue_at is not None:
        return "unhaltable"
    if "acknowledged" in halt.steps:
        return "acknowledged"
    return "delivered" if "delivered" in halt.steps else "ordered"


def _steps(agent: AgentState, halt: Halt, policy: HaltingPolicy) -> tuple[Step, ...]:
    steps, ordered = halt.steps, halt.ordered_at
    word = "it went on after it had said so" if halt.lied else "the agent's word, no proof"
    seen = f"{halt.orders} since the halt" if halt.last_order_at is not None else "the platform shows none since"
    found = [
        Step("ordered", ordered, f"by {halt.actor}"),
        Step("delivered", steps.get("delivered"), "" if "delivered" in steps else "waits for the agent to be reached"),
        Step(
            "acknowledged", steps.get("acknowledged"), word if "acknowledged" in steps else "waits for the agent's word"
        ),
        *_ladder(halt),
        Step("last order seen", halt.last_order_at, seen),
        Step("confirmed", steps.get("confirmed"), _proof(agent, halt, policy)),
    ]
    if halt.overdue_at is not None:
        found.append(
            Step("not confirmed in time", halt.overdue_at, f"the deadline is {policy.confirm_s:g} s: stop it by other means")
        )  # fmt: skip
    return tuple(found)


def _ladder(halt: Halt) -> list[Step]:
    """Harder means, as far as they were taken."""
    return [
        Step(name, halt.reached.get(path), "" if path in halt.reached else "asked for, no answer yet")
        for path, name in _MEANS.items()
        if path in halt.commanded
    ]


def _proof(agent: AgentState, halt: Halt, policy: HaltingPolicy) -> str:
    """What confirms it, or what is still missing."""
    wanted = sorted(witnesses(agent))
    if not wanted:
        return "no collector could show an order, so it can never be confirmed"
    if "confirmed" in halt.steps:
        return f"readings of {', '.join(wanted)} show no order"
    since = proven_from(halt, policy)
    missing = [name for name in wanted if halt.seen.get(name, 0.0) <= since]
    if missing:
        return f"waits for whole readings of {', '.join(missing)}"
    return "waits until no position is open"


def _standing(one: Standing, note: str) -> StandingLine:
    return StandingLine(
        halt_id=one.halt_id, mode=one.mode, scope=one.scope, target=one.target, reason=one.reason, actor=one.actor,
        note=note, ordered_at=one.ordered_at, freed=len(one.freed),
    )  # fmt: skip
