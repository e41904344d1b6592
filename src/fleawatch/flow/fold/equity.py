"""Equity, flows and NAV of one agent: how a change of a part becomes a mark, and how money that came or went does not.

Handlers change the parts of an agent's equity and name what of it was an external flow (`transfer`); `settle` then
books the rest as P&L and the flow as what it is, in this order: what happened until a flow came is P&L of the money
that was there before it. Marks are made only while every part was read at least once, and are partial while one of
them is Unknown. docs/reference/definitions.md, "Equity, flows, NAV".
"""

from __future__ import annotations

from typing import Final

from fleawatch.flow.state import AgentState, FleetState, Happening, Part
from fleawatch.risk.nav import Marked

COLLECTED: Final[dict[str, tuple[Part, ...]]] = {
    "casino": ("casino",),
    "escrow": ("escrow",),
    "trading": ("trading",),
    "wallet": ("wallet",),
    "domains": ("domains",),
    "gateway": ("wallet", "escrow"),
}
"""Parts of the equity by the collector that reads them."""

MONEY: Final = frozenset(COLLECTED)
"""Collectors whose numbers are parts of the equity."""

SETTLING_READS: Final = 2
"""Escrow readings after the first whole ledger: one of them at least began when the ledger's escrows were known."""


def settle(fleet: FleetState, agent: AgentState, at: float, *, read: str = "") -> None:
    """Value the agent after its parts changed.

    Args:
        fleet: learns of flows and of what happened.
        agent: whose parts changed.
        at: when, unix seconds.
        read: collector of whose own reading this is a part: its being Unknown until now makes the mark no partial one.
    """
    judged = trading_casino_pnl(agent)
    if agent.awaited:
        leave_fleet(fleet, agent)
        return
    if agent.by_design or (not agent.parts and MONEY.isdisjoint(agent.profile.collectors)):
        leave_fleet(fleet, agent)
        _tell_pnl(agent, at, judged + sum(agent.income.values(), 0.0), judged, known=False)
        return
    was_known = agent.equity is not None
    equity = agent.equity = sum(agent.parts.values(), 0.0)
    agent.equity_at = at
    if agent.first_equity is None:
        agent.first_equity = equity
        agent.flows = agent.pending = 0.0
    marked = _mark(fleet, agent, equity, at, read)
    if marked.ended:
        fleet.happened.append(Happening(what="total_loss", agent_id=agent.agent_id, at=at, amount=equity))
    _tell_pnl(agent, at, equity - agent.first_equity - agent.flows, judged, known=was_known)
    performance = agent.performance
    nav = performance.nav.value
    if nav is not None:
        agent.history.record(at, equity, nav, performance.drawdowns["all_time"].current() or 0.0)


def _mark(fleet: FleetState, agent: AgentState, equity: float, at: float, read: str) -> Marked:
    unknown = agent.unknown
    partial = bool(unknown) and not (len(unknown) == 1 and read in unknown)
    flow = agent.pending
    if not flow:
        return agent.performance.mark(at, equity, partial=partial)
    agent.pending = 0.0
    agent.flows += flow
    if agent.joined_fleet:
        fleet.flows += flow
    return agent.performance.flow(at, equity - flow, flow, partial=partial)


def _tell_pnl(agent: AgentState, at: float, total: float, judged: float, *, known: bool) -> None:
    """Tell the cumulative P&L. Where it begins to be measured by something else, it goes on from where it was.

    `known`: whether the equity was known before, so that the total was measured by it.
    """
    performance = agent.performance
    before = performance.changes.total
    if known != (agent.equity is not None) and before is not None:
        agent.pnl_offset = before - total
    performance.pnl(at, total + agent.pnl_offset, without_income=judged)


def leave_fleet(fleet: FleetState, agent: AgentState) -> None:
    """The agent's equity is no longer known: it leaves the fleet's as a flow, neither gained nor lost."""
    if agent.joined_fleet and agent.equity is not None:
        fleet.flows -= agent.equity
    agent.joined_fleet = False
    agent.equity = None


def transfer(agent: AgentState, part: Part, amount: float, *, shown: bool = False) -> None:
    """An external flow moved `amount` (in positive) into or out of a part; the next `settle` books it.

    `shown`: the part shows it already, having been read after it.
    """
    if not shown:
        agent.parts[part] = agent.parts.get(part, 0.0) + amount
    if agent.first_equity is not None:
        agent.pending += amount


def reported_move(agent: AgentState, happened: float, amount: float) -> bool:
    """An agent that only reports itself told of money that moved at its casino balance; whether its part changed.

    A balance that was read after the move shows it already; without a balance there is no part to change.
    """
    known_since(agent, "casino", happened)
    if agent.casino.read_balance is None or happened <= agent.casino.read_at:
        return False
    agent.parts["casino"] = agent.parts.get("casino", 0.0) + amount
    return True


def known_since(agent: AgentState, service: str, at: float) -> None:
    """P&L at a service is known from `at` on; the earliest time counts."""
    before = agent.since.get(service)
    if before is None or at < before:
        agent.since[service] = at


def refresh_awaited(agent: AgentState) -> None:
    """Whether a declared collector of money has never read: the sum of the rest would be a wrong equity."""
    agent.awaited = any(
        collector in MONEY and ((status := agent.sources.get(collector)) is None or status.read_at is None)
        for collector in agent.profile.collectors
    ) or (agent.first_equity is None and _escrows_untold(agent))


def _escrows_untold(agent: AgentState) -> bool:
    """Whether a first ledger named escrows of which nobody has said yet whether they are still open."""
    reads = agent.casino.escrow_reads
    status = agent.sources.get("escrow")
    if reads is None or status is None or "escrow" not in agent.profile.collectors:
        return False
    return status.reads < reads + SETTLING_READS and any(
        held.lock_seen and not held.announced for held in agent.escrows.values()
    )


def trading_casino_pnl(agent: AgentState) -> float:
    """Cumulative trading and casino P&L, unrealised included: what the daily loss is measured on."""
    return agent.casino.net + agent.trading.net + agent.trading.unrealized


def remember(ring: dict[str, None], key: str, most: int) -> bool:
    """Add `key` to a ring of the newest `most`; whether it was new."""
    if key in ring:
        return False
    ring[key] = None
    if len(ring) > most:
        del ring[next(iter(ring))]
    return True


def ignore(fleet: FleetState, reason: str) -> None:
    """Count a fact that changed nothing under the reason why."""
    fleet.ignored[reason] = fleet.ignored.get(reason, 0) + 1
