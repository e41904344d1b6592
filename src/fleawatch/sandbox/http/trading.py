"""The trading server: orders and positions. Its reports are in `trading_reports`.

Positions come from the exchange; with the exchange away (`outage`) the routes fail in the shapes of the real server:
500, an empty list, or a profit of zero that is not one.
"""

from __future__ import annotations

from typing import Any

from fleawatch.sandbox.http.call import Answer, Call, Handler, Reply
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.http.trading_copy import CopyRoutes
from fleawatch.sandbox.http.trading_reports import Reports
from fleawatch.sandbox.market import COINS
from fleawatch.sandbox.numbers import round2
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.trading_book import OrderKind, Position, Trader
from fleawatch.units import iso


class TradingFront(Front):
    """`/v1/...`."""

    service = "trading"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        health = self.health(
            database=lambda _: "ok",
            uptime_seconds=lambda call: int(self.uptime(call)),
            registered_agents=lambda _: len(self.platform.trading.traders),
            timestamp=lambda call: iso(call.shown),
        )
        self.get("/health", health)
        self.get("/ping", health)
        self._orders()
        self._reads()
        Reports(self).routes()
        CopyRoutes(self).routes()

    def person(self, call: Call) -> Person | None:
        trader = self.platform.trading.by_key.get(call.key or "")
        return trader.person if trader else None

    def trader(self, call: Call) -> Trader:
        """The trader of the key.

        Raises:
            RefusedError: 401 `missing_key` or `invalid_key`.
        """
        if call.key is None:
            raise RefusedError(401, "missing_key", "Use: Authorization: Bearer sk_trade_...")
        trader = self.platform.trading.by_key.get(call.key)
        if trader is None or call.now >= trader.person.key_expires_at:
            raise RefusedError(401, "invalid_key")
        return trader

    def mark(self, coin: str) -> float:
        """The exchange's mark now, frozen with the books."""
        return self.platform.kernel.market.mark(coin, self.platform.kernel.now)

    def price(self, coin: str) -> float:
        """The server's own price, up to 30 seconds old."""
        return self.platform.kernel.market.cached(coin, self.platform.kernel.now)

    def _orders(self) -> None:
        self.post("/v1/auth/register", self._register)
        self.post("/v1/trade/open", self._open)
        self.post("/v1/trade/close", self._close)
        self.post("/v1/trade/close-all", self._close_all)
        self.post("/v1/trade/limit", self._resting("limit"))
        self.post("/v1/trade/stop-loss", self._resting("stop_loss"))
        self.post("/v1/trade/take-profit", self._resting("take_profit"))
        self.post("/v1/trade/limit-orders/:id", self._cancel, "DELETE")
        self.post("/v1/referral/withdraw", self._withdraw)

    def _reads(self) -> None:
        self.get("/v1/auth/account", self._account)
        self.get("/v1/trade/positions", self._positions)
        self.get("/v1/trade/history", self._history)
        self.get("/v1/trade/limit-orders", self._limit_orders)
        self.get("/v1/markets", self._markets)
        self.get("/v1/markets/:coin/price", self._price)

    def _register(self, call: Call) -> Answer:
        self.limits.by_address(call.path, call.address, 10, call.now)
        code = call.json(lenient=True).get("referral_code")
        person = self.desk.world.guest()
        trader = self.platform.trading.register(person, code if isinstance(code, str) else None)
        return Reply(
            {
                "agent_id": trader.id,
                "api_key": person.keys["trading"],
                "referral_code": trader.referral_code,
                "deposit_address": trader.wallet_address,
                "hl_wallet": {"address": trader.wallet_address, "connected": True},
            },
            201,
        )

    def _account(self, call: Call) -> Answer:
        """Everything but a balance: no endpoint of the platform has one. Totals follow market orders only."""
        trader = self.trader(call)
        return {
            "agent_id": trader.id,
            "tier": trader.tier,
            "max_leverage": trader.max_leverage,
            "max_position_usd": trader.max_position_usd,
            "total_volume": trader.total_volume,
            "total_fees_paid": trader.total_fees,
            "total_pnl": trader.total_pnl,
            "referral_code": trader.referral_code,
            "hl_wallet": {"address": trader.wallet_address, "connected": True, "execution": "real"},
        }

    def _open(self, call: Call) -> Answer:
        trader = self.trader(call)
        self.limits.by_address(call.path, call.address, 30, call.now)
        body = call.json()
        if call.outage:
            with self.platform.kernel.attempt(trader.name, "trading", "open"):
                raise RefusedError(400, "trade_failed", "fetch failed")
        position, trade = self.platform.trading.open(trader, body)
        markup = position.size_usd * 0.0002
        return {
            "position_id": position.id,
            "order_id": position.order_id,
            "coin": position.coin,
            "ticker": position.coin,
            "dex": "hyperliquid",
            "side": position.side,
            "size_usd": position.size_usd,
            "entry_price": position.entry_price,
            "leverage": position.leverage,
            "margin_used": position.margin,
            "liquidation_price": position.liquidation_price,
            "fee": trade.fee,
            "fee_breakdown": {"hyperliquid": trade.fee - markup, "purple_flea_builder": markup},
            "hl_order_id": int(trade.id[4:12], 16),
            "execution": "real",
            "status": "open",
        }

    def _close(self, call: Call) -> Answer:
        trader = self.trader(call)
        self.limits.by_address(call.path, call.address, 30, call.now)
        body = call.json()
        if call.outage:
            with self.platform.kernel.attempt(trader.name, "trading", "close"):
                self.platform.trading.find_open(trader, body.get("position_id"))
                raise RefusedError(400, "close_failed", "fetch failed")
        position, trade = self.platform.trading.close(trader, body.get("position_id"))
        move = (trade.price - position.entry_price) / position.entry_price
        return {
            "position_id": position.id,
            "coin": position.coin,
            "ticker": position.coin,
            "side": position.side,
            "entry_price": position.entry_price,
            "exit_price": trade.price,
            "size_usd": position.size_usd,
            "leverage": position.leverage,
            "pnl": position.result,
            "pnl_percent": round2(move * 100),
            "fee": trade.fee,
            "hl_order_id": int(trade.id[4:12], 16),
            "execution": "real",
            "status": "closed",
        }

    def _close_all(self, call: Call) -> Answer:
        count = self.platform.trading.close_all(self.trader(call))
        return {"closed": count, "message": f"Closed {count} positions"}

    def _resting(self, kind: OrderKind) -> Handler:
        def handler(call: Call) -> Answer:
            trader, body = self.trader(call), call.json()
            if call.outage and kind == "limit":
                with self.platform.kernel.attempt(trader.name, "trading", kind):
                    raise RefusedError(500, "internal_error", "fetch failed")
            return self.platform.trading.place(trader, kind, body).raw()

        return handler

    def _cancel(self, call: Call) -> Answer:
        return self.platform.trading.cancel(self.trader(call), call.params["id"]).raw()

    def _withdraw(self, call: Call) -> Answer:
        trader = self.trader(call)
        self.limits.by_address(call.path, call.address, 5, call.now)
        return {"withdrawn_usd": self.platform.trading.withdraw_referral(trader)}

    def _positions(self, call: Call) -> Answer:
        trader = self.trader(call)
        if call.query.get("status") == "all":
            newest = sorted(trader.positions, key=lambda position: -position.opened)[:50]
            if call.outage and newest:
                raise RefusedError(500, "internal_error", "fetch failed")
            rows = [self._database_row(position) for position in newest]
            return {"positions": rows, "count": len(rows), "source": "database"}
        if call.outage:
            if any(position.status == "open" for position in trader.positions):
                raise RefusedError(500, "internal_error", "fetch failed")
            return {"positions": [], "count": 0, "source": "database"}
        rows = self._exchange_rows(trader)
        return {"positions": rows, "count": len(rows), "source": "hyperliquid"}

    def _database_row(self, position: Position) -> dict[str, Any]:
        """The server's copy. In a closed row `unrealizedPnl` is the realised P&L, before fees."""
        price = self.price(position.coin)
        is_open = position.status == "open"
        move = (price - position.entry_price) / position.entry_price * position.sign
        return {
            "id": position.id,
            "agentId": position.trader.id,
            "coin": position.coin,
            "side": position.side,
            "sizeUsd": position.size_usd,
            "entryPrice": position.entry_price,
            "leverage": position.leverage,
            "marginUsed": position.margin,
            "liquidationPrice": position.liquidation_price,
            "unrealizedPnl": position.shown_result,
            "status": position.status,
            "hlOrderId": str(int(position.id[4:12], 16)),
            "openedAt": position.opened,
            "closedAt": position.closed,
            "ticker": position.coin,
            "current_price": price,
            "unrealized_pnl": round2(position.size_usd * move) if is_open else position.shown_result,
        }

    def _exchange_rows(self, trader: Trader) -> list[dict[str, Any]]:
        """One row a coin, as the exchange nets them; `position_id` is null where the server believes it closed."""
        lots: dict[str, list[Position]] = {}
        for position in trader.positions:
            if position.at_exchange:
                lots.setdefault(position.coin, []).append(position)
        return [self._exchange_row(coin, positions) for coin, positions in lots.items()]

    def _exchange_row(self, coin: str, lots: list[Position]) -> dict[str, Any]:
        signed = sum(lot.sign * lot.units for lot in lots)
        size = sum(lot.units for lot in lots)
        entry = sum(lot.units * lot.entry_price for lot in lots) / size if size else 0.0
        mark = self.mark(coin)
        known = next((lot.id for lot in lots if lot.status == "open"), None)
        margin = sum(lot.margin for lot in lots)
        profit = sum(lot.unrealized(mark) for lot in lots)
        return {
            "position_id": known,
            "coin": coin,
            "ticker": coin,
            "side": "long" if signed >= 0 else "short",
            "size": abs(signed),
            "size_usd": round2(abs(signed) * entry),
            "entry_price": entry,
            "current_price": self.price(coin),
            "leverage": lots[0].leverage,
            "margin_used": round(margin, 6),
            "liquidation_price": lots[0].liquidation_price,
            "unrealized_pnl": round(profit, 6),
            "return_on_equity": f"{profit / margin if margin else 0.0:.10f}",
            "source": "hyperliquid",
        }

    def _history(self, call: Call) -> Answer:
        trader = self.trader(call)
        trades = newest_first(trader.trades, call.integer("limit", 50, 200))
        return {"trades": [trade.raw(trader.id) for trade in trades], "count": len(trades)}

    def _limit_orders(self, call: Call) -> Answer:
        orders = [order.raw() for order in newest_first(self.trader(call).orders, 100)]
        return {"orders": orders, "count": len(orders)}

    def _markets(self, call: Call) -> Answer:
        if call.outage:
            raise RefusedError(500, "internal_error", "fetch failed")
        markets = [{"coin": coin, "ticker": coin, "price": self.price(coin), "max_leverage": 20} for coin in COINS]
        return {"markets": markets, "count": len(markets)}

    def _price(self, call: Call) -> Answer:
        """The only time in milliseconds on the platform."""
        if call.outage:
            raise RefusedError(500, "internal_error", "fetch failed")
        coin = call.params["coin"].upper()
        if coin not in COINS:
            raise RefusedError(404, "market_not_found")
        return {"coin": coin, "ticker": coin, "price": self.price(coin), "timestamp": int(call.shown * 1000)}
