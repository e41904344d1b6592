"""Trading facts: orders, fills, positions, funding, capital, and the market as the agent saw it.

`market` is an upper-case symbol (`BTC-USD`), `side` is `buy` or `sell`: a long position is opened by a buy.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.events.base import Amount, Count, Event, Seconds, Signed, Time

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop_loss", "take_profit", "bet"]
OrderStatus = Literal["success", "rejected", "error", "timeout", "cancelled"]


class OrderPlaced(Event, frozen=True, kw_only=True):
    """An attempt to place an order ended, whatever the end.

    Attributes:
        order_id: the platform's id, or the agent's own when none was given.
        endpoint: route template the order was sent to (`trade/open`).
        status: `timeout` means unknown, whatever kept the answer away: the order may exist and must be reconciled by reading.
            So may one that was `cancelled` while it was under way.
        notional_usd: size in USD.
        fill_ratio: filled / requested, 0..1; None when not reported.
        expected_price: price at the moment of decision, quote currency per unit of base.
        latency_s: submission to acknowledgement or failure.
        reason: bounded error code when it did not succeed.
        opens: whether the order raises exposure; None when the reporter cannot tell.
        epoch: epoch of the gate that let it through.
    """

    order_id: str
    market: str
    side: Side
    order_type: OrderType
    status: OrderStatus
    endpoint: str
    notional_usd: Amount
    latency_s: Seconds
    fill_ratio: float | None = None
    expected_price: Amount | None = None
    reason: str | None = None
    strategy: str | None = None
    opens: bool | None = None
    epoch: Count | None = None
    idempotency_key: str | None = None
    trace_id: str | None = None


class OrderFilled(Event, frozen=True, kw_only=True):
    """An order was filled, fully or in part: one row of the platform's trade history.

    Attributes:
        trade_id: the platform's id of the fill.
        notional_usd: filled size in USD.
        price: quote currency per unit of base.
        fee_usd: positive = paid by the agent.
        realized_pnl_usd: P&L realised by this fill before fees; 0 for an opening fill.
        expected_price: price at the moment of decision; slippage is None without it.
        opens: whether it opened a position rather than closed one. None where nobody tells: then one without a realised P&L
            counts as an opening.
    """

    trade_id: str
    order_id: str
    market: str
    side: Side
    notional_usd: Amount
    price: Amount
    fee_usd: Signed
    realized_pnl_usd: Signed
    expected_price: Amount | None = None
    strategy: str | None = None
    opens: bool | None = None
    trace_id: str | None = None


class PositionOpened(Event, frozen=True, kw_only=True):
    """A position exists. `quantity` is in units of the base asset, `margin_usd` is part of the capital."""

    position_id: str
    market: str
    side: Side
    notional_usd: Amount
    quantity: Amount
    entry_price: Amount
    leverage: Amount
    margin_usd: Amount
    liquidation_price: Amount | None = None
    strategy: str | None = None


class PositionMarked(Event, frozen=True, kw_only=True):
    """An open position was valued. A reading: `unrealized_pnl_usd` is before fees, positive = gain."""

    position_id: str
    market: str
    price: Amount
    unrealized_pnl_usd: Signed
    liquidation_price: Amount | None = None


class PositionClosed(Event, frozen=True, kw_only=True):
    """A position went flat: one trade.

    Attributes:
        realized_pnl_usd: before fees, positive = gain.
        fee_usd: fees of all its recorded fills, positive = paid.
        opened_at: unix seconds.
    """

    position_id: str
    market: str
    side: Side
    notional_usd: Amount
    entry_price: Amount
    realized_pnl_usd: Signed
    fee_usd: Signed
    opened_at: Time
    exit_price: Amount | None = None
    strategy: str | None = None
    slippage_usd: Signed | None = None


class FundingPaid(Event, frozen=True, kw_only=True):
    """Funding of a perpetual position. `amount_usd` positive = paid by the agent."""

    market: str
    amount_usd: Signed


class CapitalReported(Event, frozen=True, kw_only=True):
    """The account value at the exchange, unrealised P&L excluded. A reading."""

    capital_usd: Amount


class CollateralMoved(Event, frozen=True, kw_only=True):
    """Collateral moved into (positive) or out of (negative) the trading account: an external flow."""

    amount_usd: Signed


class RestingOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An order that waits at the platform until its price comes, whatever becomes of the agent.

    Attributes:
        side: what it does when it is executed: a stop of a long position sells.
        price: that triggers it, quote currency per unit of base.
        position_id: of the position that a stop or target closes; None for a limit entry.
    """

    order_id: str
    order_type: Literal["limit", "stop_loss", "take_profit"]
    market: str
    side: Side
    price: Amount
    notional_usd: Amount
    position_id: str | None = None


class PositionsRead(Event, frozen=True, kw_only=True):
    """The complete set of open positions was read. A reading: a position that is not named is no longer open.

    Attributes:
        open_ids: ids of the open positions.
        marked: False when the exchange was away and the platform answered from its own copy, without current prices.
        resting: orders that rest at the platform, as far as they are known.
        resting_known: `unread` when nobody asked or no answer came, `part` when more may rest than are named, or `whole`.
    """

    open_ids: tuple[str, ...]
    marked: bool = True
    resting: tuple[RestingOrder, ...] = ()
    resting_known: Literal["unread", "part", "whole"] = "unread"


class MarketTick(Event, frozen=True, kw_only=True):
    """A price of a market. `at` is when the exchange made it, `seen_at` when the agent had it."""

    market: str
    price: Amount


class OrderBookSnapshot(Event, frozen=True, kw_only=True):
    """The top of an order book: best bid and ask with their sizes in units of base."""

    market: str
    bid: Amount
    ask: Amount
    bid_size: Amount
    ask_size: Amount
    levels: Count = 1
