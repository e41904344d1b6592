"""How an agent orders: how often, how often the same, and whether against its own signals."""

from __future__ import annotations

from fleawatch.catalog import orders as words
from fleawatch.flow.samples.shape import Value, fixed
from fleawatch.flow.samples.view import AgentView


def rates(view: AgentView) -> tuple[Value, Value]:
    """Orders and bets of the busiest minute of the last five, and the most equal orders of one; 0 when there was none.

    The first is what the platform shows or what the agent reports, whichever is more.
    """
    if not view.results:
        return (None, None)
    orders, at = view.agent.orders, view.at
    return (max(orders.seen.count(at), orders.reported.count(at)), orders.repeats.count(at))


def against_signal(view: AgentView) -> tuple[Value]:
    """Share of the newest orders that went the other way than their signal; None until there are enough of them."""
    against = view.agent.orders.against
    enough = view.agent.orders.looked_at
    return (None if enough is None or len(against) < enough else sum(against) / len(against),)


READERS = (
    fixed(words.BUSIEST_MINUTE, words.ORDER_REPEATS, read=rates),
    fixed(words.AGAINST_SIGNAL, read=against_signal),
)
