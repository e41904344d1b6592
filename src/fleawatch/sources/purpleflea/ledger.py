"""What a row of the casino's ledger means. Pure: rows in, meanings out.

The ledger is shared by casino, escrow, faucet, deposits and payments, and says what a row is for in one word. One word
has two meanings: `reservation` is the stake of a bet or the hold of a withdrawal, `reservation_release` the payout or
the hold's return. The difference decides how many bets there are, so it is taken from references, withdrawals and the
order of rows, in this order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from fleawatch.events import EntryKind

_IN: Final = 1
_OUT: Final = -1

MEANINGS: Final[Mapping[str, tuple[EntryKind, int]]] = {
    "reservation": ("stake", _OUT),
    "reservation_release": ("payout", _IN),
    "parlay_bet": ("parlay_stake", _OUT),
    "parlay_win": ("parlay_payout", _IN),
    "parlay_refund": ("parlay_refund", _IN),
    "challenge_escrow": ("challenge_stake", _OUT),
    "challenge_win": ("challenge_payout", _IN),
    "challenge_refund": ("challenge_refund", _IN),
    "challenge_escrow_return": ("challenge_refund", _IN),
    "tournament_entry": ("tournament_entry", _OUT),
    "daily_bonus": ("bonus", _IN),
    "loss_recovery_bonus": ("bonus", _IN),
    "first_deposit_bonus": ("bonus", _IN),
    "deposit": ("deposit", _IN),
    "withdrawal": ("withdrawal", _OUT),
    "withdrawal_refund": ("withdrawal_refund", _IN),
    "payment_sent": ("payment_sent", _OUT),
    "payment_received": ("payment_received", _IN),
    "faucet_claim": ("faucet", _IN),
    "escrow_lock": ("escrow_lock", _OUT),
    "escrow_release": ("escrow_release", _IN),
    "escrow_timeout_refund": ("escrow_refund", _IN),
    "escrow_referral_commission": ("escrow_referral", _IN),
    "escrow_create_failed_refund": ("escrow_lock_undone", _IN),
}
"""Reason up to its colon -> what the row is, and the sign that its change must have."""

_REFERRAL: Final = re.compile(r"referral_commission_l([123])\Z")
_PRIZE: Final = re.compile(r"tournament_prize_\d+\Z")
_CLOSE_S: Final = 2.0
"""A withdrawal and its hold are written by one request: their seconds differ by no more."""


class Row(NamedTuple):
    """A ledger row as the platform tells it. `at` in unix seconds; `reference` only when it was asked for."""

    change: Decimal
    balance: Decimal
    reason: str
    at: float
    reference: str | None = None


class Withdrawal(NamedTuple):
    """A withdrawal that the platform lists. `created_at` in unix seconds; `address` empty when it names none."""

    id: str
    amount: Decimal
    fee: Decimal
    created_at: float
    address: str = ""

    def charges(self, amount: Decimal) -> bool:
        """Whether `amount` is what this withdrawal takes from the balance, with its fee or with the fee inside."""
        return amount in (self.amount + self.fee, self.amount)


class Meaning(NamedTuple):
    """What a row is, whom it belongs to, its referral level, and the part of it that is a fee."""

    entry: EntryKind
    reference: str | None = None
    level: int = 0
    fee: Decimal = Decimal(0)


@dataclass(slots=True)
class Carried:
    """What the rows so far leave open for the next ones.

    Attributes:
        holds: withdrawals in progress: the amount held, and the withdrawal's id where it is known.
        staked: whether the last row was a stake, so that a release may be its payout.
    """

    holds: list[tuple[Decimal, str | None]] = field(default_factory=list)
    staked: bool = False

    def copy(self) -> Carried:
        return Carried(list(self.holds), self.staked)

    def take(self, amount: Decimal) -> tuple[bool, str | None]:
        """End the oldest hold of `amount`; whether there was one, and its withdrawal."""
        for index, (held, reference) in enumerate(self.holds):
            if held == amount:
                del self.holds[index]
                return True, reference
        return False, None


def plain(reason: str, change: Decimal) -> Meaning:
    """What a row says by itself. A reason that is unknown or contradicts the row's sign makes it an `adjustment`."""
    head, _, tail = reason.partition(":")
    subject = tail.split(maxsplit=1)[0] if tail.strip() else None
    referral = _REFERRAL.match(head)
    if referral and change >= 0:
        return Meaning("referral", subject, int(referral[1]))
    if _PRIZE.match(head) and change >= 0:
        return Meaning("tournament_prize", subject)
    entry, sign = MEANINGS.get(head, ("adjustment", 0))
    if not sign or change * sign < 0:
        return Meaning("adjustment")
    return Meaning(entry, subject)


def classify(rows: Sequence[Row], withdrawals: Iterable[Withdrawal], carried: Carried) -> list[Meaning]:
    """What each of the next `rows` of a ledger means; `carried` moves on with them.

    Args:
        rows: in ledger order.
        withdrawals: the withdrawals that the platform lists, in any order.
        carried: what the rows before left open; an empty one before the first row.
    """
    listed = list(withdrawals)
    holds = _holds(rows, listed, carried)
    meanings: list[Meaning] = []
    for index, row in enumerate(rows):
        meaning = plain(row.reason, row.change)
        follower = rows[index + 1] if index + 1 < len(rows) else None
        if meaning.entry == "stake":
            meaning = _stake(row, holds.get(index), carried, hold=index in holds)
        elif meaning.entry == "payout":
            meaning = _release(row, follower, carried)
        elif meaning.entry == "withdrawal":
            meaning = _withdrawal(row, listed)
        carried.staked = meaning.entry == "stake"
        meanings.append(meaning if meaning.reference else meaning._replace(reference=row.reference))
    return meanings


def _stake(row: Row, withdrawal_id: str | None, carried: Carried, *, hold: bool) -> Meaning:
    if not hold:
        return Meaning("stake", row.reference)
    carried.holds.append((-row.change, withdrawal_id))
    return Meaning("withdrawal_hold", withdrawal_id)


def _release(row: Row, follower: Row | None, carried: Carried) -> Meaning:
    """A payout comes directly after its stake; a hold comes back before its withdrawal, or when that was refused."""
    withdrawn = follower is not None and follower.reason == "withdrawal" and follower.change == -row.change
    referenced = row.reference is not None and not row.reference.startswith("bet_")
    if withdrawn or referenced or not carried.staked:
        found, withdrawal_id = carried.take(row.change)
        if found or withdrawn or referenced:
            return Meaning("withdrawal_release", withdrawal_id or row.reference)
    return Meaning("payout", row.reference)


def _withdrawal(row: Row, listed: list[Withdrawal]) -> Meaning:
    """The row that charges a withdrawal; the platform's list knows its fee."""
    matching = [one for one in listed if one.charges(-row.change) and one.created_at <= row.at + _CLOSE_S]
    if not matching:
        return Meaning("withdrawal", row.reference)
    named = [one for one in matching if one.id == row.reference]
    best = named[0] if named else min(matching, key=lambda one: row.at - one.created_at)
    return Meaning("withdrawal", best.id, fee=best.fee)


def _holds(rows: Sequence[Row], listed: list[Withdrawal], carried: Carried) -> dict[int, str | None]:
    """Which bare reservations are holds: index of the row -> id of its withdrawal, None where no list names it."""
    bare = [i for i, row in enumerate(rows) if row.reason == "reservation" and row.change < 0]
    holds: dict[int, str | None] = {}
    for index in bare:
        reference = rows[index].reference
        if reference is not None and not reference.startswith("bet_"):
            holds[index] = reference
    named = {*holds.values(), *(reference for _, reference in carried.holds)}
    for one in listed:
        if one.id in named:
            continue
        near = [
            i
            for i in bare
            if i not in holds
            and rows[i].reference is None
            and one.charges(-rows[i].change)
            and abs(rows[i].at - one.created_at) <= _CLOSE_S
        ]
        if near:
            holds[max(near, key=lambda i: _fits(rows, i))] = one.id
    _add_unlisted(rows, bare, holds, carried)
    return holds


def _fits(rows: Sequence[Row], index: int) -> tuple[int, int]:
    """How well a reservation fits a hold rather than a bet: its return is followed by a withdrawal, or never came."""
    after = rows[index + 1] if index + 1 < len(rows) else None
    if after is None or after.reason != "reservation_release":
        return (1, -index)
    last = rows[index + 2] if index + 2 < len(rows) else None
    charged = last is not None and last.reason == "withdrawal" and last.change == -after.change == rows[index].change
    return (2, -index) if charged else (0, -index)


def _add_unlisted(rows: Sequence[Row], bare: list[int], holds: dict[int, str | None], carried: Carried) -> None:
    """Holds of withdrawals too old for the platform's list: every withdrawal had one, for the same amount."""
    free = [amount for amount, _ in carried.holds]
    for index, row in enumerate(rows):
        if index in holds:
            free.append(-row.change)
        if row.reason != "withdrawal":
            continue
        if -row.change in free:
            free.remove(-row.change)
            continue
        before = [
            i
            for i in bare
            if i < index and i not in holds and rows[i].reference is None and rows[i].change == row.change
        ]
        if before:
            holds[before[-1]] = None
