"""One fact, two reporters: a booked fact is known better, or the platform tells what only the agent had told.

What the platform is read for counts by its word. A fact that only the agent told is booked as soon as the platform tells it
too, and one that was booked by other properties moves to the new ones. Money that the agent told otherwise is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.events import (
    Amendable,
    Amended,
    BetSettled,
    Event,
    OrderFilled,
    ParlaySettled,
    PositionClosed,
)
from fleawatch.events.amend import AGENT
from fleawatch.flow.fold import escrow, misreports, play, slippage, trading
from fleawatch.flow.state import AgentState, FleetState

_BOOKED: Final[dict[type[Event], Callable[..., None]]] = {**trading.LEVEL_HANDLERS, **escrow.HANDLERS}
"""Handlers that know by themselves what is booked already."""


def amended(fleet: FleetState, agent: AgentState, event: Amended, at: float) -> None:
    """Take the better knowledge of a fact; what is no amendment of one fact of this agent changes nothing."""
    before, after = event.before, event.after
    if before.agent_id != agent.agent_id or after.agent_id != agent.agent_id or type(before) is not type(after):
        return
    first = before.source == AGENT != after.source
    told = before if first else event.told
    if told is not None:
        misreports.compare(fleet, agent, told, after, at)
    if isinstance(after, OrderFilled):
        _fill(fleet, agent, before, after, at, first=first)
    elif first and isinstance(after, BetSettled) and play.waits_for_platform(agent):
        play.book_bet(fleet, agent, after, at)
    elif isinstance(after, PositionClosed) and after.position_id not in agent.trading.closed_ids:
        trading.closed(fleet, agent, after, at)
    elif isinstance(before, BetSettled | ParlaySettled | PositionClosed) and isinstance(
        after, BetSettled | ParlaySettled | PositionClosed
    ):
        old, new = play.attributed(agent, before), play.attributed(agent, after)
        if old != new:
            agent.attribution.move(old, new)
    elif first:
        _BOOKED[type(after)](fleet, agent, after, at)


def _fill(
    fleet: FleetState, agent: AgentState, before: Amendable, after: OrderFilled, at: float, *, first: bool
) -> None:
    if first and after.trade_id not in agent.trading.fill_ids:
        trading.book_fill(fleet, agent, after, at)
    elif isinstance(before, OrderFilled) and not before.expected_price and after.expected_price:
        agent.trading.unmeasured.pop(after.order_id, None)
        slippage.measure(agent, after)


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {Amended: amended}
