"""Orders that rest at the platform: limit entries, and the stops and targets that protect positions.

The list holds filled and cancelled orders too and is cut at its newest rows, so that an old order can have fallen off
its end: then it is not known how many rest, and nobody may take those that are listed for all.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, NamedTuple

from fleawatch.events.base import LARGEST
from fleawatch.events.trading import RestingOrder
from fleawatch.sources.decode import Answer
from fleawatch.sources.purpleflea.positions import market

LIMIT: Final = 100
"""Rows that the platform lists at most."""


class Row(Answer, frozen=True, kw_only=True):
    """One order as the platform lists it. A stop or target names the position that it closes."""

    id: str
    type: Literal["limit", "stop_loss", "take_profit"]
    coin: str
    side: Literal["long", "short"]
    trigger_price: Decimal
    size_usd: Decimal
    status: str
    position_id: str | None = None


class Listed(Answer, frozen=True, kw_only=True):
    """The answer."""

    orders: list[Row]


class Rests(NamedTuple):
    """What is known of resting orders, as `PositionsRead` tells it."""

    orders: tuple[RestingOrder, ...]
    known: Literal["unread", "part", "whole"]


UNREAD: Final = Rests((), "unread")


def resting(listed: Listed) -> Rests:
    """The orders that rest; a part of them when the list was cut, unread when a number of it is impossible."""
    numbers = [number for row in listed.orders for number in (row.trigger_price, row.size_usd)]
    if not all(number.is_finite() and 0 <= number <= LARGEST for number in numbers):
        return UNREAD
    found = tuple(_order(row) for row in listed.orders if row.status == "pending")
    return Rests(found, "whole" if len(listed.orders) < LIMIT else "part")


def _order(row: Row) -> RestingOrder:
    """A stop or target of a long position sells."""
    opens = row.type == "limit"
    buys = (row.side == "long") == opens
    return RestingOrder(
        order_id=row.id,
        order_type=row.type,
        market=market(row.coin),
        side="buy" if buys else "sell",
        price=row.trigger_price,
        notional_usd=row.size_usd,
        position_id=row.position_id,
    )
