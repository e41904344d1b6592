"""Copy trading: followers whose positions follow a leader's market orders.

What the platform calls proportional is the whole allocation, whatever the leader's size. Copies follow `open` and
`close` alone: a leader's limit fills and protective exits reach nobody, and a stored `stop_loss_pct` is never looked at.
A copy passes the follower's brake on daily losses. A fifth of a copy's profit is owed to the leader, by the platform.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from fleawatch.sandbox.numbers import exact, round2
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.trading_book import Position, Trader
from fleawatch.sandbox.services.trading_rules import Terms

if TYPE_CHECKING:
    from fleawatch.sandbox.services.trading import Trading

_LEADERS_SHARE: Final = 0.20
_SMALLEST: Final = 1.0


@dataclass(slots=True)
class Copy:
    """One copied position: the leader's, the follower's, and whether the platform still minds it."""

    original: Position
    position: Position
    status: Literal["open", "closed"] = "open"


@dataclass(slots=True, kw_only=True)
class Subscription:
    """One follower of one leader. `allocation` is the size of each copy in USD, at most `max_position_size`."""

    id: str
    follower: Trader
    leader: Trader
    allocation: float
    max_position_size: float | None
    stop_loss_pct: float | None
    created: int
    active: bool = True
    copies: list[Copy] = field(default_factory=list)

    @property
    def size(self) -> float:
        """The size of the next copy in USD: the allocation, within the follower's own limits."""
        sizes = [round2(self.allocation), self.follower.max_position_usd]
        return min(sizes + ([self.max_position_size] if self.max_position_size else []))


class Copies:
    """All subscriptions, and what happens to them when a leader trades."""

    def __init__(self, trading: Trading) -> None:
        self.trading = trading
        self.subscriptions: list[Subscription] = []

    def of(self, *, leader: Trader | None = None, follower: Trader | None = None) -> list[Subscription]:
        """Active subscriptions to this leader, or by this follower, or both."""
        return [
            one
            for one in self.subscriptions
            if one.active and leader in (None, one.leader) and follower in (None, one.follower)
        ]

    def follow(self, follower: Trader, leader_id: str, body: Mapping[str, Any]) -> Subscription:
        """Follow a leader from its next order on.

        Raises:
            RefusedError: 400 `cannot_follow_self`, `invalid_allocation`, `already_following`; 404 `leader_not_found`.
        """
        if leader_id == follower.id:
            raise RefusedError(400, "cannot_follow_self")
        leader = self.trading.traders.get(leader_id)
        if leader is None:
            raise RefusedError(404, "leader_not_found")
        allocation = _positive(body.get("allocation_usdc"))
        if allocation is None:
            raise RefusedError(400, "invalid_allocation", "allocation_usdc must be positive")
        for known in self.of(leader=leader, follower=follower):
            message = "You are already copy trading this agent"
            raise RefusedError(400, "already_following", message, subscription_id=known.id)
        kernel = self.trading.kernel
        subscription = Subscription(
            id=f"sub_{kernel.ids.hex('copy-subscription', follower.name, 12)}",
            follower=follower,
            leader=leader,
            allocation=allocation,
            max_position_size=_positive(body.get("max_position_size")),
            stop_loss_pct=_positive(body.get("stop_loss_pct")),
            created=kernel.second,
        )
        self.subscriptions.append(subscription)
        return subscription

    def unfollow(self, follower: Trader, leader_id: str, *, reachable: bool = True) -> tuple[int, int]:
        """Leave a leader and close the copies that are open; how many were closed, and how many could not be.

        With the exchange out of reach the copies stay, and nobody minds them any more but the leader's close.

        Raises:
            RefusedError: 404 `not_following`.
        """
        mine = [one for one in self.of(follower=follower) if one.leader.id == leader_id]
        if not mine:
            raise RefusedError(404, "not_following", "No active copy subscription found")
        mine[0].active = False
        held = [copy for copy in mine[0].copies if copy.status == "open" and copy.position.status == "open"]
        if not reachable:
            return 0, len(held)
        for copy in held:
            self.trading.drop_copy(copy.position)
            copy.status = "closed"
        return len(held), 0

    def opened(self, original: Position) -> None:
        """Copy a leader's new position. A copy that fails is a line in the server's log, and nothing else."""
        for one in self.of(leader=original.trader):
            if one.size < _SMALLEST:
                continue
            leverage = min(original.leverage, one.follower.max_leverage)
            with suppress(RefusedError):
                order = Terms(original.coin, original.side, one.size, leverage)
                one.copies.append(Copy(original, self.trading.copy_open(one.follower, order)))

    def closed(self, original: Position) -> None:
        """Close the copies of a position that its leader has closed, also of those who left since."""
        for one in self.subscriptions:
            for copy in one.copies:
                if copy.original is original and copy.status == "open" and copy.position.status == "open":
                    self._close(one, copy)

    def _close(self, one: Subscription, copy: Copy) -> None:
        trade = self.trading.copy_close(copy.position)
        copy.status = "closed"
        profit = copy.position.result
        commission = round2(profit * _LEADERS_SHARE)
        if commission >= 0.01:
            memo = f"copy_commission:{copy.position.id}"
            self.trading.earn(one.leader, one.follower, profit, exact(commission), memo, trade.order_id)


def _positive(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable and value > 0 else None
