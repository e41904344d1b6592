"""The trading server's reports: portfolio, risk, history of P&L, drawdown, referral, public scores.

Reports over trade rows miss stop-loss and take-profit exits; `/v1/risk/:id` counts closed positions and has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fleawatch.sandbox.http.call import Answer, Call
from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.numbers import percent, round2
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.trading import MONITOR_SECONDS
from fleawatch.sandbox.services.trading_book import Position, Trade, Trader
from fleawatch.sandbox.services.trading_rules import settings, today
from fleawatch.units import iso

if TYPE_CHECKING:
    from fleawatch.sandbox.http.trading import TradingFront

_DAY: Final = 86_400
_MAINTENANCE: Final = 0.0005
_RISKS: Final = {"critical": "critical", "warning": "elevated"}
"""The report's verdict by its gravest warning."""


class Reports:
    """Routes that only summarise."""

    def __init__(self, front: TradingFront) -> None:
        self.front = front

    def routes(self) -> None:
        """Add the routes to the server."""
        get = self.front.get
        get("/v1/trade/portfolio", self._portfolio)
        get("/v1/trade/risk-check", self._risk_check)
        get("/v1/trade/pnl-history", self._pnl_history)
        get("/v1/trade/drawdown", self._drawdown)
        get("/v1/trade/daily-report", self._daily)
        get("/v1/trade/stats-by-coin", self._by_coin)
        get("/v1/trade/trading-hours", self._hours)
        get("/v1/trade/risk-settings", self._risk_settings)
        self.front.post("/v1/trade/risk-settings", self._set_risk)
        get("/v1/order-monitor", self._monitor)
        get("/v1/risk-score", lambda call: self._score(self.front.trader(call)))
        get("/v1/risk/gauge", lambda call: {"gauge": int(call.shown) % 100, "note": "illustrative, not live data"})
        get("/v1/risk/:id", lambda call: self._score(self._public(call)))
        get("/v1/badges/:id", self._badges)
        get("/v1/referral/stats", self._referral)
        get("/v1/public-stats", self._public_stats)
        get("/v1/leaderboard", self._leaderboard)
        get("/v1/feed", self._feed)

    def _public(self, call: Call) -> Trader:
        trader = self.front.platform.trading.traders.get(call.params["id"])
        if trader is None:
            raise RefusedError(404, "agent_not_found")
        return trader

    def _valued(self, position: Position, *, outage: bool) -> dict[str, Any]:
        """A position of the database copy. Without a price its profit is 0: a zero that is not one."""
        price = None if outage else self.front.price(position.coin)
        move = 0.0 if price is None else (price - position.entry_price) / position.entry_price * position.sign
        return {
            "id": position.id,
            "coin": position.coin,
            "ticker": position.coin,
            "side": position.side,
            "size_usd": position.size_usd,
            "entry_price": position.entry_price,
            "current_price": price,
            "leverage": position.leverage,
            "margin_used": position.margin,
            "unrealized_pnl": round2(position.size_usd * move),
            "risk": "unknown" if price is None else "low",
        }

    def _portfolio(self, call: Call) -> Answer:
        trader = self.front.trader(call)
        rows = [self._valued(p, outage=call.outage) for p in trader.positions if p.status == "open"]
        longs = sum(row["size_usd"] for row in rows if row["side"] == "long")
        shorts = sum(row["size_usd"] for row in rows if row["side"] == "short")
        wins = sum((trade.realized_pnl or 0.0) > 0 for trade in trader.trades)
        return {
            "summary": {
                "open_positions": len(rows),
                "total_exposure_usd": round2(longs + shorts),
                "long_exposure_usd": round2(longs),
                "short_exposure_usd": round2(shorts),
                "net_exposure_usd": round2(longs - shorts),
                "unrealized_pnl": round2(sum(row["unrealized_pnl"] for row in rows)),
                "utilization_pct": percent(longs + shorts, trader.max_position_usd),
            },
            "risk": {
                "portfolio_risk_level": "unknown" if call.outage else "low",
                "warnings": [],
                "positions_by_risk": {"unknown" if call.outage else "low": len(rows)},
            },
            "lifetime": {
                "total_trades": len(trader.trades),
                "realized_pnl": round2(trader.total_pnl),
                "win_rate_pct": percent(wins, len(trader.trades)),
            },
            "positions": rows,
        }

    def _risk_check(self, call: Call) -> Answer:
        """One coin above half of the exposure is a warning: whoever holds a single position is at elevated risk."""
        trader = self.front.trader(call)
        opened = [position for position in trader.positions if position.status == "open"]
        if not opened:
            message = "No open positions. All clear."
            return {"status": "no_positions", "overall_risk": "none", "message": message}
        rows = [self._valued(position, outage=call.outage) for position in opened]
        for row, position in zip(rows, opened, strict=True):
            row["distance_to_liq_pct"] = _distance(position, row["current_price"])
        total, warnings = sum(row["size_usd"] for row in rows), _warnings(rows)
        grave = {warning["severity"] for warning in warnings}
        return {
            "overall_risk": next((risk for name, risk in _RISKS.items() if name in grave), "normal"),
            "open_positions": len(rows),
            "summary": {
                "total_exposure_usd": round2(total),
                "total_margin_usd": round2(sum(row["margin_used"] for row in rows)),
                "unrealized_pnl": round2(sum(row["unrealized_pnl"] for row in rows)),
                "long_pct": percent(sum(row["size_usd"] for row in rows if row["side"] == "long"), total),
            },
            "warnings": warnings or [{"severity": "info", "message": "No risk alerts. Positions look healthy."}],
            "positions": rows,
        }

    def _days(self, call: Call, default: int) -> tuple[list[dict[str, Any]], list[Trade]]:
        trader = self.front.trader(call)
        since = int(call.now) - call.integer("days", default, 365) * _DAY
        trades = [trade for trade in trader.trades if trade.second >= since]
        rows: dict[str, dict[str, Any]] = {}
        for trade in trades:
            date = iso(trade.second)[:10]
            row = rows.setdefault(date, {"date": date, "daily_pnl": 0.0, "daily_fees": 0.0, "trades": 0})
            row["daily_pnl"] += trade.realized_pnl or 0.0
            row["daily_fees"] += trade.fee
            row["trades"] += 1
        cumulative = 0.0
        for row in rows.values():
            cumulative += row["daily_pnl"]
            row |= {name: round2(row[name]) for name in ("daily_pnl", "daily_fees")}
            row["cumulative_pnl"] = round2(cumulative)
        return list(rows.values()), trades

    def _pnl_history(self, call: Call) -> Answer:
        days, trades = self._days(call, 30)
        pnl, fees = sum(t.realized_pnl or 0.0 for t in trades), sum(t.fee for t in trades)
        wins = sum((trade.realized_pnl or 0.0) > 0 for trade in trades)
        return {
            "history": days,
            "summary": {
                "total_pnl": round2(pnl),
                "total_fees": round2(fees),
                "net_pnl": round2(pnl - fees),
                "win_rate_pct": percent(wins, len(trades)),
            },
        }

    def _drawdown(self, call: Call) -> Answer:
        """Its "equity" is cumulative net P&L from zero; the drawdown is negative, in percent of the peak profit."""
        _, trades = self._days(call, 90)
        days = call.integer("days", 90, 365)
        if not trades:
            return {"period_days": days, "message": "No trades in this period"}
        equity, peak, worst, worst_pct, curve = 0.0, 0.0, 0.0, 0.0, []
        for trade in trades:
            equity += (trade.realized_pnl or 0.0) - trade.fee
            peak = max(peak, equity)
            if equity - peak < worst:
                worst, worst_pct = equity - peak, (equity - peak) / peak * 100 if peak else 0.0
            curve.append({"at": iso(trade.second), "equity": round2(equity)})
        summary = {"final_equity": round2(equity), "max_drawdown_usd": round2(worst)}
        return {
            "period_days": days,
            "summary": {**summary, "max_drawdown_pct": round2(worst_pct)},
            "equity_curve": curve,
        }

    def _today(self, trader: Trader, now: float) -> list[Trade]:
        midnight = int(now) // _DAY * _DAY
        return [trade for trade in trader.trades if trade.second >= midnight]

    def _daily(self, call: Call) -> Answer:
        trades = self._today(self.front.trader(call), call.now)
        pnl, fees = sum(t.realized_pnl or 0.0 for t in trades), sum(t.fee for t in trades)
        report = {"trades": len(trades), "realized_pnl": round2(pnl), "fees": round2(fees)}
        return {"date": iso(call.shown)[:10], **report, "net_pnl": round2(pnl - fees)}

    def _by_coin(self, call: Call) -> Answer:
        coins: dict[str, list[Trade]] = {}
        for trade in self.front.trader(call).trades:
            coins.setdefault(trade.coin, []).append(trade)
        return {
            "coins": [
                {
                    "coin": coin,
                    "trades": len(trades),
                    "volume_usd": round2(sum(t.size_usd for t in trades)),
                    "total_pnl": round2(sum(t.realized_pnl or 0.0 for t in trades)),
                    "total_fees": round2(sum(t.fee for t in trades)),
                }
                for coin, trades in coins.items()
            ]
        }

    def _hours(self, call: Call) -> Answer:
        hours = [{"hour": hour, "trades": 0, "pnl": 0.0} for hour in range(24)]
        for trade in self.front.trader(call).trades:
            row = hours[trade.second % _DAY // 3600]
            row["trades"] += 1
            row["pnl"] = round2(row["pnl"] + (trade.realized_pnl or 0.0))
        return {"hours": hours}

    def _risk_settings(self, call: Call) -> Answer:
        trader = self.front.trader(call)
        return {
            "risk_settings": settings(trader),
            "today": today(trader, int(call.now)),
            "update_tip": "POST /v1/trade/risk-settings { max_daily_loss_usd: 500 } to set a daily loss limit",
        }

    def _set_risk(self, call: Call) -> Answer:
        trader, body = self.front.trader(call), call.json()
        changed = self.front.platform.trading.set_risk(trader, body)
        note = "Daily loss limit blocks new trade opens until UTC midnight when limit is reached."
        return {"success": True, "changed": changed, "risk_settings": settings(trader), "note": note}

    def _monitor(self, _: Call) -> Answer:
        traders = self.front.platform.trading.traders.values()
        pending = sum(order.status == "pending" for trader in traders for order in trader.orders)
        return {"running": True, "interval_seconds": int(MONITOR_SECONDS), "pending_orders": pending}

    @staticmethod
    def _score(trader: Trader) -> dict[str, Any]:
        """The public report: the only one whose realised P&L has every closed position."""
        opened = [p for p in trader.positions if p.status == "open"]
        closed = [p for p in trader.positions if p.status == "closed"]
        notional = sum(p.size_usd for p in opened)
        score = min(100, int(notional / trader.max_position_usd * 100))
        leverage = sum(p.leverage for p in opened) / len(opened) if opened else 0.0
        return {
            "agent_id": trader.id,
            "risk_score": score,
            "risk_level": "low" if score < 34 else "medium" if score < 67 else "high",
            "open_positions": len(opened),
            "closed_positions": len(closed),
            "total_trades": len(trader.trades),
            "realized_pnl_usd": round2(sum(p.shown_result for p in closed)),
            "exposure": {
                "total_notional_usd": round2(notional),
                "avg_leverage": round2(leverage),
                "unique_assets": len({p.coin for p in opened}),
            },
        }

    def _badges(self, call: Call) -> Answer:
        trader = self._public(call)
        wins = sum((trade.realized_pnl or 0.0) > 0 for trade in trader.trades)
        return {
            "agent_id": trader.id,
            "badges": [],
            "stats": {
                "total_trades": len(trader.trades),
                "total_pnl_usd": round2(trader.total_pnl),
                "win_rate_pct": percent(wins, len(trader.trades)),
                "total_volume_usd": round2(trader.total_volume),
            },
        }

    def _referral(self, call: Call) -> Answer:
        trader = self.front.trader(call)
        return {
            "total_referrals": len(trader.referrals),
            "total_fees_generated_usd": round2(sum(row["fee_usd"] for row in trader.earnings)),
            "total_earned_usd": round2(sum(row["commission_usd"] for row in trader.earnings)),
            "commission_rate": "20%",
            "recent_earnings": trader.earnings[:-21:-1],
        }

    def _public_stats(self, _: Call) -> Answer:
        traders = self.front.platform.trading.traders.values()
        return {
            "total_agents": len(traders),
            "total_trades": sum(len(trader.trades) for trader in traders),
            "total_volume_usd": round2(sum(trader.total_volume for trader in traders)),
        }

    def _leaderboard(self, _: Call) -> Answer:
        traders = sorted(self.front.platform.trading.traders.values(), key=lambda trader: -trader.total_pnl)[:20]
        rows = enumerate(traders, start=1)
        return {
            "leaderboard": [
                {"rank": rank, "agent_id": f"{trader.id[:8]}...", "total_pnl": round2(trader.total_pnl)}
                for rank, trader in rows
            ]
        }

    def _feed(self, _: Call) -> Answer:
        rows = [
            {"agent_id": f"{trader.id[:8]}...", "coin": trade.coin, "side": trade.side, "at": iso(trade.second)}
            for trader in self.front.platform.trading.traders.values()
            for trade in newest_first(trader.trades, 10)
        ]
        return {"feed": sorted(rows, key=lambda row: row["at"], reverse=True)[:20]}


def _distance(position: Position, price: float | None) -> float | None:
    """How far the price is from the liquidation that this report estimates, in percent of the price."""
    if price is None:
        return None
    move = 1 / position.leverage - _MAINTENANCE
    return round2(abs(price - position.entry_price * (1 - position.sign * move)) / price * 100)


def _warnings(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    total = sum(row["size_usd"] for row in rows)
    coins: dict[str, float] = {}
    for row in rows:
        coins[row["coin"]] = coins.get(row["coin"], 0.0) + row["size_usd"]
    near = [
        {
            "severity": "critical",
            "message": f"{row['coin']} {row['side']} is {row['distance_to_liq_pct']}% from liquidation",
        }
        for row in rows
        if row["distance_to_liq_pct"] is not None and row["distance_to_liq_pct"] < 10
    ]
    heavy = [
        {"severity": "warning", "message": f"{coin} is {percent(size, total)}% of total exposure (${round2(size)})"}
        for coin, size in coins.items()
        if percent(size, total) > 50
    ]
    geared = sum(row["leverage"] > 10 for row in rows)
    if geared:
        heavy.append({"severity": "warning", "message": f"{geared} position(s) using >10x leverage"})
    return near + heavy
