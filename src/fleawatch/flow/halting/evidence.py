"""Which facts show that an agent still sends orders, and which readings would have shown one.

Only what the platform says can prove a halt: an agent's own report says nothing for it. Against it, it does: an order
that the agent itself reports was sent, and hides no other, because the platform's word on it is told once more. A
platform fact is known by its source, which is the name of the collector that read it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from fleawatch.events import (
    Amended,
    BetSettled,
    ChallengeOpened,
    EscrowCreated,
    Event,
    LedgerEntry,
    OrderFilled,
    ParlaySettled,
    PaymentMoved,
    PositionOpened,
    TournamentEntered,
    WithdrawalChanged,
)
from fleawatch.events.amend import AGENT
from fleawatch.flow.state import AgentState

COLLECTORS: Final = frozenset({"casino", "trading", "escrow", "wallet", "gateway", "domains"})
"""Collectors that can show orders of an agent: a halt is proven by readings of all that it has."""

_BETS: Final = frozenset({"stake", "parlay_stake", "challenge_stake", "tournament_entry"})
_PAYMENTS: Final = frozenset({"payment_sent", "escrow_lock", "withdrawal_hold", "withdrawal", "purchase"})


class Order(NamedTuple):
    """Something an agent did: when by the platform's clock, whether it sends money away, and whether it only closes.

    `mark` names the order; empty where another fact, which is counted, tells of it too.
    """

    at: float
    mark: str
    pays: bool = False
    closes: bool = False


def order_in(agent: AgentState, event: Event) -> Order | None:
    """The order of `agent` that a fact shows, of the platform or of the agent itself; None where it shows none."""
    if isinstance(event, Amended):
        return order_in(agent, event.after) if event.before.source == AGENT != event.after.source else None
    if event.source == AGENT and isinstance(event, (BetSettled, ParlaySettled, OrderFilled)):
        event = msgspec.structs.replace(event, at=min(event.at, event.seen_at))
    elif event.source not in COLLECTORS:
        return None
    found = _of_row(event) if isinstance(event, LedgerEntry) else None
    match event:
        case BetSettled() | ParlaySettled() | ChallengeOpened() | TournamentEntered():
            found = Order(event.at, "")
        case OrderFilled():
            found = Order(event.at, f"{event.market}:{event.at:.0f}", closes=_closes(event))
        case PositionOpened():
            found = Order(event.at, f"{event.market}:{event.at:.0f}")
        case EscrowCreated() if (held := agent.escrows.get(event.escrow_id)) is not None and held.role == "creator":
            found = Order(event.at, f"escrow:{event.escrow_id}", pays=True)
        case PaymentMoved() if event.direction == "sent":
            found = Order(event.at, "", pays=True)
        case WithdrawalChanged() if event.status in ("pending", "reviewing"):
            found = Order(event.at, "", pays=True)
    return found


def _closes(fill: OrderFilled) -> bool:
    return bool(fill.realized_pnl_usd) if fill.opens is None else not fill.opens


def _of_row(row: LedgerEntry) -> Order | None:
    if row.entry in _BETS:
        return Order(row.at, f"{row.service}:{row.position}")
    if row.entry == "escrow_lock" and row.reference:
        return Order(row.at, f"escrow:{row.reference}", pays=True)
    return Order(row.at, f"{row.service}:{row.position}", pays=True) if row.entry in _PAYMENTS else None


def forbidden(order: Order, mode: str, *, frozen: bool) -> bool:
    """Whether a halt of this mode forbids such an order. Closing is allowed to who may reduce, and is wanted when flattening."""
    if order.pays:
        return frozen or mode != "reduce"
    if mode == "freeze_payments":
        return False
    return not order.closes or mode == "halt"


def witnesses(agent: AgentState) -> frozenset[str]:
    """The collectors that must have read the agent; empty when nobody could prove anything."""
    return COLLECTORS.intersection(agent.profile.collectors)
