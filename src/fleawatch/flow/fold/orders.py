"""How an agent orders: how often, how often the same, and whether against its own signals."""

from __future__ import annotations

from typing import Final, Literal

from fleawatch.catalog import limits
from fleawatch.events import OrderFilled, OrderPlaced, SignalComputed
from fleawatch.flow.fold.limits import limit_of
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.units import MINUTE

ANSWERED_WITHIN: Final = 5 * MINUTE
"""Seconds within which an order answers the signal before it."""
SIGNALS_KEPT: Final = 16
"""Markets whose signal may wait for an order."""


def bet_seen(agent: AgentState, at: float) -> None:
    """The platform shows a stake: an order like any other, but one that a flat bettor repeats by design."""
    agent.orders.seen.add(at)


def fill_seen(fleet: FleetState, agent: AgentState, event: OrderFilled) -> None:
    """The platform shows a fill: one order, whether or not the agent reported it.

    Signals are answered by what the agent reports, if it reports orders at all: both have one clock.
    """
    at = min(event.at, event.seen_at)
    agent.orders.seen.add(at)
    agent.orders.repeats.add(at, f"seen {event.market} {event.side} {event.notional_usd.normalize()}")
    opens = not event.realized_pnl_usd if event.opens is None else event.opens
    if opens and not agent.orders.reported.times:
        _answer(fleet, agent, at, event.market, event.side, event.strategy)


def attempt_reported(fleet: FleetState, agent: AgentState, event: OrderPlaced) -> None:
    """The agent reports an attempt to order, whatever its end."""
    at = min(event.at, event.seen_at)
    agent.orders.reported.add(at)
    if event.order_type == "bet":
        return
    what = f"{event.market} {event.side} {event.order_type} {event.notional_usd.normalize()}"
    agent.orders.repeats.add(at, what)
    opens = event.opens
    if opens is None:
        opens = event.order_type in {"market", "limit"} and not _reduces(agent, event.market, event.side)
    if opens:
        _answer(fleet, agent, at, event.market, event.side, event.strategy)


def signal_reported(agent: AgentState, event: SignalComputed) -> None:
    """The agent computed a signal to buy or sell and means to act on it; the newest one of a market counts."""
    signals = agent.orders.signals
    signals.pop(event.market, None)
    if event.action in {"buy", "sell"} and event.result == "acted":
        signals[event.market] = (min(event.at, event.seen_at), event.action, event.strategy)
        if len(signals) > SIGNALS_KEPT:
            del signals[next(iter(signals))]


def _reduces(agent: AgentState, market: str, side: Literal["buy", "sell"]) -> bool:
    return any(one.market == market and one.side != side for one in agent.trading.positions.values())


def _answer(fleet: FleetState, agent: AgentState, at: float, market: str, side: str, strategy: str | None) -> None:
    """An order raised exposure: it answers the market's signal, which is then used up, so that no second report counts."""
    orders = agent.orders
    found = orders.signals.get(market)
    if found is None or not 0 <= at - found[0] <= ANSWERED_WITHIN or strategy not in {None, found[2]}:
        return
    del orders.signals[market]
    newest = limit_of(fleet, agent, limits.AGAINST_SIGNAL_ORDERS)
    orders.looked_at = None if newest is None else max(1, int(newest))
    orders.against.append(side != found[1])
    del orders.against[: -(orders.looked_at or 1)]
