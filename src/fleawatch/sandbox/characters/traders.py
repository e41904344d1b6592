"""Two traders over the same market: one buys what rises, one sells it. Both rest protective orders now and then."""

from __future__ import annotations

from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.market import COINS
from fleawatch.sandbox.services.trading_book import Position, Trader


class Momentum(Character):
    """Follows the move of the last two minutes; holds for a minute or less."""

    pace = 9.0
    funds = 60.0
    tops_up = False
    direction = 1
    coins: tuple[str, ...] = ("BTC", "ETH", "SOL")
    most_open = 2

    @property
    def trader(self) -> Trader:
        """The trading agent of this person."""
        return self.platform.trading.traders[self.person.platform_ids["trading"]]

    def act(self) -> None:
        holding = [position for position in self.trader.positions if position.status == "open"]
        for position in holding:
            if self._is_done(position):
                self.platform.trading.close(self.trader, position.id)
                return
        free = [coin for coin in self.coins if coin not in {position.coin for position in holding}]
        if free and len(holding) < self.most_open:
            self._enter(self.random.choice(free))

    def _is_done(self, position: Position) -> bool:
        kernel = self.platform.kernel
        held = kernel.now - position.opened
        move = position.sign * (kernel.market.mark(position.coin, kernel.now) / position.entry_price - 1)
        return held > 55 or (held > 12 and abs(move) > 0.0009)

    def _enter(self, coin: str) -> None:
        kernel = self.platform.kernel
        trend = kernel.market.change(coin, kernel.now, 120.0) * self.direction
        side = "long" if trend >= 0 else "short"
        size = round(self.random.uniform(400, 2_400), 2)
        order = {"coin": coin, "side": side, "size_usd": size, "leverage": self.random.choice((2, 3, 5))}
        if self.random.random() < 0.08:
            mark, sign = kernel.market.mark(coin, kernel.now), 1 if side == "long" else -1
            price = round(mark * (1 - sign * 0.0003), COINS[coin].price_decimals)
            self.platform.trading.place(self.trader, "limit", {**order, "price": price})
            return
        position, _ = self.platform.trading.open(self.trader, order)
        if self.random.random() < 0.45:
            self._protect(position)

    def _protect(self, position: Position) -> None:
        entry, decimals = position.entry_price, COINS[position.coin].price_decimals
        for kind, distance in (("stop_loss", -0.0006), ("take_profit", 0.0007)):
            price = round(entry * (1 + position.sign * distance), decimals)
            body = {"position_id": position.id, "trigger_price": price}
            self.platform.trading.place(self.trader, "stop_loss" if kind == "stop_loss" else "take_profit", body)


class MeanReversion(Momentum):
    """Bets against the move of the last two minutes."""

    direction = -1
    coins = ("ETH", "SOL", "DOGE", "HYPE")
