"""One agent's perpetual positions, as the facts that its trading source and its own reports would bring."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from fleawatch.events import (
    Event,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    SourceRead,
    fact_id,
    reading_id,
)
from fleawatch.testing.casino_agent import VALID_S
from fleawatch.units import cents

_MARKETS: Final = {"BTC-USD": 61_000.0, "ETH-USD": 3_100.0, "SOL-USD": 148.0}
_FEE: Final = Decimal("0.0005")
_LEVERAGE: Final = Decimal(5)


@dataclass
class _Open:
    """A position: its market, +1 long or -1 short, notional, entry price, when."""

    position_id: str
    market: str
    sign: int
    notional: Decimal
    entry: float
    at: float


@dataclass
class TradingAgent:
    """Opens and closes positions in a market that moves as a wave with noise.

    Attributes:
        reports_orders: whether it reports its orders with their latency.
    """

    name: str
    strategy: str
    chance: random.Random
    reports_orders: bool
    open: list[_Open] = field(default_factory=list)
    opened: int = 0

    def round(self, at: float) -> Iterator[Event]:
        """What one round of readings at `at` brings."""
        if len(self.open) < 3 and self.chance.random() < 0.2:
            yield from self._enter(at)
        if self.open and self.chance.random() < 0.12:
            yield from self._leave(self.open.pop(0), at)
        for held in self.open:
            yield self._mark(held, at)
        yield PositionsRead(
            **self._reading("positions_read", at), open_ids=tuple(held.position_id for held in self.open)
        )
        yield SourceRead(
            **self._reading("source_read", at),
            collector="trading",
            duration_s=0.03 + self.chance.random() * 0.05,
            valid_s=VALID_S,
        )

    def _enter(self, at: float) -> Iterator[Event]:
        self.opened += 1
        market = self.chance.choice(tuple(_MARKETS))
        held = _Open(
            position_id=f"pos_{self.name}_{self.opened}",
            market=market,
            sign=self.chance.choice((1, -1)),
            notional=Decimal(self.chance.randrange(100, 900)),
            entry=self._price(market, at),
            at=at,
        )
        self.open.append(held)
        if self.reports_orders:
            yield self._order(held, at)
        yield self._fill(held, at, held.entry, Decimal(0), "in")
        yield PositionOpened(
            fact_id=fact_id("trading", "position_opened", held.position_id),
            **self._who(at),
            position_id=held.position_id,
            market=market,
            side="buy" if held.sign > 0 else "sell",
            notional_usd=held.notional,
            quantity=_number(float(held.notional) / held.entry),
            entry_price=_number(held.entry),
            leverage=_LEVERAGE,
            margin_usd=held.notional / _LEVERAGE,
            liquidation_price=_number(held.entry * (1 - 0.18 * held.sign)),
            strategy=self.strategy,
        )

    def _leave(self, held: _Open, at: float) -> Iterator[Event]:
        price = self._price(held.market, at)
        gain = self._gain(held, price)
        yield self._fill(held, at, price, gain, "out")
        yield PositionClosed(
            fact_id=fact_id("trading", "position_closed", held.position_id),
            **self._who(at),
            position_id=held.position_id,
            market=held.market,
            side="buy" if held.sign > 0 else "sell",
            notional_usd=held.notional,
            entry_price=_number(held.entry),
            realized_pnl_usd=gain,
            fee_usd=held.notional * _FEE * 2,
            opened_at=held.at,
            exit_price=_number(price),
            strategy=self.strategy,
        )

    def _mark(self, held: _Open, at: float) -> PositionMarked:
        price = self._price(held.market, at)
        return PositionMarked(
            fact_id=reading_id("trading", f"position_marked:{held.position_id}", self.name, at),
            **self._who(at),
            position_id=held.position_id,
            market=held.market,
            price=_number(price),
            unrealized_pnl_usd=self._gain(held, price),
        )

    def _fill(self, held: _Open, at: float, price: float, gain: Decimal, leg: str) -> OrderFilled:
        buys = (held.sign > 0) == (leg == "in")
        return OrderFilled(
            fact_id=fact_id("trading", "order_filled", f"{held.position_id}_{leg}"),
            **self._who(at),
            trade_id=f"{held.position_id}_{leg}",
            order_id=f"ord_{held.position_id}_{leg}",
            market=held.market,
            side="buy" if buys else "sell",
            notional_usd=held.notional,
            price=_number(price),
            fee_usd=held.notional * _FEE,
            realized_pnl_usd=gain,
            strategy=self.strategy,
        )

    def _order(self, held: _Open, at: float) -> OrderPlaced:
        return OrderPlaced(
            fact_id=fact_id("trading", "order_placed", f"ord_{held.position_id}"),
            **{**self._who(at), "source": "sdk"},
            order_id=f"ord_{held.position_id}",
            market=held.market,
            side="buy" if held.sign > 0 else "sell",
            order_type="market",
            status="success",
            endpoint="trade/open",
            notional_usd=held.notional,
            latency_s=0.02 + self.chance.random() * 0.06,
        )

    def _gain(self, held: _Open, price: float) -> Decimal:
        return cents(float(held.notional) * (price / held.entry - 1) * held.sign)

    def _price(self, market: str, at: float) -> float:
        base = _MARKETS[market]
        wave = math.sin(at / 5_400 + base) * 0.012 + math.sin(at / 21_000 + base) * 0.02
        return base * (1 + wave)

    def _reading(self, kind: str, at: float) -> dict[str, Any]:
        return {"fact_id": reading_id("trading", kind, self.name, at), **self._who(at)}

    def _who(self, at: float) -> dict[str, Any]:
        return {"agent_id": self.name, "at": at, "seen_at": at, "source": "trading"}


def _number(value: float) -> Decimal:
    return Decimal(repr(round(value, 8)))
