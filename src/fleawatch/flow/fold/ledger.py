"""Ledger rows: the platform's double of every movement of an agent's spendable balance, in ledger order.

The row's meaning decides whether it is P&L, an external flow or a move into or out of a lock. A lost bet writes no
second row: a stake is lost when the next row is not its payout, or when the platform counts it as settled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.events import Event, LedgerEntry, LedgerRead
from fleawatch.flow.fold.equity import ignore, known_since, settle
from fleawatch.flow.fold.escrow import locked_back, locked_in, locked_undone, worker_paid
from fleawatch.flow.fold.flows import INFLOW, OUTFLOW, flow
from fleawatch.flow.fold.orders import bet_seen
from fleawatch.flow.fold.play import place_stake, settle_stake
from fleawatch.flow.state import AgentState, Book, FleetState, Happening
from fleawatch.risk.conservation import Conservation

DOLLARS: Final = frozenset({"USD", "USDC"})
"""Currencies of the platform's balance. Rows of any other book are checked, and mean nothing to the equity."""
_LEVELS: Final = 3


def book_of(agent: AgentState, service: str, currency: str, *, opening: float | None = None) -> Book:
    """The book of one service and currency, opened when first asked for.

    `opening`: the balance before its first row, where the ledger is known from its beginning.
    """
    key = f"{service}:{currency}"
    book = agent.books.get(key)
    if book is None:
        book = agent.books[key] = Book(conservation=Conservation(opening=opening))
    return book


def entry(fleet: FleetState, agent: AgentState, row: LedgerEntry, at: float) -> None:
    """Book one row. A row that is booked already changes nothing."""
    book = book_of(agent, row.service, row.currency, opening=0.0)
    if row.position < book.rows:
        ignore(fleet, "ledger_row_again")
        return
    if row.position and not book.rows:
        book.conservation.opening = None
    amount, after = float(row.amount), float(row.balance_after)
    book.conservation.row(amount, after)
    tell_residual(fleet, agent, book, row.service, at)
    book.balance, book.rows, book.at = after, row.position + 1, row.at
    if row.service != "casino" or row.currency not in DOLLARS:
        ignore(fleet, "ledger_without_meaning")
        return
    casino = agent.casino
    if "casino" not in agent.since:
        known_since(agent, "casino", row.at)
    if casino.open_stake and row.entry != "payout":
        _lose_stake(fleet, agent)
    if casino.open_parlay and row.entry not in {"parlay_payout", "parlay_refund"}:
        _lose_parlay(fleet, agent)
    _ROWS.get(row.entry, _plain)(fleet, agent, row, amount, at)
    if row.at > agent.last_fact_at and row.entry not in _GIVEN:
        agent.last_fact_at = min(row.at, row.seen_at)
    agent.parts["casino"] = after + casino.in_flight
    settle(fleet, agent, at, read="casino")


def read(fleet: FleetState, agent: AgentState, event: LedgerRead, at: float) -> None:
    """The ledger was read to its end: what is still open can be decided."""
    casino = agent.casino
    book = book_of(agent, event.service, event.currency, opening=0.0)
    book.conservation.settle()
    tell_residual(fleet, agent, book, event.service, at)
    if event.service != "casino" or event.currency not in DOLLARS:
        return
    casino.whole_at = max(casino.whole_at, event.at)
    if "casino" not in agent.since:
        known_since(agent, "casino", event.at)
    if casino.open_stake and event.settled_bets is not None and event.settled_bets >= casino.staked_bets:
        _lose_stake(fleet, agent)
    _lose_parlay(fleet, agent)
    if casino.escrow_reads is None:
        status = agent.sources.get("escrow")
        casino.escrow_reads = status.reads if status else 0
    agent.parts["casino"] = book.balance + casino.in_flight
    settle(fleet, agent, at, read="casino")


def tell_residual(fleet: FleetState, agent: AgentState, book: Book, service: str, at: float) -> None:
    """Tell of unexplained money once, and again only when it is another sum."""
    residual = book.conservation.residual()
    if residual is None or residual == book.told:
        return
    book.told = residual
    if residual:
        fleet.happened.append(
            Happening(what="unexplained_money", agent_id=agent.agent_id, at=at, amount=residual, subject=service)
        )


def _lose_stake(fleet: FleetState, agent: AgentState) -> None:
    casino = agent.casino
    stake, casino.open_stake = casino.open_stake, 0.0
    settle_stake(fleet, agent, stake, 0.0, casino.open_stake_at)


def _lose_parlay(fleet: FleetState, agent: AgentState) -> None:
    casino = agent.casino
    stake, casino.open_parlay = casino.open_parlay, 0.0
    if stake:
        settle_stake(fleet, agent, stake, 0.0, casino.open_parlay_at, parlay=True)


def _stake(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, at: float) -> None:
    place_stake(fleet, agent, min(row.at, row.seen_at), -amount)
    agent.casino.staked_bets += 1
    agent.casino.open_stake, agent.casino.open_stake_at = -amount, at


def _payout(fleet: FleetState, agent: AgentState, _: LedgerEntry, amount: float, at: float) -> None:
    stake, agent.casino.open_stake = agent.casino.open_stake, 0.0
    if stake:
        settle_stake(fleet, agent, stake, amount, at)
    else:
        _unmatched(fleet, agent, amount)


def _parlay_stake(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, at: float) -> None:
    place_stake(fleet, agent, min(row.at, row.seen_at), -amount)
    agent.casino.open_parlay, agent.casino.open_parlay_at = -amount, at


def _parlay_payout(fleet: FleetState, agent: AgentState, _: LedgerEntry, amount: float, at: float) -> None:
    stake, agent.casino.open_parlay = agent.casino.open_parlay, 0.0
    if stake:
        settle_stake(fleet, agent, stake, amount, at, parlay=True)
    else:
        _unmatched(fleet, agent, amount)


def _unmatched(fleet: FleetState, agent: AgentState, amount: float) -> None:
    """A payout whose stake was taken for lost: it is money of play, but not a bet of its own."""
    agent.casino.net += amount
    agent.casino.paid += amount
    ignore(fleet, "payout_without_stake")


def _challenge_stake(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    happened = min(row.at, row.seen_at)
    agent.stakes.share(happened, -amount, agent.equity)
    bet_seen(agent, happened)
    stakes = agent.casino.challenge_stakes
    stakes[row.reference or ""] = stakes.get(row.reference or "", 0.0) - amount


def _challenge_end(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    stake = agent.casino.challenge_stakes.pop(row.reference or "", 0.0)
    agent.casino.net += amount - stake


def _game_money(_: FleetState, agent: AgentState, __: LedgerEntry, amount: float, ___: float) -> None:
    agent.casino.net += amount


def _referral(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, at: float) -> None:
    agent.income["referral"] = agent.income.get("referral", 0.0) + amount
    service = "escrow" if row.entry == "escrow_referral" else row.service
    level = str(min(row.level or 1, _LEVELS))
    agent.tallies.add("pf_referral_income_usdc_total", (service, level), max(0.0, amount))
    fleet.happened.append(
        Happening(
            what="referral",
            agent_id=agent.agent_id,
            at=at,
            amount=amount,
            subject=service,
            fields={"pf_service": service},
        )
    )


def _plain(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    agent.income[row.entry] = agent.income.get(row.entry, 0.0) + amount


_ROWS: Final[dict[str, Callable[[FleetState, AgentState, LedgerEntry, float, float], None]]] = {
    "stake": _stake,
    "payout": _payout,
    "parlay_stake": _parlay_stake,
    "parlay_payout": _parlay_payout,
    "parlay_refund": _parlay_payout,
    "challenge_stake": _challenge_stake,
    "challenge_payout": _challenge_end,
    "challenge_refund": _challenge_end,
    "tournament_entry": _game_money,
    "tournament_prize": _game_money,
    "referral": _referral,
    "escrow_referral": _referral,
    "escrow_lock": locked_in,
    "escrow_release": worker_paid,
    "escrow_refund": locked_back,
    "escrow_lock_undone": locked_undone,
    **dict.fromkeys((*INFLOW, *OUTFLOW), flow),
}

_GIVEN: Final = frozenset({*INFLOW, "referral", "escrow_referral"})
"""Rows that others cause: they are nothing that the agent did."""

HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {LedgerEntry: entry, LedgerRead: read}
