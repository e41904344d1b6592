"""Which trade rows belong to a position, so that its fees are known. Pure.

The platform links no trade row to its position. An opening row has the position's coin, side, size and second; a closing
row its coin, the other side, the second of the close and the same realised P&L. Exits by stop-loss or take-profit write
no row and charge no recorded fee.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

import msgspec

_OTHER: Final[dict[str, str]] = {"buy": "sell", "sell": "buy"}


class Fill(msgspec.Struct, frozen=True, rename="camel"):
    """A row of the trade history. `realized_pnl` is 0 or None on an opening row, and 0 where a close came out even."""

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


@dataclass(frozen=True, slots=True)
class Matches:
    """Which row opened and which closed each position, by the position's id, and what that makes of a row."""

    opening: Mapping[str, Fill]
    closing: Mapping[str, Fill]
    roles: Mapping[str, bool]

    def opens(self, row: Fill) -> bool | None:
        """Whether a row opened a position; None when neither a position nor a result tells.

        The platform shows a realised P&L of 0 on an opening row and on a close that came out even alike.
        """
        return False if row.realized_pnl else self.roles.get(row.id)


NOTHING: Final = Matches({}, {}, {})


def matched(rows: Sequence[Fill], table: Iterable[Held]) -> Matches:
    """Give each row of a reading to the position it opened or closed, once.

    Rows that fit exactly are given away first: otherwise the close of one position that came out even could be taken for the
    opening of another in the same second.
    """
    free = {row.id: row for row in rows}
    held = sorted(table, key=lambda one: one.opened_at)
    opening: dict[str, Fill] = {}
    closing: dict[str, Fill] = {}
    for exactly in (True, False):
        for one in held:
            if one.id not in opening and (row := _first(free, one, _opened, exactly=exactly)):
                opening[one.id] = free.pop(row.id)
        for one in held:
            if one.status != "open" and one.id not in closing and (row := _first(free, one, _closed, exactly=exactly)):
                closing[one.id] = free.pop(row.id)
    roles = {**{row.id: True for row in opening.values()}, **{row.id: False for row in closing.values()}}
    return Matches(opening, closing, roles)


def _first(
    free: Mapping[str, Fill], one: Held, fits: Callable[[Fill, Held], bool | None], *, exactly: bool
) -> Fill | None:
    wanted = (True,) if exactly else (True, False)
    return next((row for row in free.values() if fits(row, one) in wanted), None)


def _opened(row: Fill, one: Held) -> bool | None:
    """Whether a row may have opened a position: True exactly, False at another price, None not at all."""
    if (
        row.coin != one.coin
        or row.side != one.order_side
        or row.realized_pnl
        or int(row.created_at) != int(one.opened_at)
        or row.size_usd != one.size_usd
    ):
        return None
    return row.price == one.entry_price


def _closed(row: Fill, one: Held) -> bool | None:
    """Whether a row may have closed a position: True exactly, False with another size, None not at all.

    Protective exits have no row. A row without a realised P&L is one whose P&L is 0.
    """
    if (
        row.coin != one.coin
        or row.side != _OTHER[one.order_side]
        or one.closed_at is None
        or int(row.created_at) != int(one.closed_at)
        or (row.realized_pnl or 0) != one.unrealized_pnl
    ):
        return None
    return row.size_usd == one.size_usd
