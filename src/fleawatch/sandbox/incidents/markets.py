"""Traders that go wrong: the same order without end, prices that stand still, a flipped sign, funding, a falling market."""

from __future__ import annotations

from typing import Final

from fleawatch.sandbox.incidents.crew import Prudent
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.services.trading_book import Side
from fleawatch.sandbox.world import World

FUNDED_EVERY_S: Final = 300.0
FUNDING_AN_HOUR: Final = 0.03
"""Share of the position that its holder pays an hour: a crowded market, below the exchange's cap of four per cent."""


class Looping(Prudent):
    """A retry without an end: the same order, every second."""

    def begin(self, origin: float) -> None:
        super().begin(origin)
        self.platform.kernel.schedule(self.person.wrong_at, self._again)

    def _again(self) -> None:
        if self.resting:
            return
        self.wrong()
        self.enter("BTC", "long", 60.0)
        self.platform.kernel.later(1.0, self._again)


class Blind(Prudent):
    """Its price feed stands still, and it trades on."""

    pace = 20.0

    def beat(self) -> None:
        if self.is_wrong:
            self.wrong()
            self.person.agency.tell("heartbeat", last_action_at=self.person.last_action or None)
        else:
            super().beat()


class Flipped(Prudent):
    """A release that took buy for sell: every order goes the other way than its signal."""

    pace = 6.0
    holds_s = 8.0

    def follow(self, coin: str, usd: float) -> None:
        side: Side = "long" if self.platform.kernel.market.change(coin, self.now, 120.0) >= 0 else "short"
        self.signal(coin, "buy" if side == "long" else "sell")
        if self.is_wrong:
            self.wrong()
            side = "short" if side == "long" else "long"
        self.enter(coin, side, usd)


class Holder(Prudent):
    """Holds one large position in a coin that nobody else here trades."""

    pace = 20.0
    coin = "HYPE"
    coins = ("HYPE",)
    usd = 9_500.0
    leverage = 2.0

    def act(self) -> None:
        if not any(position.status == "open" for position in self.trader.positions):
            self.signal(self.coin, "buy")
            self.enter(self.coin, "long", self.usd, self.leverage)
        self.person.last_action = self.now


class Funded(Holder):
    """Pays funding on a position that earns nothing."""

    coin = "DOGE"
    coins = ("DOGE",)
    usd = 5_000.0

    def begin(self, origin: float) -> None:
        super().begin(origin)
        self.platform.kernel.schedule(self.person.wrong_at, self._pay)

    def _pay(self) -> None:
        if self.resting:
            return
        self.wrong()
        for position in self.trader.positions:
            if position.status == "open":
                usd = round(position.size_usd * FUNDING_AN_HOUR * FUNDED_EVERY_S / 3_600.0, 2)
                self.platform.trading.charge_funding(self.trader, usd)
                market = f"{position.coin}-USD"
                self.person.agency.tell(
                    "funding_paid", id=f"{position.id}:{self.now:.0f}", market=market, amount_usd=usd
                )
        self.platform.kernel.later(FUNDED_EVERY_S, self._pay)


FALL: Final = 0.80
"""What is left of the price: with a position of more than its capital, a quarter of the capital is gone."""
FLASH_S: Final = 30.0
DIES_AFTER_S: Final = 20.0


def flash(world: World, person: Person) -> None:
    """Let the price fall by a fifth for thirty seconds, and come back."""
    world.platform.kernel.market.shock(Holder.coin, person.wrong_at, person.wrong_at + FLASH_S, FALL)
    _marks(world, person)


def fall_and_die(world: World, person: Person) -> None:
    """Let the price fall by a fifth for good, and the agent's process end twenty seconds later."""
    world.platform.kernel.market.shock(Holder.coin, person.wrong_at, float("inf"), FALL)
    person.silent_at = person.wrong_at + DIES_AFTER_S
    _marks(world, person)


def _marks(world: World, person: Person) -> None:
    def fell() -> None:
        person.wrong_since = world.platform.kernel.now

    world.platform.kernel.schedule(person.wrong_at, fell)
