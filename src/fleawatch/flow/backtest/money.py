"""What halting is worth: the flow-neutral P&L of each agent that would have been stopped, from that moment on.

A halt is assumed to end all P&L at once. That is exact for an agent without open positions; one that is only told to
reduce, or whose positions stay open, still wins and loses with them. The history is the other world in which nobody
stopped the agent, and it can say what that cost only until somebody did: from the moment at which the record itself
holds a halt of the agent, its P&L says nothing about the question.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import structs

from fleawatch.events import Event, HaltOrdered, Resumed
from fleawatch.events.control import HaltMode
from fleawatch.flow.backtest.results import Halted
from fleawatch.flow.halting.halt import reachable
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import AgentState, FleetState

_MODES: Final[dict[str, HaltMode]] = {"reduce": "reduce", "halt": "halt", "freeze_payments": "freeze_payments"}
_STRICTNESS: Final = {"freeze_payments": 0, "reduce": 1, "halt": 2, "flatten": 3}
HALTED_IN_HISTORY: Final = "the history itself is halted from here on, so it does not show what would have been"
FROZEN_ONLY: Final = "freezing payments stops no trading; left_usd is the money that went out afterwards"
GONE: Final = "the agent is watched no more"
NO_RESULT: Final = "its P&L was not known yet"


class _Open(msgspec.Struct):
    """A halt whose money is still counted: P&L and net flow when it began, and the reason if they were not known."""

    halted: Halted
    pnl: float | None
    flows: float
    why: str


class Ledger:
    """Halts so far, and what the history itself stopped."""

    def __init__(self) -> None:
        self._halts: list[Halted] = []
        self._open: dict[str, _Open] = {}
        self._mode: dict[str, HaltMode] = {}
        self._stopped: dict[str, str] = {}

    def alert(self, change: AlertChange, fleet: FleetState, policy: Policy) -> None:
        """An alert that stops somebody began to fire."""
        mode = _MODES.get(change.action)
        if mode is None:
            return
        agents = [change.agent_id] if change.agent_id else sorted(fleet.agents)
        for agent_id in agents:
            agent = fleet.agents.get(agent_id)
            reached = agent is not None and reachable(agent, policy)
            self._halt(fleet, agent_id, mode, change.alert, change.at, reached=reached)

    def order(self, order: HaltOrdered, fleet: FleetState) -> None:
        """A person, or an agent's own gate, ordered a halt."""
        for agent_id in _in_scope(order, fleet):
            self._halt(fleet, agent_id, order.mode, order.actor, order.at, reached=True)

    def history(self, event: Event, fleet: FleetState) -> None:
        """Take a recorded fact before it is folded: the record's own halts and resumes."""
        if isinstance(event, HaltOrdered) and event.mode != "freeze_payments":
            for agent_id in _in_scope(event, fleet):
                self._settle(fleet, agent_id, event.at, HALTED_IN_HISTORY)
                self._stopped.setdefault(agent_id, event.halt_id)
        elif isinstance(event, Resumed):
            for agent_id, halt_id in list(self._stopped.items()):
                if halt_id == event.halt_id and event.agent_id in ("", agent_id):
                    del self._stopped[agent_id]
                    self._mode.pop(agent_id, None)

    def closed(self, fleet: FleetState, end: float) -> list[Halted]:
        """All halts so far, those that are still counted as of `end`."""
        for agent_id, one in self._open.items():
            _count(one, fleet.agents.get(agent_id), end, "")
        return [structs.replace(one) for one in self._halts]

    def _halt(self, fleet: FleetState, agent_id: str, mode: HaltMode, by: str, at: float, *, reached: bool) -> None:
        before = self._mode.get(agent_id)
        agent = fleet.agents.get(agent_id)
        if agent is None or (before is not None and _STRICTNESS[mode] <= _STRICTNESS[before]):
            return
        # What a milder halt is worth ends where the stricter one begins, so that no loss is spared twice.
        self._settle(fleet, agent_id, at, "")
        self._mode[agent_id] = mode
        halted = Halted(agent_id=agent_id, by=by, mode=mode, at=at, reachable=reached)
        self._halts.append(halted)
        if agent_id in self._stopped:
            halted.why = HALTED_IN_HISTORY
            return
        pnl, why = _pnl(agent)
        self._open[agent_id] = _Open(halted, pnl, agent.flows, why)

    def _settle(self, fleet: FleetState, agent_id: str, at: float, stopped: str) -> None:
        """Count what is open up to `at`, once and for all."""
        one = self._open.pop(agent_id, None)
        if one is not None:
            _count(one, fleet.agents.get(agent_id), at, stopped)


def _count(one: _Open, agent: AgentState | None, at: float, stopped: str) -> None:
    halted = one.halted
    halted.saved_usd, halted.why = None, stopped
    if stopped and at <= halted.at:
        return
    pnl, why = (None, GONE) if agent is None else _pnl(agent)
    halted.until = at
    if agent is not None:
        halted.left_usd = one.flows - agent.flows
    if halted.mode == "freeze_payments":
        halted.why = FROZEN_ONLY
    elif one.pnl is None or pnl is None:
        halted.why = one.why or why
    else:
        halted.saved_usd = one.pnl - pnl


def _pnl(agent: AgentState) -> tuple[float | None, str]:
    """Cumulative flow-neutral P&L, USD; None with the reason while a part of the equity is not known."""
    total = agent.performance.changes.total
    if total is None:
        return None, NO_RESULT
    if agent.unknown:
        return None, "; ".join(f"{part} is unknown: {reason}" for part, reason in sorted(agent.unknown.items()))
    return total, ""


def _in_scope(order: HaltOrdered, fleet: FleetState) -> list[str]:
    if order.scope == "agent":
        return [order.agent_id or order.target]
    agents = sorted(fleet.agents.items())
    return [name for name, one in agents if order.scope == "fleet" or one.profile.strategy == order.target]
