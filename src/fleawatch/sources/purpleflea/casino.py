"""The casino's books: the balance every time, the whole ledger and the totals by game when something has changed.

`/auth/balance` is cheap and carries a summary; while it stays the same to the byte, nothing else is read. When it
changes, the ledger is read after it, so that the balance lies on the ledger's chain, and the totals after the ledger,
so that they cover every row. A challenge that was lost writes no row at all: while one is staked, the list of pending
ones is read too.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from fleawatch.errors import SourceError
from fleawatch.events import (
    AgentIdentified,
    BalanceRead,
    ChallengeSettled,
    GameTotal,
    GameTotals,
    LedgerEntry,
    LedgerRead,
    ReferralTotals,
    fact_id,
    ledger_id,
)
from fleawatch.flow.state import Book
from fleawatch.sources.decode import Answer, decode, given
from fleawatch.sources.draft import Draft
from fleawatch.sources.http import Client
from fleawatch.sources.purpleflea.adapter import RARELY_S, Adapter, holding, moment
from fleawatch.sources.purpleflea.ledger import Carried, Meaning, Row, Withdrawal, classify
from fleawatch.sources.routes import (
    CASINO_BALANCE,
    CASINO_CHALLENGES,
    CASINO_LEDGER,
    CASINO_NEWEST_ROWS,
    CASINO_REFERRALS,
    CASINO_STATS,
    CASINO_WITHDRAWALS,
)

CURRENCY: Final = "USD"
BOOK: Final = f"casino:{CURRENCY}"
RECHECK_S: Final = 900.0
"""The ledger is read again after this time even when the balance never changed, so that a replaced one is noticed."""
_SAME: Final = 1e-6


class _Balance(Answer, frozen=True, kw_only=True):
    balance_usd: Decimal
    agent_id: str | UnsetType = UNSET


class _Ledger(Answer, frozen=True, kw_only=True):
    bankroll_curve: list[msgspec.Raw]


class _LedgerRow(msgspec.Struct, frozen=True):
    balance: Decimal
    change: Decimal
    reason: str
    at: str


class _NewestRow(msgspec.Struct, frozen=True, rename="camel"):
    amount: Decimal
    balance_after: Decimal
    reason: str
    created_at: float
    reference: str | None = None


class _NewestRows(Answer, frozen=True, kw_only=True):
    entries: list[_NewestRow]


class _WithdrawalRow(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    amount: Decimal
    fee: Decimal
    created_at: float
    address: str | None = None


class _Withdrawals(Answer, frozen=True, kw_only=True):
    withdrawals: list[_WithdrawalRow]


class _Game(msgspec.Struct, frozen=True):
    game: str
    bets: int
    wagered: Decimal
    won: Decimal


class _Lifetime(msgspec.Struct, frozen=True):
    total_bets: int


class _Stats(Answer, frozen=True, kw_only=True):
    lifetime: _Lifetime
    by_game: list[_Game]


class _Challenge(msgspec.Struct, frozen=True):
    id: str
    status: str = "pending"


class _Challenges(Answer, frozen=True, kw_only=True):
    outgoing: list[_Challenge]


class _Level(msgspec.Struct, frozen=True):
    count: int = 0


class _Referrals(Answer, frozen=True, kw_only=True):
    total_earned_usd: Decimal
    by_level: dict[str, _Level] | UnsetType = UNSET


_row_decoder: Final = msgspec.json.Decoder(_LedgerRow)


class CasinoSource(Adapter):
    """Balance, ledger and totals of one agent at the casino."""

    collector: str = "casino"

    def __init__(self, agent_id: str, client: Client) -> None:
        super().__init__(agent_id, client)
        self._body = b""
        self._amount = Decimal(0)
        self._rows = 0
        self._last_row = b""
        self._carried = Carried()
        self._recheck_at = 0.0
        self._referrals_at = 0.0

    async def _read(self, draft: Draft) -> None:
        gone = await self._gone_challenges(draft)
        body = await self._client.fetch(CASINO_BALANCE)
        book = draft.known.books.get(BOOK) if draft.known is not None else None
        booked = draft.booked and (book.rows if book is not None else 0) == self._rows
        unchanged = booked and body == self._body and draft.now < self._recheck_at and not (gone or self._hurried)
        if not unchanged:
            self._understand(draft, body)
        self._add_balance(draft)
        if not unchanged:
            returned = await self._read_books(draft, book, booked=booked)
            self._add_lost_challenges(draft, gone.keys() - returned, gone)
            self._body = body
            self._recheck_at = draft.now + RECHECK_S
        if draft.now >= self._referrals_at or self._hurried:
            await self._read_referrals(draft)
            self._referrals_at = draft.now + RARELY_S

    async def _gone_challenges(self, draft: Draft) -> dict[str, float]:
        """Stakes of challenges that were booked and are no longer pending: won, returned, or lost without a row.

        Asked before the ledger is read: what has ended by then and came back is a row of it.
        """
        staked = dict(draft.known.casino.challenge_stakes) if draft.known is not None else {}
        if not staked:
            return {}
        answer, surprises = await self._client.get(CASINO_CHALLENGES, _Challenges)
        draft.surprise(CASINO_CHALLENGES, surprises)
        pending = {one.id for one in answer.outgoing if one.status == "pending"}
        return {challenge: stake for challenge, stake in staked.items() if challenge not in pending}

    def _add_lost_challenges(self, draft: Draft, lost: AbstractSet[str], stakes: Mapping[str, float]) -> None:
        for challenge in sorted(lost):
            draft.add(
                ChallengeSettled(
                    fact_id=fact_id("casino", "challenge_settled", f"{challenge}:{self.agent_id}"),
                    agent_id=self.agent_id,
                    at=draft.now,
                    seen_at=draft.seen_at,
                    source=self.collector,
                    challenge_id=challenge,
                    stake=Decimal(repr(stakes[challenge])),
                    payout=Decimal(0),
                )
            )

    def _understand(self, draft: Draft, body: bytes) -> None:
        """Take the balance out of the answer, and the platform's id of the agent, which escrows name it by."""
        answer, surprises = decode(body, _Balance, CASINO_BALANCE)
        draft.surprise(CASINO_BALANCE, surprises)
        self._amount = holding(answer.balance_usd)
        platform_id = given(answer.agent_id)
        if platform_id and (draft.known is None or draft.known.profile.platform_ids.get("casino") != platform_id):
            draft.add(
                AgentIdentified(
                    fact_id=fact_id("casino", "agent_identified", f"{self.agent_id}:{platform_id}"),
                    agent_id=self.agent_id,
                    at=draft.now,
                    seen_at=draft.seen_at,
                    source=self.collector,
                    service="casino",
                    platform_id=platform_id,
                )
            )

    def _add_balance(self, draft: Draft) -> None:
        draft.add(
            BalanceRead(
                fact_id=draft.reading_id("balance_read"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="casino",
                currency=CURRENCY,
                amount=self._amount,
                value_usd=self._amount,
            )
        )

    async def _read_books(self, draft: Draft, book: Book | None, *, booked: bool) -> set[str]:
        """Add what the ledger has that the state has not; the challenges whose stakes came back in it."""
        ledger, surprises = await self._client.get(CASINO_LEDGER, _Ledger)
        draft.surprise(CASINO_LEDGER, surprises)
        curve = ledger.bankroll_curve
        have = book.rows if book is not None else 0
        self._refuse_replaced(curve, book, booked=booked)
        carried = self._carried.copy() if booked else Carried()
        first = have if booked else 0
        rows = [_ledger_row(raw) for raw in curve[first:]]
        withdrawals = await self._withdrawals(draft, rows)
        rows = await self._referenced(draft, rows, withdrawals, carried)
        meanings = classify(rows, withdrawals, carried)
        addresses = {one.id: one.address for one in withdrawals}
        for position, (row, meaning) in enumerate(zip(rows, meanings, strict=True), start=first):
            if position >= have:
                sent = meaning.entry in ("withdrawal_hold", "withdrawal")
                recipient = addresses.get(meaning.reference or "", "") if sent else ""
                self._add_entry(draft, position, row, meaning, recipient)
        stats, surprises = await self._client.get(CASINO_STATS, _Stats)
        draft.surprise(CASINO_STATS, surprises)
        stakes = sum(meaning.entry == "stake" for meaning in meanings)
        if booked and draft.known is not None:
            stakes += draft.known.casino.staked_bets
        if stakes > stats.lifetime.total_bets:
            draft.surprise(CASINO_LEDGER, ("reservation",))
        self._add_end(draft, len(curve), stats)
        self._rows = len(curve)
        self._last_row = bytes(curve[-1]) if curve else b""
        self._carried = carried
        return {one.reference or "" for one in meanings if one.entry in ("challenge_payout", "challenge_refund")}

    def _refuse_replaced(self, curve: list[msgspec.Raw], book: Book | None, *, booked: bool) -> None:
        """A ledger only grows. One that shrank or tells its past differently is another ledger."""
        have = book.rows if book is not None else 0
        if len(curve) < have:
            raise SourceError("schema", f"the ledger was replaced: it had {have} rows and now has {len(curve)}")
        if book is None or not have:
            return
        last = curve[have - 1]
        same = bytes(last) == self._last_row if booked else abs(float(_ledger_row(last).balance) - book.balance) < _SAME
        if not same:
            raise SourceError("schema", f"the ledger was replaced: row {have - 1} is not what it was")

    async def _withdrawals(self, draft: Draft, rows: list[Row]) -> list[Withdrawal]:
        """Withdrawals, asked for only when a row may belong to one."""
        if not any(row.reason in ("reservation", "withdrawal") for row in rows):
            return []
        answer, surprises = await self._client.get(CASINO_WITHDRAWALS, _Withdrawals)
        draft.surprise(CASINO_WITHDRAWALS, surprises)
        return [
            Withdrawal(one.id, one.amount, one.fee, one.created_at, one.address or "") for one in answer.withdrawals
        ]

    async def _referenced(
        self, draft: Draft, rows: list[Row], withdrawals: list[Withdrawal], carried: Carried
    ) -> list[Row]:
        """The rows with the references of the newest ones, when one of them could be a bet's or a withdrawal's."""
        held = {amount for amount, _ in carried.holds}
        doubtful = any(
            (row.reason == "reservation" and any(one.charges(-row.change) for one in withdrawals))
            or (row.reason == "reservation_release" and row.change in held)
            for row in rows
        )
        if not doubtful:
            return rows
        answer, surprises = await self._client.get(CASINO_NEWEST_ROWS, _NewestRows)
        draft.surprise(CASINO_NEWEST_ROWS, surprises)
        references: dict[tuple[str, Decimal, Decimal, int], list[str | None]] = {}
        for entry in answer.entries:
            key = (entry.reason, abs(entry.amount), entry.balance_after, int(entry.created_at))
            references.setdefault(key, []).append(entry.reference)
        return [_with_reference(row, references) for row in rows]

    def _add_entry(self, draft: Draft, position: int, row: Row, meaning: Meaning, recipient: str) -> None:
        draft.add(
            LedgerEntry(
                fact_id=ledger_id("casino", self.agent_id, position),
                agent_id=self.agent_id,
                at=draft.happened(row.at),
                seen_at=draft.seen_at,
                source=self.collector,
                service="casino",
                currency=CURRENCY,
                position=position,
                amount=row.change,
                balance_after=row.balance,
                entry=meaning.entry,
                reference=meaning.reference,
                level=meaning.level,
                fee=meaning.fee,
                reason=row.reason,
                recipient=recipient,
            )
        )

    def _add_end(self, draft: Draft, rows: int, stats: _Stats) -> None:
        draft.add(
            LedgerRead(
                fact_id=draft.reading_id("ledger_read"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="casino",
                currency=CURRENCY,
                rows=rows,
                settled_bets=stats.lifetime.total_bets,
            )
        )
        draft.add(
            GameTotals(
                fact_id=draft.reading_id("game_totals"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                games=tuple(
                    GameTotal(game=row.game, bets=row.bets, wagered=row.wagered, paid=row.won) for row in stats.by_game
                ),
                bets=stats.lifetime.total_bets,
            )
        )

    async def _read_referrals(self, draft: Draft) -> None:
        answer, surprises = await self._client.get(CASINO_REFERRALS, _Referrals)
        draft.surprise(CASINO_REFERRALS, surprises)
        levels = given(answer.by_level) or {}
        draft.add(
            ReferralTotals(
                fact_id=draft.reading_id("referral_totals"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="casino",
                earned_usd=answer.total_earned_usd,
                referred=tuple(levels.get(f"level_{level}", _Level()).count for level in (1, 2, 3)) if levels else (),
            )
        )


def _with_reference(row: Row, references: dict[tuple[str, Decimal, Decimal, int], list[str | None]]) -> Row:
    """The row with its reference, when exactly one of the newest rows is this one."""
    found = references.get((row.reason, abs(row.change), row.balance, int(row.at)), [])
    return row._replace(reference=found[0]) if len(found) == 1 else row


def _ledger_row(raw: msgspec.Raw) -> Row:
    try:
        row = _row_decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise SourceError("schema", f"{CASINO_LEDGER} answered with an unknown row: {error}") from None
    return Row(row.change, row.balance, row.reason, moment(row.at, CASINO_LEDGER, "at"))
