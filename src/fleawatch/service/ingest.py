"""Facts that an agent reports of itself: which kinds it may report, and how they come in.

An agent may say what it did and saw. It may not say what the platform's books say where those are read, nor that it was
read, declared, halted or resumed: with that, it could prove its own obedience, or lift its own halt.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from fleawatch.errors import LEAVE_OUT, BadEvent, Problem
from fleawatch.events import KINDS, Event, FaucetClaimed, decode
from fleawatch.flow.state import AgentState

LARGEST: Final = 1 << 20
"""Bytes of one request."""
MOST: Final = 1_000
"""Facts of one request."""
AHEAD_S: Final = 300.0
"""Seconds by which an agent's clock may be ahead."""

ALWAYS: Final = frozenset(
    {
        "agent_error", "api_call", "capital_reported", "decision_cycle", "funding_paid", "heartbeat", "market_tick",
        "order_book_snapshot", "order_placed", "signal_computed", "slow_span", "span_errors", "strategy_switched",
        "bet_settled", "parlay_settled", "order_filled",
    }
)  # fmt: skip
"""What an agent did and saw. Bets and fills are one fact with the platform's own row, by their id."""

UNREAD: Final[dict[str, str]] = {
    "balance_read": "", "ledger_entry": "", "deposit_credited": "", "withdrawal_changed": "",
    "challenge_opened": "casino", "challenge_settled": "casino", "tournament_entered": "casino", "tournament_paid": "casino",
    "escrow_created": "casino", "escrow_completed": "casino", "escrow_released": "casino", "escrow_refunded": "casino",
    "escrow_disputed": "casino", "escrow_failed": "casino", "payment_moved": "casino", "bonus_granted": "casino",
    "faucet_claimed": "casino", "referral_income": "casino",
    "position_opened": "trading", "position_marked": "trading", "position_closed": "trading", "collateral_moved": "trading",
    "swapped": "wallet", "domain_bought": "domains",
}  # fmt: skip
"""What it may report only where nobody reads it: by kind, the collector that does; empty where the fact names its service."""


class Refusal(NamedTuple):
    """A line that was not taken: its number from 1, and what was wrong with it."""

    line: int
    problems: tuple[Problem, ...]


def admitted(agent: AgentState, body: bytes, now: float) -> tuple[list[Event], list[Refusal]]:
    """The facts of a body of JSON lines that the agent may report, as seen now, and what was refused.

    Raises:
        ValueError: there are too many lines.
    """
    lines = body.split(b"\n")
    if len(lines) > MOST + 1:
        raise ValueError(f"{len(lines)} lines, more than {MOST}")
    facts: list[Event] = []
    refused: list[Refusal] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            fact = decode(line)
        except BadEvent as error:
            refused.append(Refusal(number, error.problems))
            continue
        problem = _problem(agent, fact, now)
        if problem is None:
            facts.append(msgspec.structs.replace(fact, seen_at=now, source="sdk"))
        else:
            refused.append(Refusal(number, (problem,)))
    return facts, refused


def _problem(agent: AgentState, fact: Event, now: float) -> Problem | None:
    if fact.agent_id != agent.agent_id:
        return Problem("agent_id", f"was {fact.agent_id!r}, not {agent.agent_id!r}", "report your own facts only")
    if fact.at > now + AHEAD_S:
        return Problem("at", f"was {fact.at - now:.0f} s ahead of the service", "set the agent's clock")
    kind = str(type(fact).__struct_config__.tag)
    if kind in ALWAYS or (isinstance(fact, FaucetClaimed) and fact.status != "success"):
        return None  # no ledger shows a claim that was refused
    if kind not in UNREAD:
        return Problem("kind", f"was {kind}, which no agent reports", f"report some of {', '.join(sorted(REPORTED))}")
    collector = UNREAD[kind] or str(getattr(fact, "service", ""))
    if collector in agent.profile.collectors:
        return Problem("kind", f"was {kind}, which is read from the {collector} service itself", LEAVE_OUT)
    return None


REPORTED: Final = frozenset(ALWAYS | UNREAD.keys())
if not KINDS.keys() >= REPORTED:
    raise TypeError(f"kinds {', '.join(sorted(REPORTED - KINDS.keys()))} are none")
