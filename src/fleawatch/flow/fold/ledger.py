"""Ledger rows: the platform's double of every movement of an agent's spendable balance, in ledger order.

The row's meaning decides whether it is P&L, an external flow or a move into or out of a lock. A lost bet writes no
second row: a stake is lost when the next row is not its payout, or when the platform counts it as settled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.events import Event, LedgerEntry, LedgerRead
from fleawatch.flow.fold.equity import moment, settle, transfer
from fleawatch.flow.fold.escrow import locked_back, locked_in, locked_undone, worker_paid
from fleawatch.flow.fold.play import settle_stake
from fleawatch.flow.state import AgentState, Book, FleetState, Happening
from fleawatch.risk.conservation import Conservation

_INFLOW: Final = {
    "deposit": "deposit",
    "faucet": "faucet",
    "bonus": "bonus",
    "payment_received": "payment",
    "withdrawal_release": "",
    "withdrawal_refund": "",
}
_OUTFLOW: Final = {"payment_sent": "payment", "withdrawal_hold": "", "withdrawal": "withdrawal"}


def book_of(agent: AgentState, service: str, currency: str) -> Book:
    """The book of one service and currency, opened when first asked for."""
    key = f"{service}:{currency}"
    book = agent.books.get(key)
    if book is None:
        book = agent.books[key] = Book(conservation=Conservation())
    return book


def entry(fleet: FleetState, agent: AgentState, row: LedgerEntry) -> None:
    """Book one row. A row that is booked already changes nothing."""
    book = book_of(agent, row.service, row.currency)
    if row.position < book.rows:
        fleet.ignored["ledger_row_again"] = fleet.ignored.get("ledger_row_again", 0) + 1
        return
    at = moment(fleet, agent, row)
    amount, after = float(row.amount), float(row.balance_after)
    _conserve(fleet, agent, book, amount, after, at)
    _close_open_stakes(fleet, agent, row)
    handler = _ROWS.get(row.entry, _plain)
    handler(fleet, agent, row, amount, at)
    book.balance, book.rows, book.at = after, row.position + 1, row.at
    agent.last_fact_at = max(agent.last_fact_at, row.at)
    casino = agent.casino
    agent.parts["casino"] = after + casino.open_stake + casino.open_parlay + sum(casino.challenge_stakes.values())
    settle(fleet, agent, at)


def read(fleet: FleetState, agent: AgentState, event: LedgerRead) -> None:
    """The ledger was read to its end: what is still open can be decided."""
    casino = agent.casino
    book = book_of(agent, event.service, event.currency)
    at = moment(fleet, agent, event)
    settled = event.settled_bets is not None and event.settled_bets >= casino.staked_bets
    if (casino.open_stake and settled) or casino.open_parlay:
        if settled:
            _lose_stake(fleet, agent)
        _lose_parlay(fleet, agent)
        agent.parts["casino"] = (
            book.balance + casino.open_stake + casino.open_parlay + sum(casino.challenge_stakes.values())
        )
    agent.parts.setdefault("casino", book.balance)
    before = book.conservation.residual()
    book.conservation.settle()
    _tell_residual(fleet, agent, before, book.conservation.residual(), at)
    settle(fleet, agent, at)


def _conserve(fleet: FleetState, agent: AgentState, book: Book, amount: float, after: float, at: float) -> None:
    before = book.conservation.residual()
    book.conservation.row(amount, after)
    _tell_residual(fleet, agent, before, book.conservation.residual(), at)


def _tell_residual(
    fleet: FleetState, agent: AgentState, before: float | None, residual: float | None, at: float
) -> None:
    if residual and not before:
        fleet.happened.append(
            Happening(what="unexplained_money", agent_id=agent.agent_id, at=at, amount=residual, subject="casino")
        )


def _close_open_stakes(fleet: FleetState, agent: AgentState, row: LedgerEntry) -> None:
    if agent.casino.open_stake and row.entry != "payout":
        _lose_stake(fleet, agent)
    if agent.casino.open_parlay and row.entry not in {"parlay_payout", "parlay_refund"}:
        _lose_parlay(fleet, agent)


def _lose_stake(fleet: FleetState, agent: AgentState) -> None:
    casino = agent.casino
    stake, at, casino.open_stake = casino.open_stake, casino.open_stake_at, 0.0
    if stake:
        settle_stake(fleet, agent, stake, 0.0, at)


def _lose_parlay(fleet: FleetState, agent: AgentState) -> None:
    casino = agent.casino
    stake, at, casino.open_parlay = casino.open_parlay, casino.open_parlay_at, 0.0
    if stake:
        settle_stake(fleet, agent, stake, 0.0, at, parlay=True)


def _stake(_: FleetState, agent: AgentState, __: LedgerEntry, amount: float, at: float) -> None:
    agent.casino.staked_bets += 1
    agent.casino.open_stake, agent.casino.open_stake_at = -amount, at


def _payout(fleet: FleetState, agent: AgentState, _: LedgerEntry, amount: float, at: float) -> None:
    stake, agent.casino.open_stake = agent.casino.open_stake, 0.0
    settle_stake(fleet, agent, stake, amount, at)


def _parlay_stake(_: FleetState, agent: AgentState, __: LedgerEntry, amount: float, at: float) -> None:
    agent.casino.open_parlay, agent.casino.open_parlay_at = -amount, at


def _parlay_payout(fleet: FleetState, agent: AgentState, _: LedgerEntry, amount: float, at: float) -> None:
    stake, agent.casino.open_parlay = agent.casino.open_parlay, 0.0
    settle_stake(fleet, agent, stake, amount, at, parlay=True)


def _challenge_stake(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    stakes = agent.casino.challenge_stakes
    stakes[row.reference or ""] = stakes.get(row.reference or "", 0.0) - amount


def _challenge_end(_: FleetState, agent: AgentState, row: LedgerEntry, amount: float, __: float) -> None:
    stake = agent.casino.challenge_stakes.pop(row.reference or "", 0.0)
    agent.casino.net += amount - stake


def _game_money(_: FleetState, agent: AgentState, __: LedgerEntry, amount: float, ___: float) -> None:
    agent.casino.net += amount


def _flow(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, at: float) -> None:
    fee = float(row.fee)
    moved = amount + fee
    transfer(fleet, agent, "casino", moved, at)
    if fee:
        agent.income["fees"] = agent.income.get("fees", 0.0) - fee
    if row.entry in _INFLOW:
        source = _INFLOW[row.entry]
        if source:
            agent.deposits += moved
            agent.tallies.add("pf_wallet_deposits_usdc_total", (source,), moved)
        if row.entry == "faucet":
            agent.tallies.add("pf_faucet_claims_total", ("success",))
        fleet.happened.append(
            Happening(what=row.entry, agent_id=agent.agent_id, at=at, amount=moved, subject=row.reason)
        )
    elif kind := _OUTFLOW[row.entry]:
        agent.withdrawals -= moved
        agent.tallies.add("pf_wallet_withdrawals_usdc_total", (kind,), -moved)


def _referral(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, at: float) -> None:
    agent.income["referral"] = agent.income.get("referral", 0.0) + amount
    service = "escrow" if row.entry == "escrow_referral" else row.service
    agent.tallies.add("pf_referral_income_usdc_total", (service, str(row.level or 1)), amount)
    fleet.happened.append(Happening(what="referral", agent_id=agent.agent_id, at=at, amount=amount, subject=service))


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
    **dict.fromkeys((*_INFLOW, *_OUTFLOW), _flow),
}

HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {LedgerEntry: entry, LedgerRead: read}
