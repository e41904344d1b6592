"""Positions and fills as the platform tells them, and the facts they become."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from fleawatch.events import OrderFilled, PositionClosed, PositionMarked, PositionOpened, fact_id
from fleawatch.sources.draft import ZERO, Draft
from fleawatch.sources.purpleflea.fills import Fill, Held

SOURCE = "trading"


class Open(msgspec.Struct, frozen=True):
    """A position at the exchange. `position_id` is None when the platform wrongly believes that it is closed."""

    coin: str
    side: Literal["long", "short"]
    size: Decimal
    size_usd: Decimal
    entry_price: Decimal
    current_price: Decimal
    unrealized_pnl: Decimal
    position_id: str | None = None
    leverage: Decimal | UnsetType = UNSET
    margin_used: Decimal | UnsetType = UNSET
    liquidation_price: Decimal | None = None

    @property
    def id(self) -> str:
        """The platform's id, else one made of what does not change while the position lives."""
        return self.position_id or f"{self.coin.upper()}:{self.side}:{self.entry_price}"


def is_synthetic(position_id: str) -> bool:
    """Whether an id was made here, for a position that the platform has lost sight of."""
    return position_id.count(":") == 2


def market(coin: str) -> str:
    """The market's symbol: `btc` is `BTC-USD`."""
    return f"{coin.upper()}-USD"


def opened_at_exchange(draft: Draft, agent_id: str, position: Open, opened_at: float | None) -> PositionOpened:
    """An open position as the exchange has it. Without a known time it opened when it was first seen."""
    synthetic = position.position_id is None
    leverage = position.leverage if isinstance(position.leverage, Decimal) else Decimal(1)
    margin = position.margin_used if isinstance(position.margin_used, Decimal) else position.size_usd / (leverage or 1)
    return PositionOpened(
        fact_id=fact_id("trading", "position_opened", f"{agent_id}:{position.id}" if synthetic else position.id),
        agent_id=agent_id,
        at=draft.now if opened_at is None else draft.happened(opened_at),
        seen_at=draft.seen_at,
        source=SOURCE,
        position_id=position.id,
        market=market(position.coin),
        side="buy" if position.side == "long" else "sell",
        notional_usd=position.size_usd,
        quantity=abs(position.size),
        entry_price=position.entry_price,
        leverage=leverage,
        margin_usd=margin,
        liquidation_price=position.liquidation_price,
    )


def opened_in_table(draft: Draft, agent_id: str, position: Held) -> PositionOpened:
    """A position as the platform's table has it, open or closed since."""
    margin, leverage = position.margin_usd, position.leverage
    if leverage is None:
        leverage = position.size_usd / margin if margin else Decimal(1)
    return PositionOpened(
        fact_id=fact_id("trading", "position_opened", position.id),
        agent_id=agent_id,
        at=draft.happened(position.opened_at),
        seen_at=draft.seen_at,
        source=SOURCE,
        position_id=position.id,
        market=market(position.coin),
        side=position.order_side,
        notional_usd=position.size_usd,
        quantity=position.size_usd / position.entry_price if position.entry_price else ZERO,
        entry_price=position.entry_price,
        leverage=leverage,
        margin_usd=position.size_usd / (leverage or 1) if margin is None else margin,
        liquidation_price=position.liquidation_price,
    )


def marked(draft: Draft, agent_id: str, position: Open) -> PositionMarked:
    """What an open position is worth now."""
    return PositionMarked(
        fact_id=draft.reading_id("position_marked", position.id),
        agent_id=agent_id,
        at=draft.now,
        seen_at=draft.seen_at,
        source=SOURCE,
        position_id=position.id,
        market=market(position.coin),
        price=position.current_price,
        unrealized_pnl_usd=position.unrealized_pnl,
        liquidation_price=position.liquidation_price,
    )


def filled(draft: Draft, agent_id: str, fill: Fill, *, opens: bool | None = None) -> OrderFilled:
    """One row of the trade history; `opens` as in the fact."""
    return OrderFilled(
        fact_id=fact_id("trading", "order_filled", fill.id),
        agent_id=agent_id,
        at=draft.happened(fill.created_at),
        seen_at=draft.seen_at,
        source=SOURCE,
        trade_id=fill.id,
        order_id=fill.order_id,
        market=market(fill.coin),
        side=fill.side,
        notional_usd=fill.size_usd,
        price=fill.price,
        fee_usd=fill.fee,
        realized_pnl_usd=fill.realized_pnl or ZERO,
        opens=opens,
    )


def closed(
    draft: Draft, agent_id: str, position: Held, realized: Decimal, fee: Decimal, exit_price: Decimal | None
) -> PositionClosed:
    """A position that went flat, with the fees of its recorded fills."""
    return PositionClosed(
        fact_id=fact_id("trading", "position_closed", position.id),
        agent_id=agent_id,
        at=draft.now if position.closed_at is None else draft.happened(position.closed_at),
        seen_at=draft.seen_at,
        source=SOURCE,
        position_id=position.id,
        market=market(position.coin),
        side=position.order_side,
        notional_usd=position.size_usd,
        entry_price=position.entry_price,
        realized_pnl_usd=realized,
        fee_usd=fee,
        opened_at=position.opened_at,
        exit_price=exit_price,
    )
