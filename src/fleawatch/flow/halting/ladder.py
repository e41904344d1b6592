"""What is done so that an agent stops: first its gate, then harder means, one after the other, until it is confirmed.

    gate -> its process -> its limits at the platform -> people are told that it could not be stopped in time

A means that is not configured for the agent is left out. Means that are hard to take back are for halts only: who may
not open, or not pay, and does, is told of.
"""

from __future__ import annotations

from typing import Final

from fleawatch.flow.halting.life import flattens, overdue
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.outputs import HaltCommand, HaltPath, Output
from fleawatch.flow.state import AgentState, Halt

_HARD: Final = frozenset({"halt", "flatten"})


def begin(agent: AgentState, halt: Halt, now: float, policy: HaltingPolicy) -> list[Output]:
    """The order was given: its gate is told, and what is open is closed if that is wanted."""
    return [_command(agent, halt, "gate", now), *_flatten(agent, halt, now, policy)]


def climb(agent: AgentState, halt: Halt, now: float, policy: HaltingPolicy) -> list[Output]:
    """What is due at `now`; nothing once the halt is confirmed."""
    if "confirmed" in halt.steps:
        return []
    age = now - halt.ordered_at
    late = age >= policy.confirm_s
    outputs: list[Output] = []
    if halt.mode in _HARD:
        unheard = "acknowledged" not in halt.steps and age >= policy.acknowledge_s
        if unheard or halt.lied or late:
            outputs += _harder(agent, halt, now, policy)
        outputs += _flatten(agent, halt, now, policy)
    if late:
        outputs += overdue(agent, halt, now)
    return outputs


def _harder(agent: AgentState, halt: Halt, now: float, policy: HaltingPolicy) -> list[Output]:
    if agent.agent_id in policy.process:
        begun = halt.commanded.get("process")
        if begun is None:
            return [_command(agent, halt, "process", now)]
        if now - begun < policy.process_s:
            return []
    if agent.agent_id in policy.platform and "platform" not in halt.commanded:
        return [_command(agent, halt, "platform", now)]
    return []


def _flatten(agent: AgentState, halt: Halt, now: float, policy: HaltingPolicy) -> list[Output]:
    """Ask for what is still open to be closed, again while it stays open: an answer that was lost is not believed."""
    if not flattens(agent, halt, policy) or not agent.trading.positions:
        return []
    last = halt.commanded.get("flatten")
    if last is not None and now - last < policy.flatten_s:
        return []
    return [_command(agent, halt, "flatten", now)]


def _command(agent: AgentState, halt: Halt, path: HaltPath, now: float) -> HaltCommand:
    halt.commanded[path] = now
    attempt = 1
    positions: tuple[str, ...] = ()
    if path == "flatten":
        halt.attempts += 1
        attempt, positions = halt.attempts, tuple(agent.trading.positions)
    return HaltCommand(
        key=f"halt:{agent.agent_id}:{halt.halt_id}:{path}:{attempt}",
        agent_id=agent.agent_id,
        at=now,
        halt_id=halt.halt_id,
        path=path,
        mode=halt.mode,  # type: ignore[arg-type]  # a halt is made from an order, which has one of the modes
        epoch=agent.control.epoch or 0,
        reason=halt.reason,
        actor=halt.actor,
        ordered_at=halt.ordered_at,
        positions=positions,
        attempt=attempt,
    )
