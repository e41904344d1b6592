"""Compare what was seen with what is true: the fleet's state against the sandbox's books, to the cent.

The books come from the journal of the sandbox, which shares no code with the belt. A number that the belt does not
know is a mismatch, never a silent pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from fleawatch.flow.state import AgentState, FleetState

HALF_A_CENT: Final = 0.005

Mismatch = dict[str, Any]


def compare(books: Mapping[str, Mapping[str, Any]], state: FleetState) -> tuple[dict[str, int], list[Mismatch]]:
    """How many numbers of each kind were compared, and each one that differs.

    Args:
        books: the truth by agent, as `sandbox.books.truth` gives it.
        state: what the belt knows.
    """
    compared: Counter[str] = Counter()
    mismatches: list[Mismatch] = []
    for agent_id, truth in books.items():
        agent = state.agents.get(agent_id)
        seen = {} if agent is None else observed(agent)
        for kind, true in truth.items():
            if kind == "trades":
                continue
            compared[kind] += 1
            mismatches += _differences(agent_id, kind, true, seen.get(kind))
        if agent is not None:
            mismatches += _misreports(agent)
    return dict(compared), mismatches


def observed(agent: AgentState) -> dict[str, Any]:
    """An agent's numbers under the names that the books use."""
    casino, trading = agent.casino, agent.trading
    outcomes: Counter[str] = Counter()
    for (_, outcome), count in agent.tallies.counters.get("pf_trades_total", {}).items():
        outcomes[outcome] += int(count)
    games = {game: paid - wagered for game, (bets, wagered, paid) in casino.games.items() if bets}
    if casino.parlay[0]:
        games["parlay"] = casino.parlay[2] - casino.parlay[1]
    own = [held for held in agent.escrows.values() if held.role == "creator" and held.status in {"funded", "completed"}]
    ended = agent.tallies.counters.get("pf_escrow_settled_total", {})
    return {
        "balance": casino.read_balance,
        "equity": agent.equity,
        "bets": casino.settled_bets + casino.parlays,
        "wins": outcomes["win"],
        "losses": outcomes["loss"],
        "pushes": outcomes["push"],
        "wagered": casino.wagered,
        "paid": casino.paid,
        "net_pnl_by_game": games,
        "net_pnl_by_market": {name: market.gross - market.fees for name, market in trading.markets.items()},
        "fees": trading.fees + agent.tallies.total("pf_escrow_fees_usdc_total") - agent.income.get("fees", 0.0),
        "open_escrows": len(own),
        "open_escrow_amount": sum(held.amount for held in own),
        "escrows_by_outcome": {
            outcome: int(ended.get((outcome,), 0.0)) for outcome in ("settled", "timeout", "disputed", "failed")
        },
        "referral_income": agent.tallies.total("pf_referral_income_usdc_total"),
        "faucet_claims": int(agent.tallies.get("pf_faucet_claims_total", ("success",))),
    }


def _misreports(agent: AgentState) -> list[Mismatch]:
    """What the agent told otherwise than the platform: its own word stands where the books' counterpart would."""
    return [
        {"agent": agent.agent_id, "kind": f"{one.field} told of {name}", "books": one.shown, "fleawatch": one.told}
        for name, one in agent.misreported.items()
    ]


def _differences(agent_id: str, kind: str, true: Any, seen: Any) -> list[Mismatch]:
    if isinstance(true, Mapping):
        got = seen if isinstance(seen, Mapping) else {}
        return [
            difference
            for key in sorted({*true, *got})
            for difference in _differences(agent_id, f"{kind}[{key}]", true.get(key), got.get(key))
        ]
    if true is None and seen is None:
        return []
    if true is None or seen is None or abs(float(true) - float(seen)) >= HALF_A_CENT:
        return [{"agent": agent_id, "kind": kind, "books": _plain(true), "fleawatch": _plain(seen)}]
    return []


def _plain(value: Decimal | float | None) -> float | int | None:
    return float(value) if isinstance(value, Decimal) else value
