"""What an agent owns and owes now: balances, open positions, open escrows, and what no fact explains."""

from __future__ import annotations

from fleawatch.flow.conservation import UNSETTLED
from fleawatch.flow.state import AgentState, Escrow, Holding, Position
from fleawatch.web.number import Number, Standing
from fleawatch.web.standing import TRADING, Standings

Record = dict[str, str | float | Number | None]
"""One thing with its properties: words, moments in unix seconds (named `..._at`), and numbers."""


def balances(standings: Standings) -> list[Record]:
    """One record a holding, by account."""
    return [_balance(standings, name, held) for name, held in sorted(standings.agent.holdings.items())]


def _balance(standings: Standings, name: str, held: Holding) -> Record:
    service, _, account = name.partition(":")
    standing = standing_of(standings, service)
    return {
        "service": service,
        "account": account.rpartition(":")[0] or account,
        "currency": held.currency,
        "wallet_type": held.wallet_type,
        "amount": standing.number(held.amount, digits=12),
        "value": standing.number(held.value, "no price was to be had"),
    }


def positions(standings: Standings) -> list[Record]:
    """One record an open position, oldest first."""
    standing = standings.of(TRADING)
    if not standings.agent.trading.marked and standing.freshness == "fresh":
        marks = Standing(standing.source, standing.as_of, "stale", "the exchange gives no current prices")
    else:
        marks = standing
    found = sorted(standings.agent.trading.positions.values(), key=lambda held: (held.opened_at, held.position_id))
    return [_position(held, standing, marks) for held in found]


def _position(held: Position, standing: Standing, marks: Standing) -> Record:
    unmarked = "not marked yet"
    return {
        "position_id": held.position_id,
        "market": held.market,
        "side": "long" if held.side == "buy" else "short",
        "strategy": held.strategy,
        "opened_at": held.opened_at,
        "notional": standing.number(held.notional),
        "quantity": standing.number(held.quantity, digits=12),
        "entry_price": standing.number(held.entry_price, digits=12),
        "leverage": standing.number(held.leverage),
        "margin": standing.number(held.margin),
        "price": marks.number(held.price, unmarked, digits=12),
        "unrealized": marks.number(held.unrealized, unmarked),
        "liquidation_price": standing.number(held.liquidation_price, "none is stated", digits=12),
        "liquidation_distance": _distance(held, marks),
    }


def _distance(held: Position, marks: Standing) -> Number:
    """How far the price may move against the position until it is liquidated, as a share of the price."""
    if held.liquidation_price is None:
        return marks.ratio(None, "no liquidation price is stated")
    if not held.price:
        return marks.ratio(None, "not marked yet")
    away = held.price - held.liquidation_price
    return marks.ratio((away if held.side == "buy" else -away) / held.price)


def escrows(standings: Standings) -> list[Record]:
    """One record an escrow that is still open, or whose money has not moved yet; soonest expiry first."""
    standing = standings.escrows
    found = sorted(standings.agent.escrows.values(), key=lambda held: (held.expires_at or float("inf"), held.escrow_id))
    return [_escrow(held, standing, standings.at) for held in found]


def _escrow(held: Escrow, standing: Standing, at: float) -> Record:
    left = None if held.expires_at is None else held.expires_at - at
    return {
        "escrow_id": held.escrow_id,
        "role": held.role,
        "status": held.status,
        "counterparty": held.counterparty,
        "created_at": held.created_at or None,
        "expires_at": held.expires_at,
        "amount": standing.number(held.amount),
        "locked": standing.number(held.locked),
        "impaired": standing.number(held.impaired),
        "commission": standing.number(held.commission, "not told"),
        "expires_in": standing.number(None if left is None else round(left, 3), "no expiry was told"),
    }


def residuals(standings: Standings) -> list[Record]:
    """Unexplained money of each book: 0 on clean books."""
    found: list[Record] = []
    for name, book in sorted(standings.agent.books.items()):
        service, _, currency = name.partition(":")
        standing = standing_of(standings, service)
        residual = standing.number(book.conservation.residual(), UNSETTLED)
        found.append(
            {
                "service": service,
                "currency": currency,
                "residual": residual,
                "balance": standing.number(book.balance if book.rows else None, "no row was read yet"),
                "rows": standing.number(book.rows),
            }
        )
    return found


def standing_of(standings: Standings, service: str) -> Standing:
    """The standing of one service's numbers, read by its own collector or by the gateway's."""
    return standings.of(frozenset({service, "gateway"}))


def has_unmarked(agent: AgentState) -> bool:
    """Whether an open position has no current price."""
    trading = agent.trading
    return not trading.marked or any(held.unrealized is None for held in trading.positions.values())
