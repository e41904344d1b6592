"""One agent's days at the casino, as the facts that its sources would bring: ledger, bets, totals, escrows.

The ledger is exact: every row follows from the one before, and a bet is a stake row and, unless it was lost, a payout.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from fleawatch.events import (
    BalanceRead,
    BetSettled,
    EscrowCreated,
    EscrowReleased,
    Event,
    GameTotal,
    GameTotals,
    LedgerEntry,
    LedgerRead,
    SourceRead,
    fact_id,
    ledger_id,
    reading_id,
)
from fleawatch.units import cents

VALID_S: Final = 600.0
"""Seconds that a reading of the example counts as fresh."""

_GAMES: Final = ("dice", "coin_flip", "roulette", "crash")
_ESCROW_S: Final = 3 * 3_600.0
_COMMISSION: Final = Decimal("0.01")


@dataclass
class CasinoAgent:
    """Plays with an edge (share of the stake it wins on average; negative for the house) and hires others.

    Attributes:
        balance: spendable USD.
        rows: ledger rows so far.
        games: bets, wagered, paid by game.
        open: escrow it has created and not released: id, worker, amount, when.
    """

    name: str
    chance: random.Random
    start: Decimal
    edge: float
    balance: Decimal = Decimal(0)
    rows: int = 0
    bets: int = 0
    escrows: int = 0
    games: dict[str, tuple[int, Decimal, Decimal]] = field(default_factory=dict)
    open: tuple[str, str, Decimal, float] | None = None

    def round(self, at: float, worker: str, *, hires: bool) -> Iterator[Event]:
        """What one round of readings at `at` brings."""
        if not self.rows:
            yield self._row(at, "deposit", self.start, "dep_1")
        if self.chance.random() < 0.004:
            yield self._row(at, "deposit", Decimal(self.chance.randrange(50, 200)), f"dep_{self.rows}")
        for number in range(self.chance.randrange(1, 4)):
            yield from self._bet(at - 20 + number)
        if hires:
            yield from self._hire(at, worker)
        yield self._totals(at)
        yield LedgerRead(
            **self._reading("ledger_read", at), service="casino", currency="USD", rows=self.rows, settled_bets=self.bets
        )
        yield BalanceRead(
            **self._reading("balance_read", at),
            service="casino",
            currency="USD",
            amount=self.balance,
            value_usd=self.balance,
        )
        for collector in ("casino", "bets", "escrow"):
            yield self._read(collector, at)

    def _bet(self, at: float) -> Iterator[Event]:
        stake = cents(min(self.balance * Decimal("0.006") + 1, self.balance))
        if stake <= 0:
            return
        game = self.chance.choice(_GAMES)
        won = self.chance.random() < 0.5 + self.edge / 2
        payout = stake * 2 if won else Decimal(0)
        self.bets += 1
        bet_id = f"bet_{self.name}_{self.bets}"
        yield self._row(at, "stake", -stake, bet_id)
        if payout:
            yield self._row(at, "payout", payout, bet_id)
        count, wagered, paid = self.games.get(game, (0, Decimal(0), Decimal(0)))
        self.games[game] = (count + 1, wagered + stake, paid + payout)
        yield BetSettled(
            fact_id=fact_id("casino", "bet_settled", bet_id),
            **self._who(at, "bets"),
            bet_id=bet_id,
            game=game,
            stake=stake,
            payout=payout,
        )

    def _hire(self, at: float, worker: str) -> Iterator[Event]:
        if self.open is None:
            if self.chance.random() < 0.15 and self.balance > 60:
                yield from self._escrow(at, worker)
            return
        escrow_id, _, amount, since = self.open
        if at - since > _ESCROW_S * 0.6:
            self.open = None
            yield EscrowReleased(
                fact_id=fact_id("escrow", "escrow_released", escrow_id),
                **self._who(at, "escrow"),
                escrow_id=escrow_id,
                net_usd=amount - cents(amount * _COMMISSION),
                commission_usd=cents(amount * _COMMISSION),
            )

    def _escrow(self, at: float, worker: str) -> Iterator[Event]:
        self.escrows += 1
        escrow_id = f"esc_{self.name}_{self.escrows}"
        amount = Decimal(self.chance.randrange(10, 50))
        self.open = (escrow_id, worker, amount, at)
        yield self._row(at, "escrow_lock", -amount, escrow_id)
        yield EscrowCreated(
            fact_id=fact_id("escrow", "escrow_created", escrow_id),
            **self._who(at, "escrow"),
            escrow_id=escrow_id,
            creator=f"ag_{self.name}",
            counterparty=f"ag_ext_{worker}",
            amount_usd=amount,
            commission_usd=cents(amount * _COMMISSION),
            expires_at=at + _ESCROW_S,
        )

    def _totals(self, at: float) -> GameTotals:
        games = tuple(
            GameTotal(game=game, bets=count, wagered=wagered, paid=paid)
            for game, (count, wagered, paid) in sorted(self.games.items())
        )
        return GameTotals(**self._reading("game_totals", at), games=games, bets=self.bets)

    def _row(self, at: float, entry: Any, amount: Decimal, reference: str) -> LedgerEntry:
        self.balance += amount
        self.rows += 1
        return LedgerEntry(
            fact_id=ledger_id("casino", self.name, self.rows - 1),
            **self._who(at, "casino"),
            service="casino",
            currency="USD",
            position=self.rows - 1,
            amount=amount,
            balance_after=self.balance,
            entry=entry,
            reference=reference,
        )

    def _read(self, collector: str, at: float) -> SourceRead:
        return SourceRead(
            fact_id=reading_id(collector, "source_read", self.name, at),
            **self._who(at, collector),
            collector=collector,
            duration_s=0.02 + self.chance.random() * 0.03,
            valid_s=VALID_S,
        )

    def _reading(self, kind: str, at: float) -> dict[str, Any]:
        return {"fact_id": reading_id("casino", kind, self.name, at), **self._who(at, "casino")}

    def _who(self, at: float, source: str) -> dict[str, Any]:
        return {"agent_id": self.name, "at": at, "seen_at": at, "source": source}
