"""Where the money was made and lost: P&L by strategy, market, asset and hour of day.

Each trade is booked once in the whole and once in one part of every dimension, so the parts of a dimension always sum
to the whole. The number of parts is bounded; keys that come after the bound share the part "other". An amended trade
moves: it is taken out as it was and put in as it is.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from fleawatch.units import DAY, HOUR

Dimension = Literal["strategy", "market", "asset", "hour"]
"""What a trade is attributed by. The market of a bet is its game; the hour is that of settlement, UTC, "00" to "23"."""

OTHER: Final = "other"
"""The part of all keys that came after the bound."""

_HOURS: Final = tuple(f"{hour:02d}" for hour in range(24))


class Attributed(msgspec.Struct, frozen=True, kw_only=True):
    """One trade as attribution sees it. Money in USD.

    Attributes:
        at: when it was settled, unix seconds.
        strategy, market, asset: what it is attributed to.
        net: P&L after fees.
        gross: P&L before fees.
        fees: fees paid, positive = paid by the agent.
        slippage: cost against the price expected at decision time, positive = worse; shown apart, never subtracted.
    """

    at: float
    strategy: str
    market: str
    asset: str
    net: float
    gross: float
    fees: float = 0.0
    slippage: float = 0.0


class Part(msgspec.Struct, gc=False):
    """What one key brought: the money of `Attributed`, summed, and how many trades."""

    net: float = 0.0
    gross: float = 0.0
    fees: float = 0.0
    slippage: float = 0.0
    count: int = 0

    def book(self, net: float, gross: float, fees: float, slippage: float, count: int) -> None:
        """Add the money of `count` trades; all of it with the other sign takes them out."""
        self.net += net
        self.gross += gross
        self.fees += fees
        self.slippage += slippage
        self.count += count


class Attribution(msgspec.Struct):
    """P&L of one agent by dimension.

    Attributes:
        limit: most keys of a dimension, "other" not counted.
        whole: all trades.
        gross_absolute: sum of their absolute gross P&L.
        strategy, market, asset, hour: part of each key.
    """

    limit: int = 32
    whole: Part = msgspec.field(default_factory=Part)
    gross_absolute: float = 0.0
    strategy: dict[str, Part] = msgspec.field(default_factory=dict)
    market: dict[str, Part] = msgspec.field(default_factory=dict)
    asset: dict[str, Part] = msgspec.field(default_factory=dict)
    hour: dict[str, Part] = msgspec.field(default_factory=dict)

    def add(self, trade: Attributed) -> None:
        """Book a trade."""
        self._book(trade, 1)

    def move(self, before: Attributed, after: Attributed) -> None:
        """Replace a trade booked as `before` by what is known of it now."""
        self._book(before, -1)
        self._book(after, 1)

    def parts(self, dimension: Dimension) -> dict[str, Part]:
        """The parts of a dimension by key. They sum to `whole`."""
        match dimension:
            case "strategy":
                return self.strategy
            case "market":
                return self.market
            case "asset":
                return self.asset
            case "hour":
                return self.hour

    def fee_drag(self) -> float | None:
        """Fees / sum of the absolute gross P&L; None when that sum is 0 or there is no trade."""
        return self.whole.fees / self.gross_absolute if self.whole.count and self.gross_absolute > 0.0 else None

    def _book(self, trade: Attributed, sign: int) -> None:
        money = (sign * trade.net, sign * trade.gross, sign * trade.fees, sign * trade.slippage, sign)
        self.whole.book(*money)
        self.gross_absolute += sign * abs(trade.gross)
        self._part(self.strategy, trade.strategy).book(*money)
        self._part(self.market, trade.market).book(*money)
        self._part(self.asset, trade.asset).book(*money)
        self._part(self.hour, _HOURS[int(trade.at % DAY // HOUR)]).book(*money)

    def _part(self, parts: dict[str, Part], key: str) -> Part:
        """The part of `key`. Parts are never removed, so a key finds for ever the part it found first."""
        part = parts.get(key)
        if part is None:
            own = len(parts) - (OTHER in parts)
            key = key if own < self.limit else OTHER
            part = parts.setdefault(key, Part())
        return part
