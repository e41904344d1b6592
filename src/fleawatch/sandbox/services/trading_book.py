"""What the trading server stores: agents, positions, trade rows and orders, as its own database has them.

Positions live at the exchange; the row here is a copy. `at_exchange` is the truth, `status` is what the server believes,
and after a close-all the two differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from fleawatch.sandbox.people import Person

Side = Literal["long", "short"]
OrderKind = Literal["limit", "stop_loss", "take_profit"]


@dataclass(slots=True, kw_only=True)
class Trader:
    """A trading agent. `total_*` are the server's account totals, which miss protective exits and limit fills."""

    id: str
    person: Person
    referral_code: str
    referred_by: Trader | None
    created: int
    wallet_address: str
    tier: str = "free"
    max_leverage: float = 20.0
    max_position_usd: float = 10_000.0
    total_volume: float = 0.0
    total_fees: float = 0.0
    total_pnl: float = 0.0
    max_daily_loss: float | None = None
    positions: list[Position] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    earnings: list[dict[str, Any]] = field(default_factory=list)
    referrals: list[str] = field(default_factory=list)
    withdrawn: Decimal = Decimal(0)

    @property
    def name(self) -> str:
        """The operator's name, which the books use."""
        return self.person.name


@dataclass(slots=True, kw_only=True)
class Position:
    """One position. `result` is the realised P&L before fees once closed, in whole cents; 0 before.

    `reported` is whether the server's own table has that result: it has not for a copy whose follower left.
    """

    id: str
    trader: Trader
    coin: str
    side: Side
    size_usd: float
    units: float
    entry_price: float
    leverage: float
    opened: int
    order_id: str
    exit_price: float | None = None
    closed: int | None = None
    status: Literal["open", "closed"] = "open"
    at_exchange: bool = True
    result: float = 0.0
    exit: str | None = None
    reported: bool = True
    fees: Decimal = Decimal(0)

    @property
    def sign(self) -> int:
        """+1 for a long, -1 for a short."""
        return 1 if self.side == "long" else -1

    @property
    def shown_result(self) -> float:
        """The realised P&L as the server believes it."""
        return self.result if self.reported else 0.0

    @property
    def margin(self) -> float:
        """Collateral in use, USD."""
        return self.size_usd / self.leverage

    @property
    def liquidation_price(self) -> float:
        """The server's estimate."""
        return self.entry_price * (1 - self.sign * 0.9 / self.leverage)

    def unrealized(self, mark: float) -> float:
        """P&L at `mark` in USD with six decimals, as the exchange writes it."""
        return float(f"{self.sign * self.units * (mark - self.entry_price):.6f}")


@dataclass(slots=True)
class Trade:
    """A trade row: one leg of a position. `realized_pnl` is before fees and None on the opening leg.

    The server's own table knows no None: it shows 0 for an opening leg, as for a close that came out even.
    """

    id: str
    order_id: str
    coin: str
    side: Literal["buy", "sell"]
    size_usd: float
    price: float
    fee: float
    realized_pnl: float | None
    second: int
    position_id: str

    def raw(self, agent_id: str) -> dict[str, Any]:
        """The row as `/trade/history` sends it."""
        return {
            "id": self.id,
            "agentId": agent_id,
            "orderId": self.order_id,
            "coin": self.coin,
            "side": self.side,
            "sizeUsd": self.size_usd,
            "price": self.price,
            "fee": self.fee,
            "realizedPnl": self.realized_pnl or 0,
            "createdAt": self.second,
        }


@dataclass(slots=True)
class Order:
    """A resting order: a limit entry, or a protective exit of a position."""

    id: str
    kind: OrderKind
    coin: str
    side: Side
    price: float
    size_usd: float
    leverage: float
    second: int
    position_id: str | None = None
    status: Literal["pending", "filled", "cancelled"] = "pending"
    filled: int | None = None

    def raw(self) -> dict[str, Any]:
        """The order as `/trade/limit-orders` sends it."""
        return {
            "id": self.id,
            "type": self.kind,
            "coin": self.coin,
            "side": self.side,
            "trigger_price": self.price,
            "size_usd": self.size_usd,
            "leverage": self.leverage,
            "position_id": self.position_id,
            "status": self.status,
            "created_at": self.second,
            "filled_at": self.filled,
        }
