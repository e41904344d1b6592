"""Money at rest and money that moves: balances, ledger rows, deposits, withdrawals, payments, faucet, swaps, domains.

A ledger row is the platform's own double of a movement; where an agent's ledger can be read it alone moves the books,
and the single facts (`DepositCredited` ...) only add what the ledger does not say.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from fleawatch.events.base import Amount, Count, Event, Service, Signed, Time

EntryKind = Literal[
    "stake", "payout",
    "parlay_stake", "parlay_payout", "parlay_refund",
    "challenge_stake", "challenge_payout", "challenge_refund",
    "tournament_entry", "tournament_prize",
    "referral", "escrow_referral",
    "bonus", "faucet",
    "deposit", "withdrawal_hold", "withdrawal_release", "withdrawal", "withdrawal_refund",
    "payment_sent", "payment_received",
    "escrow_lock", "escrow_release", "escrow_refund", "escrow_lock_undone",
    "purchase", "adjustment",
]  # fmt: skip
"""What a ledger row means. `adjustment` is a row whose reason is unknown: it is booked as P&L and counted."""


class LedgerEntry(Event, frozen=True, kw_only=True):
    """One row of an agent's ledger at one service, in ledger order.

    Attributes:
        position: place in the whole ledger, counted from 0; rows arrive in this order.
        amount: change of the spendable balance, positive = in.
        balance_after: spendable balance after the row, as the platform states it.
        entry: what the row means.
        reference: what it belongs to (escrow id, bet id, challenge id), when the row says so.
        level: referral level 1..3; 0 when the row is no referral income.
        fee: part of `amount` that is a fee, positive; P&L even when the rest is a flow.
        reason: the platform's own word, for people.
        recipient: where money went, when the platform says so: an address or a platform id.
    """

    service: Service
    currency: str
    position: Count
    amount: Signed
    balance_after: Signed
    entry: EntryKind
    reference: str | None = None
    level: Count = 0
    fee: Amount = Decimal(0)
    reason: str = ""
    recipient: str = ""


class LedgerRead(Event, frozen=True, kw_only=True):
    """A whole ledger was read to its end. A reading: balances seen before it must lie on its chain.

    Attributes:
        rows: number of rows in the whole ledger.
        settled_bets: bets that the platform says are settled; None when it was not asked.
    """

    service: Service
    currency: str
    rows: Count
    settled_bets: Count | None = None


class BalanceRead(Event, frozen=True, kw_only=True):
    """A balance was read. A reading: the newest one replaces the one before.

    Attributes:
        amount: in units of `currency`.
        value_usd: its value, or None when no price was to be had: Unknown, not 0.
        wallet_type: `hot`, `cold`, `trading` or `escrow`.
        account: which of several accounts of the service (`base:0x12ab`), empty when there is one.
    """

    service: Service
    currency: str
    amount: Amount
    value_usd: Amount | None
    wallet_type: Literal["hot", "cold", "trading", "escrow"] = "hot"
    account: str = ""


class DepositCredited(Event, frozen=True, kw_only=True):
    """A deposit arrived. `fee_usd` was taken on the way and is no part of `amount_usd`."""

    service: Service
    amount_usd: Amount
    chain: str = ""
    token: str = ""
    fee_usd: Amount | None = None


class WithdrawalChanged(Event, frozen=True, kw_only=True):
    """A withdrawal was requested, completed or failed. `fee_usd` is P&L, the rest a flow; `recipient` an address."""

    service: Service
    withdrawal_id: str
    amount_usd: Amount
    fee_usd: Amount
    status: Literal["pending", "reviewing", "completed", "failed"]
    recipient: str = ""


class PaymentMoved(Event, frozen=True, kw_only=True):
    """Money moved between two agents of the platform. `counterparty` is the platform's id of the other one."""

    payment_id: str
    direction: Literal["sent", "received"]
    amount_usd: Amount
    counterparty: str = ""


class FaucetClaimed(Event, frozen=True, kw_only=True):
    """The faucet was asked. `amount_usd` is 0 unless the status is `success`; after a `timeout` nobody knows whether it paid."""

    status: Literal["success", "rejected", "error", "timeout", "cancelled"]
    amount_usd: Amount


class BonusGranted(Event, frozen=True, kw_only=True):
    """The platform gave a bonus (daily, loss recovery, first deposit)."""

    bonus: str
    amount_usd: Amount


class Swapped(Event, frozen=True, kw_only=True):
    """One currency was exchanged for another on chain; the quantities explain a change of balances.

    Attributes:
        status: as of creation; the platform does not update it.
        fee_usd: positive = paid.
    """

    swap_id: str
    from_currency: str
    to_currency: str
    from_amount: Amount
    to_amount: Amount
    status: str = "completed"
    fee_usd: Amount | None = None


class DomainBought(Event, frozen=True, kw_only=True):
    """A domain was registered. `price_usd` is an expense; `expires_at` unix seconds."""

    domain: str
    price_usd: Amount
    expires_at: Time
