"""A week of readings of a small fleet: what a poller books every 15 seconds, made here because a week is long.

The rates are those that `benchmarks.facts` records from the sandbox: of ten readings of the casino four find new rows,
with a bet or two; escrows, positions, swaps and failures come as often as there. Books reconcile: every ledger is a
chain and every balance lies on it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, TypeVar

from fleawatch.events import (
    AgentDeclared,
    BalanceRead,
    BetSettled,
    Check,
    EntryKind,
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowReleased,
    Event,
    GameTotal,
    GameTotals,
    HealthRead,
    LedgerEntry,
    LedgerRead,
    OrderFilled,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    ReferralTotals,
    SourceRead,
    SourceUnavailable,
    Swapped,
    fact_id,
    ledger_id,
    reading_id,
)

POLL_S: Final = 15.0
GAMES: Final = ("coin_flip", "dice", "plinko", "roulette", "crash", "slots", "hilo", "mines")
MARKETS: Final = ("BTC", "ETH", "SOL", "DOGE")
COLLECTORS: Final = ("casino", "bets", "escrow", "trading", "wallet", "probe")
START_USD: Final = Decimal(100_000)

_Kind = TypeVar("_Kind", bound=Event)


class Subject:
    """One agent that plays, hires, trades and holds coins, and everything its collectors would book."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self._random = random.Random(f"{seed}:{name}")
        self._now = 0.0
        self._count = 0
        self._rows = 0
        self._balance = Decimal(0)
        self._bets = 0
        self._games = {game: (0, Decimal(0), Decimal(0)) for game in GAMES}
        self._escrows: list[tuple[str, int]] = []
        self._positions: dict[str, int] = {}
        self._ether = Decimal(2)

    def declared(self, at: float) -> Event:
        """The declaration of the agent."""
        self._now = at
        return self._make(
            AgentDeclared, "declared", strategy="mixed", collectors=COLLECTORS, trades=True, capital_usd=Decimal(10_000),
            platform_ids={"casino": f"ag_{self.name}"},
        )  # fmt: skip

    def poll(self, at: float) -> Iterator[Event]:
        """One round of readings of all collectors."""
        self._now = at
        for collector, read in (
            ("casino", self._casino),
            ("bets", self._no_news),
            ("escrow", self._escrow_service),
            ("trading", self._trading),
            ("wallet", self._wallet),
            ("probe", self._probe),
        ):
            if self._random.random() < 0.003:
                yield self._make(
                    SourceUnavailable,
                    collector,
                    collector=collector,
                    reason="timeout",
                    duration_s=5.0,
                    source="monitor",
                )
                continue
            yield from read()
            yield self._make(
                SourceRead, collector, collector=collector, duration_s=self._random.random() / 20, valid_s=60.0,
                source="monitor",
            )  # fmt: skip

    def _make(self, kind: type[_Kind], part: str, **fields: Any) -> _Kind:
        self._count += 1
        base: dict[str, Any] = {
            "fact_id": reading_id(part, kind.__name__, self.name, self._now) + f":{self._count}",
            "agent_id": self.name, "at": self._now, "seen_at": self._now + 0.2, "source": part,
        }  # fmt: skip
        return kind(**{**base, **fields})

    def _row(self, entry: EntryKind, amount: Decimal, reference: str | None = None) -> Event:
        self._balance += amount
        position, self._rows = self._rows, self._rows + 1
        return self._make(
            LedgerEntry, "casino", fact_id=ledger_id("casino", self.name, position), service="casino", currency="USD",
            position=position, amount=amount, balance_after=self._balance, entry=entry, reference=reference,
        )  # fmt: skip

    def _casino(self) -> Iterator[Event]:
        news: list[Event] = []
        if not self._rows:
            news.append(self._row("deposit", START_USD))
        if self._random.random() < 0.4:
            news += self._play()
        if self._random.random() < 0.04:
            news.append(self._lock())
        if self._random.random() < 0.02:
            amount = Decimal(self._random.randint(1, 500)) / 100
            news.append(self._row(self._random.choice(("referral", "bonus", "payment_received")), amount))
        yield self._make(
            BalanceRead, "casino", service="casino", currency="USD", amount=self._balance, value_usd=self._balance
        )
        if news:
            yield from news
            yield self._make(
                LedgerRead, "casino", service="casino", currency="USD", rows=self._rows, settled_bets=self._bets
            )
            games = tuple(
                GameTotal(game=game, bets=bets, wagered=wagered, paid=paid)
                for game, (bets, wagered, paid) in self._games.items()
            )
            yield self._make(GameTotals, "casino", games=games, bets=self._bets)

    def _play(self) -> Iterator[Event]:
        for _ in range(self._random.randint(1, 2)):
            game = self._random.choice(GAMES)
            stake = Decimal(self._random.randint(10, 500)) / 100
            payout = stake * 2 if self._random.random() < 0.49 else Decimal(0)
            bets, wagered, paid = self._games[game]
            self._games[game] = (bets + 1, wagered + stake, paid + payout)
            self._bets += 1
            bet_id = f"bet_{self.name}_{self._bets}"
            yield self._row("stake", -stake)
            if payout:
                yield self._row("payout", payout)
            yield self._make(
                BetSettled, "casino", fact_id=fact_id("casino", "bet_settled", bet_id), bet_id=bet_id, game=game,
                stake=stake, payout=payout, exact=False,
            )  # fmt: skip

    def _lock(self) -> Event:
        escrow_id = f"esc_{self.name}_{self._rows:012x}"
        amount = self._random.randint(1, 20)
        self._escrows.append((escrow_id, amount))
        return self._row("escrow_lock", Decimal(-amount), escrow_id)

    def _escrow_service(self) -> Iterator[Event]:
        while len(self._escrows) > 6:
            escrow_id, amount = self._escrows.pop(0)
            whole, fee = Decimal(amount), Decimal(amount) / 100
            yield self._make(
                EscrowCreated, "escrow", escrow_id=escrow_id, creator=f"ag_{self.name}", counterparty="ag_elsewhere",
                amount_usd=whole, commission_usd=fee, expires_at=self._now + 86_400,
            )  # fmt: skip
            yield self._make(EscrowCompleted, "escrow", escrow_id=escrow_id)
            if self._random.random() < 0.05:
                yield self._make(EscrowDisputed, "escrow", escrow_id=escrow_id)
            else:
                yield self._make(EscrowReleased, "escrow", escrow_id=escrow_id, net_usd=whole - fee, commission_usd=fee)

    def _trading(self) -> Iterator[Event]:
        if self._random.random() < 0.15:
            name = f"pos_{self.name}_{self._count}"
            self._positions[name] = self._random.randint(0, len(MARKETS) - 1)
            yield self._make(
                PositionOpened, "trading", position_id=name, market=self._market(name), side="buy",
                notional_usd=Decimal(1000), quantity=Decimal("0.01"), entry_price=Decimal(100_000), leverage=Decimal(5),
                margin_usd=Decimal(200),
            )  # fmt: skip
            yield self._fill(name, "open")
        while len(self._positions) > 3:
            name = next(iter(self._positions))
            result = Decimal(self._random.randint(-2000, 2050)) / 100
            yield self._fill(name, "close")
            yield self._make(
                PositionClosed, "trading", position_id=name, market=self._market(name), side="buy",
                notional_usd=Decimal(1000), entry_price=Decimal(100_000), realized_pnl_usd=result,
                fee_usd=Decimal("1.1"), opened_at=self._now - 120,
            )  # fmt: skip
            del self._positions[name]
        for name in self._positions:
            yield self._make(
                PositionMarked, "trading", position_id=name, market=self._market(name), price=Decimal(100_000),
                unrealized_pnl_usd=Decimal(self._random.randint(-2000, 2000)) / 100,
            )  # fmt: skip
        yield self._make(PositionsRead, "trading", open_ids=tuple(self._positions))

    def _market(self, name: str) -> str:
        return f"{MARKETS[self._positions[name]]}-USD"

    def _fill(self, name: str, leg: str) -> Event:
        return self._make(
            OrderFilled, "trading", trade_id=f"{name}_{leg}", order_id=name, market=self._market(name), side="buy",
            notional_usd=Decimal(1000), price=Decimal(100_000), fee_usd=Decimal("0.55"), realized_pnl_usd=Decimal(0),
        )  # fmt: skip

    def _wallet(self) -> Iterator[Event]:
        if self._random.random() < 0.002 and self._ether > 1:
            self._ether -= Decimal("0.01")
            yield self._make(
                Swapped, "wallet", swap_id=f"sw_{self._count}", from_currency="ETH", to_currency="USDC",
                from_amount=Decimal("0.01"), to_amount=Decimal(30),
            )  # fmt: skip
        price = Decimal(self._random.randint(290_000, 310_000)) / 100
        for currency, amount, value in (
            ("ETH", self._ether, self._ether * price),
            ("USDC", Decimal(100), Decimal(100)),
        ):
            yield self._make(
                BalanceRead, "wallet", service="wallet", currency=currency, amount=amount, value_usd=value,
                account=f"base:{self.name}",
            )  # fmt: skip
        if self._random.random() < 0.25:
            earned = Decimal(self._bets) / 100
            yield self._make(ReferralTotals, "wallet", service="wallet", earned_usd=earned, available_usd=earned)

    def _probe(self) -> Iterator[Event]:
        checks = (Check(name="wallet", ok=True), Check(name="exchange_api", ok=self._random.random() > 0.01))
        yield self._make(
            HealthRead, "probe", up=True, checks=checks, last_action_at=self._now - 1, memory_ratio=0.4, cpu_ratio=0.2
        )

    def _no_news(self) -> Iterator[Event]:
        return iter(())
