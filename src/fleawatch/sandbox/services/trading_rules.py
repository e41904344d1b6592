"""What an order must satisfy at the trading server: its own form, the agent's limits, and the brake on daily losses.

The brake is looked at by market orders only. It needs a loss: set before anything was lost today, it blocks nothing.
Resting orders that were placed before are executed under it, and so are the copies of a leader's positions.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from fleawatch.sandbox.numbers import round2
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.trading_book import Side, Trader
from fleawatch.units import iso

DAY: Final = 86_400
_HIGHEST_LEVERAGE: Final = 50
_TIER_LEVERAGE: Final = {"free": 20.0}
_TIER_POSITION: Final = {"free": 50_000.0}
"""What an agent may raise its own limits to; the higher tiers go further."""


class Terms(NamedTuple):
    """An order that is well formed and within the agent's limits. Leverage above the limit was cut to it, silently."""

    coin: str
    side: Side
    size_usd: float
    leverage: float


def terms(trader: Trader, body: dict[str, Any]) -> Terms:
    """The order that `body` asks for.

    Raises:
        RefusedError: 400 `invalid_request`, `invalid_size`, `invalid_side`, `invalid_leverage`, `position_too_large`.
    """
    coin, side, size = body.get("coin"), body.get("side"), body.get("size_usd")
    if not coin or not side or not size:
        raise RefusedError(400, "invalid_request", "Provide coin, side (long/short), size_usd")
    if not _is_number(size) or size <= 0:
        raise RefusedError(400, "invalid_size", "size_usd must be a positive number")
    if side not in ("long", "short"):
        raise RefusedError(400, "invalid_side", "side must be 'long' or 'short'")
    leverage = 5 if body.get("leverage") is None else body["leverage"]
    if not _is_number(leverage) or leverage < 1:
        raise RefusedError(400, "invalid_leverage", "leverage must be a number >= 1")
    if size > trader.max_position_usd:
        message = f"Max position size is ${_plain(trader.max_position_usd)}. Upgrade tier for higher limits."
        raise RefusedError(400, "position_too_large", message, max_position_usd=trader.max_position_usd)
    direction: Side = "long" if side == "long" else "short"
    return Terms(str(coin).upper(), direction, float(size), min(float(leverage), trader.max_leverage))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _plain(value: float) -> str:
    """A number as JavaScript writes it: a whole one without decimals."""
    return f"{value:.15g}"


def net_today(trader: Trader, second: int) -> float:
    """P&L less fees of the UTC day over trade rows, in USD. Protective exits write no row, so they are not in it."""
    midnight = second // DAY * DAY
    return sum((trade.realized_pnl or 0.0) - trade.fee for trade in trader.trades if trade.second >= midnight)


def resets_at(second: int) -> str:
    """The next UTC midnight, when the day's loss is forgotten."""
    return iso((second // DAY + 1) * DAY)


def check_brake(trader: Trader, second: int) -> None:
    """Refuse to open while the day's loss is at or above the agent's limit.

    Raises:
        RefusedError: 403 `daily_loss_limit_reached`.
    """
    limit, loss = trader.max_daily_loss, max(0.0, -net_today(trader, second))
    if limit is not None and loss >= limit:
        raise RefusedError(
            403,
            "daily_loss_limit_reached",
            f"Daily loss limit of ${_plain(limit)} reached. Trading blocked until UTC midnight.",
            daily_loss_limit_usd=limit,
            current_daily_loss_usd=round2(loss),
            resets_at=resets_at(second),
            tip="Update your limit via POST /v1/trade/risk-settings",
        )


def today(trader: Trader, second: int) -> dict[str, Any]:
    """How the day stands against the limit. The loss is rounded to cents here, and is not where orders are checked."""
    midnight = second // DAY * DAY
    net, limit = round2(net_today(trader, second)), trader.max_daily_loss
    loss = max(0.0, -net)
    return {
        "net_pnl": net,
        "current_loss_usd": loss,
        "trade_count": sum(trade.second >= midnight for trade in trader.trades),
        "daily_loss_limit_pct_used": None if limit is None else round2(loss / limit * 100),
        "trading_blocked": limit is not None and loss >= limit,
        "resets_at": resets_at(second),
    }


def settings(trader: Trader) -> dict[str, float | None]:
    """The agent's limits as answers show them."""
    return {
        "max_leverage": trader.max_leverage,
        "max_position_usd": trader.max_position_usd,
        "max_daily_loss_usd": trader.max_daily_loss,
    }


def change_settings(trader: Trader, body: dict[str, Any]) -> list[str]:
    """Set the limits that `body` names; all or none. Returns what changed, in words.

    The key that trades is the key that sets: whoever is limited can lift the limit again.

    Raises:
        RefusedError: 400 `invalid_value`; 400 `no_changes` when it names none.
    """
    loss, leverage, position = trader.max_daily_loss, trader.max_leverage, trader.max_position_usd
    changed = []
    if "max_daily_loss_usd" in body:
        loss = body["max_daily_loss_usd"]
        if loss is not None and (not _is_number(loss) or loss <= 0):
            message = "max_daily_loss_usd must be a positive number or null to disable"
            raise RefusedError(400, "invalid_value", message)
        changed.append("max_daily_loss_usd: " + ("disabled (no limit)" if loss is None else f"${_plain(loss)}"))
    if "max_leverage" in body:
        value = body["max_leverage"]
        if not _is_number(value) or not 1 <= value <= _HIGHEST_LEVERAGE:
            raise RefusedError(400, "invalid_value", f"max_leverage must be 1-{_HIGHEST_LEVERAGE}")
        leverage = min(float(value), _TIER_LEVERAGE.get(trader.tier, float(_HIGHEST_LEVERAGE)))
        changed.append(f"max_leverage: {_plain(leverage)}x")
    if "max_position_usd" in body:
        value = body["max_position_usd"]
        if not _is_number(value) or value <= 0:
            raise RefusedError(400, "invalid_value", "max_position_usd must be a positive number")
        position = min(float(value), _TIER_POSITION.get(trader.tier, 500_000.0))
        changed.append(f"max_position_usd: ${_plain(position)}")
    if not changed:
        names = "max_daily_loss_usd, max_leverage, max_position_usd"
        raise RefusedError(400, "no_changes", f"Provide at least one of: {names}")
    trader.max_daily_loss, trader.max_leverage, trader.max_position_usd = loss, leverage, position
    return changed
