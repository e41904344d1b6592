"""The trading desk: market orders, resting orders and the monitor that executes them every 30 seconds.

The server's account totals follow market orders only. A stop-loss or take-profit exit writes no trade row and charges
no recorded fee; a filled limit order writes a row with its fee and leaves volume, fee totals and referral alone.
"""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Any, Final

from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.market import COINS
from fleawatch.sandbox.numbers import exact, round2, settled
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.trading_book import Order, OrderKind, Position, Side, Trade, Trader

MONITOR_SECONDS: Final = 30.0
_EXCHANGE_RATE: Final = Decimal("0.00035")
_MARKUP: Final = {"free": Decimal("0.0002"), "pro": Decimal("0.0001"), "whale": Decimal(0)}
_REFERRAL_RATE: Final = Decimal("0.20")
_DAY: Final = 86_400


class Trading:
    """All traders, and the exchange as far as they see it."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.traders: dict[str, Trader] = {}
        self.by_key: dict[str, Trader] = {}
        self.by_code: dict[str, Trader] = {}
        self._streams: dict[str, Random] = {}
        self._pending: dict[str, tuple[Trader, Order]] = {}
        kernel.later(MONITOR_SECONDS, self._monitor)

    def register(self, person: Person, referral_code: str | None = None) -> Trader:
        """Make a trading agent. One who was referred cannot refer: its own code is worth nothing to it."""
        ids = self.kernel.ids
        referrer = self.by_code.get(referral_code) if referral_code else None
        trader = Trader(
            id=f"ag_{ids.hex('trading-agent', person.name, 12)}",
            person=person,
            referral_code=f"ref_{ids.hex('trading-code', person.name, 8)}",
            referred_by=referrer if referrer is not None and referrer.referred_by is None else None,
            created=self.kernel.second,
            wallet_address=f"0x{ids.hex('hl-wallet', person.name, 40)}",
        )
        if trader.referred_by is not None:
            trader.referred_by.referrals.append(trader.id)
        person.keys["trading"] = key = f"sk_trade_{ids.hex('trading-key', person.name, 48)}"
        person.platform_ids["trading"] = trader.id
        self.traders[trader.id] = self.by_key[key] = self.by_code[trader.referral_code] = trader
        return trader

    def fund(self, trader: Trader, amount: Decimal) -> None:
        """Put collateral at the exchange; no endpoint of the platform shows it."""
        legs = [Leg(f"exchange:{trader.name}", trader.name, amount), Leg("external:collateral", None, -amount)]
        self.kernel.journal.post(self.kernel.now, "trading", "collateral", legs)

    def _random(self, trader: Trader) -> Random:
        if trader.name not in self._streams:
            self._streams[trader.name] = stream(self.kernel.seed, "fills", trader.name)
        return self._streams[trader.name]

    def _fill(self, trader: Trader, coin: str, *, buy: bool) -> float:
        mark = self.kernel.market.mark(coin, self.kernel.now)
        slip = self._random(trader).uniform(0.0, 0.0004) * (1 if buy else -1)
        return round(mark * (1 + slip), COINS[coin].price_decimals)

    def open(self, trader: Trader, body: dict[str, Any]) -> tuple[Position, Trade]:
        """Open a position at the market.

        Raises:
            RefusedError: 400 or 403 with the code of what was wrong; `trade_failed` for some prices of the moment.
        """
        coin, side, size, leverage = self._checked(trader, body)
        mark = self.kernel.market.mark(coin, self.kernel.now)
        if int(mark * 10 ** COINS[coin].price_decimals) % 41 == 0:
            raise RefusedError(400, "trade_failed", "floatToWire causes rounding")
        price = self._fill(trader, coin, buy=side == "long")
        position = self._position(trader, coin, side, size, leverage, price)
        trade = self._leg(trader, position, price, realized=None)
        self._account(trader, trade)
        trader.person.last_action = self.kernel.now
        return position, trade

    def _checked(self, trader: Trader, body: dict[str, Any]) -> tuple[str, Side, float, float]:
        coin, side, size = body.get("coin"), body.get("side"), body.get("size_usd")
        if not coin or not side or not size:
            raise RefusedError(400, "invalid_request", "Provide coin, side (long/short), size_usd")
        if isinstance(size, bool) or not isinstance(size, int | float) or size <= 0:
            raise RefusedError(400, "invalid_size", "size_usd must be a positive number")
        if side not in ("long", "short"):
            raise RefusedError(400, "invalid_side", "side must be 'long' or 'short'")
        leverage = body.get("leverage", 5)
        if leverage is None:
            leverage = 5
        if isinstance(leverage, bool) or not isinstance(leverage, int | float) or leverage < 1:
            raise RefusedError(400, "invalid_leverage", "leverage must be a number >= 1")
        if size > trader.max_position_usd:
            message = f"Max position size is ${trader.max_position_usd:g}. Upgrade tier for higher limits."
            raise RefusedError(400, "position_too_large", message, max_position_usd=trader.max_position_usd)
        symbol = str(coin).upper()
        if symbol not in COINS:
            raise RefusedError(400, "trade_failed", f"Unknown coin: {symbol}")
        self._brake(trader)
        return symbol, "long" if side == "long" else "short", float(size), min(float(leverage), trader.max_leverage)

    def _brake(self, trader: Trader) -> None:
        loss = self.daily_loss(trader)
        if trader.max_daily_loss is not None and loss >= trader.max_daily_loss:
            raise RefusedError(
                403,
                "daily_loss_limit_reached",
                "Daily loss limit reached",
                daily_loss_limit_usd=trader.max_daily_loss,
                current_daily_loss_usd=round2(loss),
                resets_at=(self.kernel.second // _DAY + 1) * _DAY,
            )

    def daily_loss(self, trader: Trader) -> float:
        """Loss of the UTC day over trade rows, net of fees, at least 0. Protective exits are not in it."""
        midnight = self.kernel.second // _DAY * _DAY
        net = sum((t.realized_pnl or 0.0) - t.fee for t in trader.trades if t.second >= midnight)
        return max(0.0, -net)

    def _position(self, trader: Trader, coin: str, side: Side, size: float, leverage: float, price: float) -> Position:
        ids = self.kernel.ids
        units = round(size / price, COINS[coin].size_decimals) or 10.0 ** -COINS[coin].size_decimals
        position = Position(
            id=f"pos_{ids.uuid('position', trader.name)}",
            trader=trader,
            coin=coin,
            side=side,
            size_usd=round(units * price, 6),
            units=units,
            entry_price=price,
            leverage=leverage,
            opened=self.kernel.second,
            order_id=f"ord_{ids.uuid('order', trader.name)}",
        )
        trader.positions.append(position)
        return position

    def _leg(self, trader: Trader, position: Position, price: float, *, realized: float | None) -> Trade:
        """Charge the fee of one leg and write its row."""
        rate = _EXCHANGE_RATE + _MARKUP[trader.tier]
        fee = settled(exact(position.size_usd) * rate)
        buy = (position.side == "long") == (realized is None)
        ids = self.kernel.ids
        trade = Trade(
            f"trd_{ids.uuid('trade', trader.name)}",
            position.order_id if realized is None else f"ord_{ids.uuid('order', trader.name)}",
            position.coin,
            "buy" if buy else "sell",
            position.size_usd,
            price,
            float(fee),
            realized,
            self.kernel.second,
            position.id,
        )
        legs = [
            Leg(f"exchange:{trader.name}", trader.name, -fee),
            Leg(f"fees:trading:{trader.name}", trader.name, fee),
        ]
        self.kernel.journal.post(self.kernel.now, "trading", f"fee:{trade.id}", legs)
        position.fees += fee
        trader.trades.append(trade)
        return trade

    def _account(self, trader: Trader, trade: Trade) -> None:
        """Account totals and referral, which only market orders reach."""
        trader.total_volume += trade.size_usd
        trader.total_fees += trade.fee
        trader.total_pnl += trade.realized_pnl or 0.0
        referrer = trader.referred_by
        if referrer is None:
            return
        markup = exact(trade.size_usd) * _MARKUP[trader.tier]
        commission = exact(round2(float(markup * _REFERRAL_RATE)))
        if commission < Decimal("0.01"):
            return
        legs = [
            Leg(f"payable:trading:{referrer.name}", referrer.name, commission),
            Leg(f"referral:trading:{referrer.name}", referrer.name, -commission),
        ]
        self.kernel.journal.post(self.kernel.now, "trading", f"referral:{trade.order_id}", legs)
        earning = {"referred_id": trader.id, "fee_usd": float(markup), "commission_usd": float(commission)}
        referrer.earnings.append({**earning, "order_id": trade.order_id, "created_at": self.kernel.second})

    def find_open(self, trader: Trader, position_id: Any) -> Position:
        """The open position with this id.

        Raises:
            RefusedError: 404 `position_not_found`, without a message.
        """
        for position in reversed(trader.positions):
            if position.id == position_id and position.status == "open":
                return position
        raise RefusedError(404, "position_not_found")

    def close(self, trader: Trader, position_id: Any) -> tuple[Position, Trade]:
        """Close a position at the market.

        Raises:
            RefusedError: 400 without an id; 404 `position_not_found`, also on the second call.
        """
        if not position_id:
            raise RefusedError(400, "provide position_id")
        position = self.find_open(trader, position_id)
        price = self._fill(trader, position.coin, buy=position.side == "short")
        self._exit(position, price, "market")
        trade = self._leg(trader, position, price, realized=position.result)
        self._account(trader, trade)
        trader.person.last_action = self.kernel.now
        return position, trade

    def _exit(self, position: Position, price: float, how: str) -> None:
        """Flatten at the exchange and book the P&L, in whole cents as the server computes it."""
        move = (price - position.entry_price) / position.entry_price
        position.result = round2(position.size_usd * move * position.sign)
        position.exit_price, position.exit = price, how
        position.closed, position.status, position.at_exchange = self.kernel.second, "closed", False
        self._cancel_exits(position)
        result, name = exact(position.result), position.trader.name
        legs = [Leg(f"exchange:{name}", name, result), Leg(f"pnl:{name}:{position.coin}-USD", name, -result)]
        self.kernel.journal.post(self.kernel.now, "trading", f"close:{position.id}", legs)

    def close_all(self, trader: Trader) -> int:
        """Mark every row closed with P&L 0. Nothing is closed at the exchange: that is the real server's behaviour."""
        count = 0
        for position in trader.positions:
            if position.status == "open":
                position.status, position.closed, position.result = "closed", self.kernel.second, 0.0
                position.exit = "close_all"
                self._cancel_exits(position)
                count += 1
        return count

    def _cancel_exits(self, position: Position) -> None:
        for order in position.trader.orders:
            if order.position_id == position.id and order.status == "pending":
                order.status = "cancelled"
                self._pending.pop(order.id, None)

    def place(self, trader: Trader, kind: OrderKind, body: dict[str, Any]) -> Order:
        """Rest a limit entry, a stop-loss or a take-profit.

        Raises:
            RefusedError: 400 `invalid_request`, and what `open` refuses; 404 `position_not_found` for an exit.
        """
        price = body.get("trigger_price", body.get("price", body.get("limit_price")))
        if isinstance(price, bool) or not isinstance(price, int | float) or price <= 0:
            raise RefusedError(400, "invalid_request", "Provide a positive price")
        order_id = f"lo_{self.kernel.ids.uuid('resting', trader.name)}"
        if kind == "limit":
            coin, side, size, leverage = self._checked(trader, body)
            order = Order(order_id, kind, coin, side, float(price), size, leverage, self.kernel.second)
        else:
            position = self.find_open(trader, body.get("position_id"))
            order = Order(
                order_id,
                kind,
                position.coin,
                position.side,
                float(price),
                position.size_usd,
                position.leverage,
                self.kernel.second,
                position.id,
            )
        trader.orders.append(order)
        self._pending[order.id] = (trader, order)
        return order

    def cancel(self, trader: Trader, order_id: str) -> Order:
        """Cancel a pending order.

        Raises:
            RefusedError: 404 `order_not_found`.
        """
        for order in trader.orders:
            if order.id == order_id and order.status == "pending":
                order.status = "cancelled"
                self._pending.pop(order.id, None)
                return order
        raise RefusedError(404, "order_not_found")

    def _monitor(self) -> None:
        """Execute what has been reached, then come back in 30 seconds."""
        for trader, order in list(self._pending.values()):
            mark = self.kernel.market.mark(order.coin, self.kernel.now)
            if order.status == "pending" and self._reached(order, mark):
                order.status, order.filled = "filled", self.kernel.second
                self._pending.pop(order.id, None)
                self._execute(trader, order)
        self.kernel.later(MONITOR_SECONDS, self._monitor)

    @staticmethod
    def _reached(order: Order, mark: float) -> bool:
        below = (order.side == "long") == (order.kind != "take_profit")
        return mark <= order.price if below else mark >= order.price

    def _execute(self, trader: Trader, order: Order) -> None:
        if order.kind == "limit":
            position = self._position(trader, order.coin, order.side, order.size_usd, order.leverage, order.price)
            self._leg(trader, position, order.price, realized=None)
            return
        position = self.find_open(trader, order.position_id)
        self._exit(position, self._fill(trader, order.coin, buy=order.side == "short"), order.kind)

    def withdraw_referral(self, trader: Trader) -> float:
        """Pay out what referrals have earned; at least 1 USD.

        Raises:
            RefusedError: 400 `below_minimum`.
        """
        account = f"payable:trading:{trader.name}"
        amount = self.kernel.journal.balance(account)
        if amount < 1:
            raise RefusedError(400, "below_minimum", "Minimum referral withdrawal is $1")
        legs = [Leg(account, trader.name, -amount), Leg("external:referral", None, amount)]
        self.kernel.journal.post(self.kernel.now, "trading", "referral_withdrawal", legs)
        trader.withdrawn += amount
        return float(amount)
