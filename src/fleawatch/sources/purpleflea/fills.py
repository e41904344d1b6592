"""Which trade rows belong to a position, so that its fees are known. Pure.

The platform links no trade row to its position. An opening row has the position's coin, side, size and second; a closing
row its coin, the other side, the second of the close and the same realised P&L. Exits by stop-loss or take-profit write
no row and charge no recorded fee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, Literal

import msgspec

_OTHER: Final[dict[str, str]] = {"buy": "sell", "sell": "buy"}


class Fill(msgspec.Struct, frozen=True, rename="camel"):
    """A row of the trade history. `realized_pnl` is None on an opening row."""

    id: str
    coin: str
    side: Literal["buy", "sell"]
    size_usd: Decimal
    price: Decimal
    fee: Decimal
    created_at: float
    order_id: str = ""
    realized_pnl: Decimal | None = None


class Held(msgspec.Struct, frozen=True, rename="camel"):
    """A position as the platform's own table has it. In a closed one `unrealized_pnl` is what was realised."""

    id: str
    coin: str
    side: Literal["long", "short"]
    size_usd: Decimal
    entry_price: Decimal
    unrealized_pnl: Decimal | None
    status: str
    opened_at: float
    leverage: Decimal | None = None
    margin_usd: Decimal | None = None
    liquidation_price: Decimal | None = None
    closed_at: float | None = None

    @property
    def order_side(self) -> Literal["buy", "sell"]:
        """The side of the order that opened it."""
        return "buy" if self.side == "long" else "sell"


class Fills:
    """The trade rows of one reading; each is given away once."""

    def __init__(self, rows: Iterable[Fill]) -> None:
        self._free = list(rows)

    def opening(self, position: Held) -> Fill | None:
        """The row that opened `position`, or None when it is not among them."""

        def fits(row: Fill) -> bool:
            return (
                row.coin == position.coin
                and row.side == position.order_side
                and row.size_usd == position.size_usd
                and int(row.created_at) == int(position.opened_at)
                and not row.realized_pnl
            )

        return self._take(fits, lambda row: row.price == position.entry_price)

    def closing(self, position: Held) -> Fill | None:
        """The row that closed `position`, or None: protective exits have none."""

        def fits(row: Fill) -> bool:
            return (
                row.coin == position.coin
                and row.side == _OTHER[position.order_side]
                and position.closed_at is not None
                and int(row.created_at) == int(position.closed_at)
                and row.realized_pnl is not None
                and row.realized_pnl == position.unrealized_pnl
            )

        return self._take(fits, lambda row: row.size_usd == position.size_usd)

    def _take(self, fits: Callable[[Fill], bool], better: Callable[[Fill], bool]) -> Fill | None:
        candidates = [row for row in self._free if fits(row)]
        if not candidates:
            return None
        best = next(filter(better, candidates), candidates[0])
        self._free.remove(best)
        return best
