"""Equity, flows and NAV of one agent: how a change of a part becomes a mark, and how money that came or went does not.

A change is either P&L (`gain`) or an external flow (`transfer`), or a move between two parts (`move`), which is
neither. Marks are made only while every part was read at least once, and are partial while one of them is Unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fleawatch.flow.state import AgentState, FleetState, Happening, Part

if TYPE_CHECKING:
    from fleawatch.events import Event


def moment(fleet: FleetState, agent: AgentState, event: Event) -> float:
    """When to book a fact: when it happened, or, if that grid point is closed already, when it was seen."""
    grid = agent.performance.grid
    if event.at >= grid.due - grid.step or grid.due == math.inf:
        return event.at
    fleet.late += 1
    return event.seen_at


def settle(fleet: FleetState, agent: AgentState, at: float) -> None:
    """Value the agent after its parts changed by P&L or by a move between them."""
    performance = agent.performance
    judged = trading_casino_pnl(agent)
    if agent.by_design:
        agent.equity = None
        performance.pnl(at, judged + sum(agent.income.values()), without_income=judged)
        return
    if agent.awaited:
        agent.equity = None
        return
    equity = agent.equity = sum(agent.parts.values())
    agent.equity_at = at
    if agent.first_equity is None:
        agent.first_equity, agent.flows = equity, 0.0
    marked = performance.mark(at, equity, partial=bool(agent.unknown))
    if marked.ended:
        fleet.happened.append(Happening(what="total_loss", agent_id=agent.agent_id, at=at, amount=equity))
    performance.pnl(at, equity - agent.first_equity - agent.flows, without_income=judged)
    nav = performance.nav.value
    if nav is not None:
        agent.history.record(at, equity, nav, performance.drawdowns["all_time"].current() or 0.0)


def transfer(fleet: FleetState, agent: AgentState, part: Part, amount: float, at: float) -> None:
    """An external flow moved `amount` (in positive) into or out of a part: NAV stays, units change."""
    agent.parts[part] = agent.parts.get(part, 0.0) + amount
    before = agent.equity
    if before is None:
        return
    agent.flows += amount
    fleet.flows += amount
    agent.performance.flow(at, before, amount, partial=bool(agent.unknown))
    agent.equity = before + amount
    agent.equity_at = at


def refresh_awaited(agent: AgentState) -> None:
    """Whether a declared collector of money has never read: the sum of the rest would be a wrong equity."""
    agent.awaited = any(
        collector in MONEY and ((status := agent.sources.get(collector)) is None or status.read_at is None)
        for collector in agent.profile.collectors
    )


MONEY = frozenset({"casino", "gateway", "escrow", "trading", "wallet", "domains"})
"""Collectors whose numbers are parts of the equity."""


def trading_casino_pnl(agent: AgentState) -> float:
    """Cumulative trading and casino P&L, unrealised included: what the daily loss is measured on."""
    return agent.casino.net + agent.trading.net + agent.trading.unrealized
