"""The simulated market: a geometric random walk with regimes for each coin. A mark is a function of time alone.

Prices step every five seconds. A regime (drift and volatility) lasts some minutes and is drawn from the coin's own
stream, so trends and ranges both occur and a momentum trader and a mean-reverting one each have their day.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from random import Random
from typing import Final

from fleawatch.sandbox.entropy import stream

STEP: Final = 5.0
"""Seconds between two prices."""


@dataclass(frozen=True, slots=True)
class Coin:
    """A market: its first price in USD, the decimals of its price and of its size, and its volatility a step."""

    symbol: str
    price: float
    price_decimals: int
    size_decimals: int
    volatility: float


COINS: Final[dict[str, Coin]] = {
    coin.symbol: coin
    for coin in (
        Coin("BTC", 96_500.0, 1, 5, 0.00045),
        Coin("ETH", 3_420.0, 2, 4, 0.00060),
        Coin("SOL", 188.0, 3, 2, 0.00085),
        Coin("DOGE", 0.24, 6, 0, 0.00110),
        Coin("HYPE", 31.5, 4, 2, 0.00125),
    )
}


@dataclass(slots=True)
class _Walk:
    """One coin's prices from the epoch of the market, extended when somebody looks further."""

    coin: Coin
    random: Random
    prices: array[float] = field(default_factory=lambda: array("d"))
    level: float = 0.0
    drift: float = 0.0
    spread: float = 1.0
    remaining: int = 0

    def at(self, step: int) -> float:
        while len(self.prices) <= step:
            self._extend()
        return self.prices[step]

    def _extend(self) -> None:
        if self.remaining == 0:
            self.remaining = self.random.randrange(24, 144)
            self.drift = self.random.choice((-0.12, 0.0, 0.0, 0.12)) * self.coin.volatility
            self.spread = self.random.choice((0.6, 1.0, 1.0, 1.8))
        self.remaining -= 1
        self.level += self.drift + self.random.gauss(0.0, self.coin.volatility * self.spread)
        self.prices.append(round(self.coin.price * math.exp(self.level), self.coin.price_decimals))


class Market:
    """Marks of all coins. `epoch` is the simulated unix time of the first price."""

    def __init__(self, seed: int, epoch: float) -> None:
        self.epoch = epoch
        self._shocks: list[tuple[str, float, float, float]] = []
        self._walks = {symbol: _Walk(coin, stream(seed, "market", symbol)) for symbol, coin in COINS.items()}

    def mark(self, symbol: str, at: float) -> float:
        """The price in USD in force at `at`; before the epoch, the first one.

        Raises:
            KeyError: there is no such coin.
        """
        price = self._walks[symbol].at(max(0, int((at - self.epoch) // STEP)))
        for coin, begins, ends, factor in self._shocks:
            if coin == symbol and begins <= at < ends:
                price = round(price * factor, COINS[symbol].price_decimals)
        return price

    def shock(self, symbol: str, begins: float, ends: float, factor: float) -> None:
        """Let the price of a coin be `factor` times what it would be, from `begins` until just before `ends`."""
        self._shocks.append((symbol, begins, ends, factor))

    def cached(self, symbol: str, at: float) -> float:
        """The price that the trading server shows: its cache is renewed every 30 seconds."""
        return self.mark(symbol, at - (at - self.epoch) % 30.0)

    def change(self, symbol: str, at: float, seconds: float) -> float:
        """Relative change of the mark over the last `seconds`."""
        before = self.mark(symbol, at - seconds)
        return self.mark(symbol, at) / before - 1.0
