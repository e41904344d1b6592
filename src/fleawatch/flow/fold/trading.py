"""Orders, fills and positions: realised and unrealised P&L, fees, funding, capital, execution quality.

Fees come from fills alone and realised P&L from closed positions alone, because the platform's totals miss exits by
stop-loss and take-profit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.catalog.declare import FILLED, LATENCY
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
from fleawatch.events.amend import AGENT
from fleawatch.events.trading import RestingOrder
from fleawatch.flow.books import Resting
from fleawatch.flow.fold import slippage
from fleawatch.flow.fold.equity import ignore, settle, transfer
from fleawatch.flow.fold.orders import attempt_reported, fill_seen
from fleawatch.flow.fold.play import attribute, count_trade, strategy_of
from fleawatch.flow.state import AgentState, FleetState, Market, Position
from fleawatch.flow.words import word

IDS_KEPT: Final = 256
"""How many ids of closed positions and fills are remembered for readers: more than the platform lists at once."""
VANISHED_KEPT: Final = 64
"""Positions that were gone before their closing was seen; an older one stays at its last mark for good."""


def opened(fleet: FleetState, agent: AgentState, event: PositionOpened, at: float) -> None:
    """A position exists; it is worth nothing beyond its entry until it is marked."""
    if event.position_id in agent.trading.closed_ids or event.position_id in agent.trading.positions:
        return
    word(agent, MARKET, event.market)  # counted once where it is none, although it is shown from the position
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
    _value(fleet, agent, at)


def marked(fleet: FleetState, agent: AgentState, event: PositionMarked, at: float) -> None:
    """A position's value moved: unrealised P&L is part of the equity."""
    position = agent.trading.positions.get(event.position_id)
    if position is None or event.at < position.marked_at:
        return
    position.unrealized = float(event.unrealized_pnl_usd)
    position.price = float(event.price)
    position.marked_at = event.at
    if event.liquidation_price is not None:
        position.liquidation_price = float(event.liquidation_price)
    _value(fleet, agent, at)


def closed(fleet: FleetState, agent: AgentState, event: PositionClosed, at: float) -> None:
    """A position went flat: one trade, its unrealised P&L becomes realised."""
    trading = agent.trading
    if event.position_id in trading.closed_ids:
        ignore(fleet, "position_closed_again")
        return
    position = trading.positions.pop(event.position_id, None)
    _keep(trading.closed_ids, event.position_id)
    gross, fee = float(event.realized_pnl_usd), float(event.fee_usd)
    vanished = trading.vanished.pop(event.position_id, 0.0)
    shown = vanished if position is None else position.unrealized or 0.0
    before = None if agent.equity is None else agent.equity - shown
    _realize(agent, event.at, gross - vanished)
    trading.trades += 1
    market = trading.markets.setdefault(word(agent, MARKET, event.market), Market())
    market.gross += gross
    market.trades += 1
    _since(agent, event.opened_at)
    if event.strategy is None and position is not None and position.strategy is not None:
        trading.strategies[event.position_id] = position.strategy
        if len(trading.strategies) > IDS_KEPT:
            del trading.strategies[next(iter(trading.strategies))]
    attribute(agent, event)
    _value(fleet, agent, at)
    asset = word(agent, ASSET, event.market.partition("-")[0])
    strategy = strategy_of(agent, event)
    count_trade(fleet, agent, gross - fee, at, asset=asset, strategy=strategy, before=before)


def filled(fleet: FleetState, agent: AgentState, event: OrderFilled, at: float) -> None:
    """A fill was seen. What the agent tells of it is an order; its money counts when the platform has told it too.

    For an agent that only reports itself, its word is the books.
    """
    if event.trade_id in agent.trading.fill_ids:
        ignore(fleet, "fill_again")
        return
    _acted(agent, event)
    if event.source == AGENT and "trading" in agent.profile.collectors:
        slippage.told(fleet, agent, event, at)
    else:
        book_fill(fleet, agent, event, at)


def book_fill(fleet: FleetState, agent: AgentState, event: OrderFilled, at: float) -> None:
    """Its fee is paid now, its notional counts, its slippage is measured against the expected price."""
    trading = agent.trading
    fill_seen(fleet, agent, event)
    event = slippage.shown(fleet, agent, event, at)
    _keep(trading.fill_ids, event.trade_id)
    fee, notional = float(event.fee_usd), float(event.notional_usd)
    market = trading.markets.setdefault(word(agent, MARKET, event.market), Market())
    market.fees += fee
    market.notional += notional
    trading.fees += fee
    if _in_capital(agent, event.at):
        trading.settled -= fee
    strategy = word(agent, STRATEGY, event.strategy or agent.profile.strategy_at(event.at))
    asset = word(agent, ASSET, event.market.partition("-")[0])
    agent.tallies.add("pf_trade_volume_usdc_total", (strategy, asset, event.side), notional)
    if fee > 0:
        agent.tallies.add("pf_trade_fees_usdc_total", (strategy, asset), fee)
    slippage.measure(agent, event)
    _since(agent, event.at)
    _value(fleet, agent, at)


def placed(fleet: FleetState, agent: AgentState, event: OrderPlaced, _: float) -> None:
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
    if event.strategy:
        word(agent, STRATEGY, event.strategy)  # no label here, but of what is told about the order elsewhere
    attempt_reported(fleet, agent, event)
    _acted(agent, event)


def funding(fleet: FleetState, agent: AgentState, event: FundingPaid, at: float) -> None:
    """Funding was paid (positive) or received."""
    amount = float(event.amount_usd)
    agent.trading.funding += amount
    if _in_capital(agent, event.at):
        agent.trading.settled -= amount
    strategy = word(agent, STRATEGY, agent.profile.strategy_at(event.at))
    asset = word(agent, ASSET, event.market.partition("-")[0])
    direction = "paid" if amount > 0 else "received"
    agent.tallies.add("pf_trade_funding_usdc_total", (strategy, asset, direction), abs(amount))
    _value(fleet, agent, at)


def capital(fleet: FleetState, agent: AgentState, event: CapitalReported, at: float) -> None:
    """The exchange's own account value, which holds every result realised until then.

    The first one replaces a declared capital: what it differs by is no result, but a better knowledge of the collateral.
    """
    trading = agent.trading
    if trading.capital_reported and event.at < trading.capital_at:
        ignore(fleet, "capital_older")
        return
    before = trading.value
    first = not trading.capital_reported
    trading.capital = float(event.capital_usd)
    trading.capital_reported, trading.capital_at, trading.settled = True, event.at, trading.net
    agent.by_design.pop("trading", None)
    after = trading.value
    if first and after is not None:
        transfer(agent, "trading", after - (before or 0.0))
    _value(fleet, agent, at)


def collateral(fleet: FleetState, agent: AgentState, event: CollateralMoved, at: float) -> None:
    """Collateral moved in or out: a flow. A capital that was reported after it holds it already."""
    amount = float(event.amount_usd)
    trading = agent.trading
    if trading.capital is not None:
        shown = _in_capital(agent, event.at)
        transfer(agent, "trading", amount, shown=shown)
        if not shown:
            trading.capital += amount
    if amount > 0:
        agent.tallies.add("pf_wallet_deposits_usdc_total", ("transfer",), amount)
    else:
        agent.tallies.add("pf_wallet_withdrawals_usdc_total", ("transfer",), -amount)
    _value(fleet, agent, at)


def positions_read(fleet: FleetState, agent: AgentState, event: PositionsRead, at: float) -> None:
    """The open positions, complete: what is not named is gone, and marks are current only when the exchange was there.

    A position that is gone without its closing having been seen is held at its last mark until that is.
    """
    trading = agent.trading
    _since(agent, event.at)
    trading.marked = event.marked
    trading.resting = [_rests(one) for one in event.resting]
    trading.resting_known = event.resting_known
    if event.marked and trading.positions.keys() - event.open_ids:
        for gone in [key for key in trading.positions if key not in event.open_ids]:
            last = trading.positions.pop(gone).unrealized or 0.0
            _realize(agent, event.at, last)
            trading.vanished[gone] = last
            if len(trading.vanished) > VANISHED_KEPT:
                del trading.vanished[next(iter(trading.vanished))]
            ignore(fleet, "position_vanished")
    _value(fleet, agent, at)


def _rests(order: RestingOrder) -> Resting:
    return Resting(
        order.order_id, order.order_type, order.market, order.side, float(order.price), float(order.notional_usd),
        order.position_id,
    )  # fmt: skip


def price_seen(_: FleetState, agent: AgentState, event: MarketTick | OrderBookSnapshot, __: float) -> None:
    """The agent's price feed is as old as its newest price."""
    agent.health.market_at = max(agent.health.market_at or 0.0, min(event.at, event.seen_at))


def _realize(agent: AgentState, happened: float, amount: float) -> None:
    agent.trading.realized += amount
    if _in_capital(agent, happened):
        agent.trading.settled += amount


def _in_capital(agent: AgentState, happened: float) -> bool:
    """Whether the reported capital holds already what happened then."""
    return agent.trading.capital_reported and happened <= agent.trading.capital_at


def _value(fleet: FleetState, agent: AgentState, at: float) -> None:
    """Value the trading part anew.

    Positions are read one after the other, so a polled agent is valued when the reading ends, at marks of one moment.
    """
    value = agent.trading.value
    if value is not None:
        agent.parts["trading"] = value
    if "trading" not in agent.profile.collectors:
        settle(fleet, agent, at)


def _acted(agent: AgentState, event: Event) -> None:
    agent.last_fact_at = max(agent.last_fact_at, min(event.at, event.seen_at))


def _since(agent: AgentState, at: float) -> None:
    if agent.trading.since is None or at < agent.trading.since:
        agent.trading.since = at


def _keep(ids: list[str], new: str) -> None:
    ids.append(new)
    if len(ids) > IDS_KEPT:
        del ids[0]


LEVEL_HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    PositionOpened: opened,
    PositionMarked: marked,
    PositionClosed: closed,
    OrderFilled: filled,
    CapitalReported: capital,
    PositionsRead: positions_read,
    MarketTick: price_seen,
    OrderBookSnapshot: price_seen,
}
HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    OrderPlaced: placed,
    FundingPaid: funding,
    CollateralMoved: collateral,
}
