"""Orders, fills and positions: realised and unrealised P&L, fees, funding, capital, execution quality.

Fees come from fills alone and realised P&L from closed positions alone, because the platform's totals miss exits by
stop-loss and take-profit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.catalog.declare import FILLED, LATENCY, SLIPPAGE
from fleawatch.catalog.labels import ASSET, ENDPOINT, MARKET, ORDER_REASON, STRATEGY
from fleawatch.events import (
    CapitalReported,
    CollateralMoved,
    Event,
    FundingPaid,
    MarketTick,
    OrderBookSnapshot,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
)
from fleawatch.flow.fold.equity import moment, settle, transfer
from fleawatch.flow.fold.play import attribute, count_trade
from fleawatch.flow.state import AgentState, FleetState, Market, Position
from fleawatch.flow.words import word

IDS_KEPT: Final = 256
"""How many ids of closed positions and fills are remembered for readers: more than the platform lists at once."""


def opened(fleet: FleetState, agent: AgentState, event: PositionOpened) -> None:
    """A position exists; it is worth nothing beyond its entry until it is marked."""
    if event.position_id in agent.trading.closed_ids or event.position_id in agent.trading.positions:
        return
    agent.trading.positions[event.position_id] = Position(
        position_id=event.position_id,
        market=event.market,
        side=event.side,
        notional=float(event.notional_usd),
        quantity=float(event.quantity),
        entry_price=float(event.entry_price),
        leverage=float(event.leverage),
        margin=float(event.margin_usd),
        opened_at=event.at,
        liquidation_price=None if event.liquidation_price is None else float(event.liquidation_price),
        strategy=event.strategy,
    )
    _since(agent, event.at)
    _value(fleet, agent, event)


def marked(fleet: FleetState, agent: AgentState, event: PositionMarked) -> None:
    """A position's value moved: unrealised P&L is part of the equity."""
    position = agent.trading.positions.get(event.position_id)
    if position is None or event.at < position.marked_at:
        return
    position.unrealized = float(event.unrealized_pnl_usd)
    position.price = float(event.price)
    position.marked_at = event.at
    if event.liquidation_price is not None:
        position.liquidation_price = float(event.liquidation_price)
    _value(fleet, agent, event)


def closed(fleet: FleetState, agent: AgentState, event: PositionClosed) -> None:
    """A position went flat: one trade, its unrealised P&L becomes realised."""
    trading = agent.trading
    if event.position_id in trading.closed_ids:
        return
    position = trading.positions.pop(event.position_id, None)
    _keep(trading.closed_ids, event.position_id)
    gross, fee = float(event.realized_pnl_usd), float(event.fee_usd)
    trading.realized += gross
    trading.trades += 1
    market = trading.markets.setdefault(word(agent, MARKET, event.market), Market())
    market.gross += gross
    market.trades += 1
    _since(agent, event.opened_at)
    at = moment(fleet, agent, event)
    strategy = event.strategy or (position.strategy if position else None)
    asset = word(agent, ASSET, event.market.partition("-")[0])
    attribute(agent, event)
    _value(fleet, agent, event)
    count_trade(fleet, agent, gross - fee, at, asset=asset, strategy=strategy, subject="position")


def filled(fleet: FleetState, agent: AgentState, event: OrderFilled) -> None:
    """A fill: its fee is paid now, its notional counts, its slippage is measured against the expected price."""
    trading = agent.trading
    if event.trade_id in trading.fill_ids:
        return
    _keep(trading.fill_ids, event.trade_id)
    fee, notional = float(event.fee_usd), float(event.notional_usd)
    name = word(agent, MARKET, event.market)
    market = trading.markets.setdefault(name, Market())
    market.fees += fee
    market.notional += notional
    trading.fees += fee
    strategy = word(agent, STRATEGY, event.strategy or agent.profile.strategy)
    asset = word(agent, ASSET, event.market.partition("-")[0])
    agent.tallies.add("pf_trade_volume_usdc_total", (strategy, asset, event.side), notional)
    if fee > 0:
        agent.tallies.add("pf_trade_fees_usdc_total", (strategy, asset), fee)
    if event.expected_price:
        _slip(agent, event, strategy, asset, name)
    agent.last_fact_at = max(agent.last_fact_at, event.at)
    _since(agent, event.at)
    _value(fleet, agent, event)


def placed(_: FleetState, agent: AgentState, event: OrderPlaced) -> None:
    """An attempt to order ended: count it, its latency, its refusal."""
    market = word(agent, MARKET, event.market)
    agent.tallies.add("pf_orders_total", (market, event.order_type, event.status))
    agent.tallies.observe(
        "pf_order_latency_seconds",
        (word(agent, ENDPOINT, event.endpoint), event.order_type, event.status),
        LATENCY,
        event.latency_s,
    )
    if event.status == "rejected":
        agent.tallies.add("pf_order_rejections_total", (word(agent, ORDER_REASON, event.reason or "other"),))
    if event.fill_ratio is not None:
        agent.tallies.observe("pf_order_fill_ratio", (event.order_type,), FILLED, event.fill_ratio)
    agent.last_fact_at = max(agent.last_fact_at, event.at)


def funding(fleet: FleetState, agent: AgentState, event: FundingPaid) -> None:
    """Funding was paid (positive) or received."""
    agent.trading.funding += float(event.amount_usd)
    _value(fleet, agent, event)


def capital(fleet: FleetState, agent: AgentState, event: CapitalReported) -> None:
    """The exchange's own account value: it replaces a declared capital and holds every realised result already."""
    trading = agent.trading
    trading.capital = float(event.capital_usd)
    trading.capital_reported = True
    agent.by_design.pop("trading", None)
    _value(fleet, agent, event)


def collateral(fleet: FleetState, agent: AgentState, event: CollateralMoved) -> None:
    """Collateral moved in or out: a flow; a reported capital will show it by itself, a declared one grows by it."""
    amount = float(event.amount_usd)
    if agent.trading.capital is not None and not agent.trading.capital_reported:
        agent.trading.capital += amount
    transfer(fleet, agent, "trading", amount, moment(fleet, agent, event))
    metric, kind = (
        ("pf_wallet_deposits_usdc_total", "transfer")
        if amount > 0
        else ("pf_wallet_withdrawals_usdc_total", "transfer")
    )
    agent.tallies.add(metric, (kind,), abs(amount))


def positions_read(fleet: FleetState, agent: AgentState, event: PositionsRead) -> None:
    """The open positions, complete: what is not named is gone, and marks are current only when the exchange was there."""
    trading = agent.trading
    trading.marked = event.marked
    for gone in [key for key in trading.positions if key not in event.open_ids]:
        if event.marked:
            del trading.positions[gone]
            fleet.ignored["position_vanished"] = fleet.ignored.get("position_vanished", 0) + 1
    _value(fleet, agent, event)


def price_seen(_: FleetState, agent: AgentState, event: MarketTick | OrderBookSnapshot) -> None:
    """The agent's price feed is as old as its newest price."""
    agent.health.market_at = max(agent.health.market_at or 0.0, event.at)


def _slip(agent: AgentState, event: OrderFilled, strategy: str, asset: str, market: str) -> None:
    expected = float(event.expected_price or 0)
    signed = (float(event.price) - expected) / expected * (1 if event.side == "buy" else -1)
    agent.tallies.observe("pf_trade_slippage_ratio", (market,), SLIPPAGE, max(0.0, signed))
    if signed:
        direction = "adverse" if signed > 0 else "improvement"
        cost = abs(signed) * float(event.notional_usd)
        agent.tallies.add("pf_trade_slippage_cost_usdc_total", (strategy, asset, direction), cost)


def _value(fleet: FleetState, agent: AgentState, event: Event) -> None:
    """Value the trading part anew: capital + realised after fees + unrealised.

    Positions are read one after the other, so a polled agent is valued when the reading ends, at marks of one moment.
    """
    trading = agent.trading
    if trading.capital is not None:
        settled = 0.0 if trading.capital_reported else trading.net
        agent.parts["trading"] = trading.capital + settled + trading.unrealized
    if "trading" not in agent.profile.collectors:
        settle(fleet, agent, moment(fleet, agent, event))


def _since(agent: AgentState, at: float) -> None:
    if agent.trading.since is None or at < agent.trading.since:
        agent.trading.since = at


def _keep(ids: list[str], new: str) -> None:
    ids.append(new)
    if len(ids) > IDS_KEPT:
        del ids[0]


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    PositionOpened: opened,
    PositionMarked: marked,
    PositionClosed: closed,
    OrderFilled: filled,
    OrderPlaced: placed,
    FundingPaid: funding,
    CapitalReported: capital,
    CollateralMoved: collateral,
    PositionsRead: positions_read,
    MarketTick: price_seen,
    OrderBookSnapshot: price_seen,
}
