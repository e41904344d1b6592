"""The trading server's copy trading: following, leaving, and what leaders look like to those who might follow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.numbers import percent, round2
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.copying import Subscription
from fleawatch.sandbox.services.trading_book import Trade, Trader

if TYPE_CHECKING:
    from fleawatch.sandbox.http.trading import TradingFront

_DAY: Final = 86_400
_SHOWN: Final = 10


class CopyRoutes:
    """Routes under `/v1/copy`. Following and the own figures need a key, leaders are public, with their whole ids."""

    def __init__(self, front: TradingFront) -> None:
        self.front = front
        self.copies = front.platform.trading.copies

    def routes(self) -> None:
        """Add the routes to the server."""
        self.front.post("/v1/copy/follow/:leader", self._follow)
        self.front.post("/v1/copy/follow/:leader", self._unfollow, "DELETE")
        self.front.get("/v1/copy/following", self._following)
        self.front.get("/v1/copy/followers", self._followers)
        self.front.get("/v1/copy/my-leader-stats", self._mine)
        self.front.get("/v1/copy/leader/:leader/stats", self._leader)
        self.front.get("/v1/copy/leaderboard", self._leaderboard)

    def _follow(self, call: Call) -> Answer:
        trader, body = self.front.trader(call), call.json()
        made = self.copies.follow(trader, call.params["leader"], body)
        return Reply(
            {
                "subscription_id": made.id,
                "leader_id": made.leader.id,
                "follower_id": made.follower.id,
                "allocation": made.allocation,
                "max_position_size": made.max_position_size,
                "stop_loss_pct": made.stop_loss_pct,
                "message": f"Now copy trading agent {made.leader.id}. "
                "Proportional positions will open when they trade.",
            },
            201,
        )

    def _unfollow(self, call: Call) -> Answer:
        trader, leader = self.front.trader(call), call.params["leader"]
        closed, failed = self.copies.unfollow(trader, leader, reachable=not call.outage)
        return {"message": f"Unfollowed {leader}", "positions_closed": closed, "positions_failed_to_close": failed}

    def _following(self, call: Call) -> Answer:
        mine = self.copies.of(follower=self.front.trader(call))
        rows = [{"subscription_id": one.id, "leader_id": one.leader.id, **_terms(one)} for one in mine]
        return {"following": rows, "count": len(rows)}

    def _followers(self, call: Call) -> Answer:
        mine = self.copies.of(leader=self.front.trader(call))
        return {
            "followers": [
                {
                    "subscription_id": one.id,
                    "follower_id": one.follower.id,
                    "allocation_usdc": one.allocation,
                    "since": one.created,
                }
                for one in mine
            ],
            "total_followers": len(mine),
            "total_allocated_usdc": _allocated(mine),
        }

    def _mine(self, call: Call) -> Answer:
        trader = self.front.trader(call)
        mine = self.copies.of(leader=trader)
        every = [one for one in self.copies.subscriptions if one.leader is trader]
        recent = [row for row in trader.earnings if row["created_at"] >= call.now - 30 * _DAY]
        return {
            "leader_id": trader.id,
            "followers": [{"follower_id": one.follower.id, **_terms(one)} for one in mine],
            "summary": {
                "active_followers": len(mine),
                "total_allocated_usdc": _allocated(mine),
                "open_copy_positions": sum(copy.status == "open" for one in every for copy in one.copies),
            },
            "commissions": {
                "earned_30d": _earned(recent),
                "trades_30d": len(recent),
                "earned_all_time": _earned(trader.earnings),
                "trades_all_time": len(trader.earnings),
                "rate_pct": 20,
            },
            "public_stats_url": f"/v1/copy/leader/{trader.id}/stats",
        }

    def _leader(self, call: Call) -> Answer:
        """Commissions count referral income too: the server keeps both in one table."""
        trader = self.front.platform.trading.traders.get(call.params["leader"])
        if trader is None:
            raise RefusedError(404, "leader_not_found")
        week, month = (_since(trader, call.now - days * _DAY) for days in (7, 30))
        recent = [row for row in trader.earnings if row["created_at"] >= call.now - 30 * _DAY]
        followers = self.copies.of(leader=trader)
        fees, figures = sum(trade.fee for trade in month), _figures(month)
        volume = sum(trade.size_usd for trade in month)
        return {
            "leader_id": trader.id,
            "tier": trader.tier,
            "member_since": trader.created,
            "performance": {
                "7d": _figures(week),
                "30d": {
                    **figures,
                    "pnl_return_pct": percent(figures["pnl_usd"], volume),
                    "volume_usd": round2(volume),
                    "fees_paid": round2(fees),
                    "net_pnl_after_fees": round2(figures["pnl_usd"] - fees),
                },
                "all_time": {
                    "total_pnl_usd": round2(trader.total_pnl),
                    "total_volume_usd": round2(trader.total_volume),
                },
            },
            "copy_stats": {
                "active_followers": len(followers),
                "total_allocated_usdc": _allocated(followers),
                "commission_earned_30d": _earned(recent),
                "commission_trades_30d": len(recent),
                "commission_rate_pct": 20,
            },
        }

    def _leaderboard(self, call: Call) -> Answer:
        """Ten traders by P&L before fees over 30 days."""
        traders = self.front.platform.trading.traders.values()
        ranked = [(trader, _since(trader, call.now - 30 * _DAY)) for trader in traders]
        ranked = [(trader, trades) for trader, trades in ranked if trades]
        ranked.sort(key=lambda pair: -sum(trade.realized_pnl or 0.0 for trade in pair[1]))
        rows = [self._ranked(rank, *pair) for rank, pair in enumerate(ranked[:_SHOWN], start=1)]
        return {"leaderboard": rows, "period": "30d", "generated_at": int(call.shown)}

    def _ranked(self, rank: int, trader: Trader, trades: list[Trade]) -> dict[str, Any]:
        figures, followers = _figures(trades), self.copies.of(leader=trader)
        return {
            "rank": rank,
            "agent_id": trader.id,
            "pnl_30d": figures["pnl_usd"],
            "pnl_pct_30d": percent(figures["pnl_usd"], sum(trade.size_usd for trade in trades)),
            "win_rate_30d_pct": figures["win_rate_pct"],
            "trade_count_30d": figures["trade_count"],
            "total_followers": len(followers),
            "total_allocated_usdc": _allocated(followers),
            "copy_this_trader": f"POST /v1/copy/follow/{trader.id}",
            "stats_url": f"/v1/copy/leader/{trader.id}/stats",
        }


def _terms(one: Subscription) -> dict[str, Any]:
    return {
        "allocation_usdc": one.allocation,
        "max_position_size": one.max_position_size,
        "stop_loss_pct": one.stop_loss_pct,
        "since": one.created,
    }


def _allocated(subscriptions: Iterable[Subscription]) -> float:
    return round2(sum(one.allocation for one in subscriptions))


def _earned(rows: Iterable[dict[str, Any]]) -> float:
    return round2(sum(row["commission_usd"] for row in rows))


def _since(trader: Trader, moment: float) -> list[Trade]:
    return [trade for trade in trader.trades if trade.second >= moment]


def _figures(trades: list[Trade]) -> dict[str, Any]:
    """P&L before fees over trade rows; the win rate counts opening rows as not won."""
    pnls = [trade.realized_pnl or 0.0 for trade in trades]
    return {
        "pnl_usd": round2(sum(pnls)),
        "trade_count": len(trades),
        "win_rate_pct": percent(sum(pnl > 0 for pnl in pnls), len(trades)),
    }
