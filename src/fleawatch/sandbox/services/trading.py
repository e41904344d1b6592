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
from fleawatch.sandbox.services.copying import Copies
from fleawatch.sandbox.services.trading_book import Order, OrderKind, Position, Trade, Trader
from fleawatch.sandbox.services.trading_rules import Terms, change_settings, check_brake, terms

MONITOR_SECONDS: Final = 30.0
_EXCHANGE_RATE: Final = Decimal("0.00035")
_MARKUP: Final = {"free": Decimal("0.0002"), "pro": Decimal("0.0001"), "whale": Decimal(0)}
_REFERRAL_RATE: Final = Decimal("0.20")


class Trading:
    """All traders, and the exchange as far as they see it."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.traders: dict[str, Trader] = {}
        self.by_key: dict[str, Trader] = {}
        self.by_code: dict[str, Trader] = {}
        self._streams: dict[str, Random] = {}
        self._pending: dict[str, tuple[Trader, Order]] = {}
        self.copies = Copies(self)
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
        with self.kernel.attempt(trader.name, "trading", "open") as attempt:
            order = terms(trader, body)
            check_brake(trader, self.kernel.second)
            position, trade = self._enter(trader, order)
            attempt.reference = position.id
        self._refer(trader, trade)
        trader.person.last_action = self.kernel.now
        self.copies.opened(position)
        return position, trade

    def _enter(self, trader: Trader, order: Terms) -> tuple[Position, Trade]:
        """Have the exchange fill an order at the market, and write the position, the row and the totals.

        Raises:
            RefusedError: 400 `trade_failed` for a coin that is not listed and for some prices of the moment.
        """
        coin = order.coin
        if coin not in COINS:
            raise RefusedError(400, "trade_failed", f"Unknown coin: {coin}")
        if not self.takes(coin):
            raise RefusedError(400, "trade_failed", "floatToWire causes rounding")
        price = self._fill(trader, coin, buy=order.side == "long")
        position = self._position(trader, order, price)
        trade = self._leg(trader, position, price, realized=None)
        self._count(trader, trade)
        return position, trade

    def takes(self, coin: str) -> bool:
        """Whether the exchange takes orders at the price of the moment; some prices it cannot write."""
        mark = self.kernel.market.mark(coin, self.kernel.now)
        return int(mark * 10 ** COINS[coin].price_decimals) % 41 != 0

    def copy_open(self, trader: Trader, order: Terms) -> Position:
        """Open a copy of somebody's position for `trader`: no brake, no referral, and nothing it did itself.

        Raises:
            RefusedError: 400 `trade_failed`.
        """
        with self.kernel.attempt(trader.name, "trading", "copy_open") as attempt:
            position, _ = self._enter(trader, order)
            attempt.reference = position.id
        return position

    def _position(self, trader: Trader, order: Terms, price: float) -> Position:
        ids, coin = self.kernel.ids, order.coin
        units = round(order.size_usd / price, COINS[coin].size_decimals) or 10.0 ** -COINS[coin].size_decimals
        position = Position(
            id=f"pos_{ids.uuid('position', trader.name)}",
            trader=trader,
            coin=coin,
            side=order.side,
            size_usd=round(units * price, 6),
            units=units,
            entry_price=price,
            leverage=order.leverage,
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

    @staticmethod
    def _count(trader: Trader, trade: Trade) -> None:
        """Account totals, which only market orders reach, copied ones too."""
        trader.total_volume += trade.size_usd
        trader.total_fees += trade.fee
        trader.total_pnl += trade.realized_pnl or 0.0

    def _refer(self, trader: Trader, trade: Trade) -> None:
        """Pay the referrer for an order that the agent placed itself."""
        referrer = trader.referred_by
        if referrer is None:
            return
        markup = exact(trade.size_usd) * _MARKUP[trader.tier]
        commission = exact(round2(float(markup * _REFERRAL_RATE)))
        if commission < Decimal("0.01"):
            return
        self.earn(referrer, trader, float(markup), commission, f"referral:{trade.order_id}", trade.order_id)

    def earn(self, who: Trader, through: Trader, base: float, commission: Decimal, memo: str, order_id: str) -> None:
        """Owe `who` a commission on `base` USD that came through `through`. The platform pays it, nobody else does."""
        legs = [
            Leg(f"payable:trading:{who.name}", who.name, commission),
            Leg(f"referral:trading:{who.name}", who.name, -commission),
        ]
        self.kernel.journal.post(self.kernel.now, "trading", memo, legs)
        earning = {"referred_id": through.id, "fee_usd": base, "commission_usd": float(commission)}
        who.earnings.append({**earning, "order_id": order_id, "created_at": self.kernel.second})

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
        with self.kernel.attempt(trader.name, "trading", "close") as attempt:
            if not position_id:
                raise RefusedError(400, "provide position_id")
            position = self.find_open(trader, position_id)
            attempt.reference = position.id
        trade = self._leave(position, "market")
        self._refer(trader, trade)
        trader.person.last_action = self.kernel.now
        self.copies.closed(position)
        return position, trade

    def _leave(self, position: Position, how: str) -> Trade:
        """Flatten at the market, and write the row and the totals."""
        trader = position.trader
        price = self._fill(trader, position.coin, buy=position.side == "short")
        self._exit(position, price, how)
        trade = self._leg(trader, position, price, realized=position.result)
        self._count(trader, trade)
        return trade

    def copy_close(self, position: Position) -> Trade:
        """Close a copy because its leader closed."""
        with self.kernel.attempt(position.trader.name, "trading", "copy_close") as attempt:
            attempt.reference = position.id
            return self._leave(position, "copy")

    def drop_copy(self, position: Position) -> None:
        """Close a copy because its follower left: flat at the exchange, but the server writes no row and no P&L."""
        with self.kernel.attempt(position.trader.name, "trading", "copy_close") as attempt:
            attempt.reference = position.id
            price = self._fill(position.trader, position.coin, buy=position.side == "short")
            self._exit(position, price, "unfollow")
            position.reported = False

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

    def charge_funding(self, trader: Trader, usd: float) -> None:
        """Let the exchange take funding of `usd` from the account. The server's own tables never show it."""
        value, name = exact(usd), trader.name
        legs = [Leg(f"exchange:{name}", name, -value), Leg(f"funding:{name}", name, value)]
        self.kernel.journal.post(self.kernel.now, "trading", "funding", legs)

    def close_all(self, trader: Trader) -> int:
        """Mark every row closed with P&L 0. Nothing is closed at the exchange: that is the real server's behaviour."""
        count = 0
        with self.kernel.attempt(trader.name, "trading", "close_all"):
            opened = [position for position in trader.positions if position.status == "open"]
        for position in opened:
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
            RefusedError: 400 `invalid_request`, and what `open` refuses, but for the brake on daily losses, which only
                market orders meet; 404 `position_not_found` for an exit.
        """
        with self.kernel.attempt(trader.name, "trading", kind) as attempt:
            order = self._resting(trader, kind, body)
            attempt.reference = order.id
        trader.orders.append(order)
        self._pending[order.id] = (trader, order)
        return order

    def _resting(self, trader: Trader, kind: OrderKind, body: dict[str, Any]) -> Order:
        price = body.get("trigger_price", body.get("price", body.get("limit_price")))
        if isinstance(price, bool) or not isinstance(price, int | float) or price <= 0:
            raise RefusedError(400, "invalid_request", "Provide a positive price")
        order_id = f"lo_{self.kernel.ids.uuid('resting', trader.name)}"
        if kind == "limit":
            entry = terms(trader, body)
            if entry.coin not in COINS:
                raise RefusedError(400, "trade_failed", f"Unknown coin: {entry.coin}")
            size, leverage = entry.size_usd, entry.leverage
            return Order(order_id, kind, entry.coin, entry.side, float(price), size, leverage, self.kernel.second)
        position = self.find_open(trader, body.get("position_id"))
        return Order(
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

    def cancel(self, trader: Trader, order_id: str) -> Order:
        """Cancel a pending order.

        Raises:
            RefusedError: 404 `order_not_found`.
        """
        with self.kernel.attempt(trader.name, "trading", "cancel") as attempt:
            for order in trader.orders:
                if order.id == order_id and order.status == "pending":
                    order.status, attempt.reference = "cancelled", order.id
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
            with self.kernel.attempt(trader.name, "trading", "limit_fill") as attempt:
                entry = Terms(order.coin, order.side, order.size_usd, order.leverage)
                position = self._position(trader, entry, order.price)
                attempt.reference = position.id
            self._leg(trader, position, order.price, realized=None)
            return
        position = self.find_open(trader, order.position_id)
        self._exit(position, self._fill(trader, order.coin, buy=order.side == "short"), order.kind)

    def set_risk(self, trader: Trader, body: dict[str, Any]) -> list[str]:
        """Change the agent's limits for orders to come; what is open or resting stays as it is.

        Raises:
            RefusedError: 400 `invalid_value` or `no_changes`.
        """
        with self.kernel.attempt(trader.name, "trading", "risk_settings"):
            return change_settings(trader, body)

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
