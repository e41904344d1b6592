"""The daily and weekly summary of the fleet, as plain text. What is not known is called unknown."""

from __future__ import annotations

import math
from typing import Final

from fleawatch.flow.routing.state import Period
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.units import Window, iso

_SPANS: Final[dict[str, Window]] = {"daily": "24h", "weekly": "7d"}
UNKNOWN: Final = "unknown"


def summary(fleet: FleetState, name: str, period: Period, at: float) -> str:
    """Text of a summary at `at`.

    Args:
        fleet: the state.
        name: `daily` or `weekly`: what was over the last 24 hours or seven days.
        period: what was counted since the last one.
        at: when it is, unix seconds.
    """
    window, agents = _SPANS[name], list(fleet.agents.values())
    halted = sum(agent.control.halt is not None for agent in agents)
    return "\n".join(
        [
            f"Fleet, {window} to {iso(at)}",
            f"Agents: {len(agents)}, {halted} halted",
            f"Equity: {_equity(agents)}",
            f"P&L: {_money(fleet.performance.changes.change(window), sign=True)}",
            f"Worst drawdown: {_worst(agents, window)}",
            f"Alerts fired: {_fired(period)}",
            f"Not sent: {period.suppressed}",
            f"Halts ordered: {period.halts}",
        ]
    )


def _equity(agents: list[AgentState]) -> str:
    known = [agent.equity for agent in agents if agent.equity is not None]
    if not known:
        return UNKNOWN
    doubts = []
    if len(known) < len(agents):
        doubts.append(f"{UNKNOWN} of {len(agents) - len(known)}")
    partial = sum(agent.partial for agent in agents if agent.equity is not None)
    if partial:
        doubts.append(f"in part as last known of {partial}")
    return _money(math.fsum(known)) + (f", {', '.join(doubts)}" if doubts else "")


def _worst(agents: list[AgentState], window: Window) -> str:
    found = [(agent.performance.drawdowns[window].max(), agent.agent_id) for agent in agents]
    known = [(fall, name) for fall, name in found if fall is not None]
    if not known:
        return UNKNOWN
    fall, name = max(known, key=lambda one: (one[0], [-ord(letter) for letter in one[1]]))
    return f"{fall:.1%} ({name})" if fall > 0 else "none"


def _fired(period: Period) -> str:
    return ", ".join(f"{period.fired.get(severity, 0)} {severity}" for severity in ("critical", "warning", "info"))


def _money(amount: float | None, *, sign: bool = False) -> str:
    if amount is None:
        return UNKNOWN
    return f"{amount:+,.2f} USD" if sign else f"{amount:,.2f} USD"
