"""Performance and attribution of an agent or the fleet as plain data: what `report` and `replay` print.

Every missing number is None, with its reason beside it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import structs

from fleawatch.flow.snapshot import freeze
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.risk.performance import Performance
from fleawatch.units import WINDOWS


def agent_report(agent: AgentState) -> dict[str, Any]:
    """Everything that is reported about one agent. Money in USD, ratios 0..1, times unix seconds."""
    casino, trading = agent.casino, agent.trading
    games = {
        game: {"bets": bets, "wagered": wagered, "paid": paid, "net": paid - wagered}
        for game, (bets, wagered, paid) in [*casino.games.items(), ("parlay", casino.parlay)]
        if bets
    }
    return {
        "agent_id": agent.agent_id,
        "strategy": agent.profile.strategy,
        "equity": agent.equity,
        "equity_reason": "; ".join(agent.by_design.values())
        or ("not every source was read yet" if agent.awaited else None),
        "parts": dict(agent.parts),
        "unknown": dict(agent.unknown),
        "nav": agent.performance.nav.value,
        "flows": agent.flows,
        "pnl": {
            "casino": casino.net,
            "trading_realized": trading.net,
            "trading_unrealized": trading.unrealized if trading.marked else None,
            **agent.income,
        },
        "fees": trading.fees + agent.tallies.total("pf_escrow_fees_usdc_total") - agent.income.get("fees", 0.0),
        "fee_drag": agent.attribution.fee_drag(),
        "games": games,
        "markets": {
            name: {**structs.asdict(market), "net": market.gross - market.fees}
            for name, market in trading.markets.items()
        },
        "residuals": {name: book.conservation.residual() for name, book in agent.books.items()},
        "performance": performance_report(agent.performance),
        "attribution": {
            dimension: {key: structs.asdict(part) for key, part in agent.attribution.parts(dimension).items()}
            for dimension in ("strategy", "market", "asset", "hour")
        },
    }


def fleet_report(state: FleetState) -> dict[str, Any]:
    """The fleet as one, and every agent of it."""
    return {
        "at": state.at,
        "agents": [agent_report(agent) for _, agent in sorted(state.agents.items())],
        "nav": state.performance.nav.value,
        "performance": performance_report(state.performance),
        "facts": dict(sorted(state.facts.items())),
        "digest": digest(state),
    }


def performance_report(performance: Performance) -> dict[str, Any]:
    """Every number of every window, with the reason for each that is missing."""
    return {window: structs.asdict(performance.summary(window)) for window in WINDOWS}


def digest(state: FleetState) -> str:
    """SHA-256 over everything that can be observed of the state: equal states, and only they, have equal digests.

    A drawdown window is taken by what it answers: how it has stacked its buckets depends on when it was last asked.
    """
    total = hashlib.sha256()
    performances = [state.performance, *(agent.performance for _, agent in sorted(state.agents.items()))]
    for performance in performances:
        total.update(_observable(performance))
    emptied = structs.replace(
        state,
        performance=Performance(),
        happened=[],
        agents={name: structs.replace(agent, performance=Performance()) for name, agent in state.agents.items()},
    )
    for name, body in sorted(freeze(emptied).items()):
        total.update(name.encode() + b"\0" + body)
    return total.hexdigest()


def _observable(performance: Performance) -> bytes:
    for window in WINDOWS:
        performance.summary(window)
    asked = {
        name: (window.current(), window.max(), window.high(), window.start())
        for name, window in performance.drawdowns.items()
    }
    rest = (performance.nav, performance.grid, performance.trades, performance.changes, performance.daily)
    return msgspec.msgpack.encode((performance.at, performance.born_at, performance.unknown_since, asked, rest))
