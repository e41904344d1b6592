"""Healthy agents: each does its work within its means, and nothing about them is worth waking anybody.

Stakes and orders are small against what they own, escrows are paid when the work is done, payments are small change.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.characters.cast import Role
from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.incidents.agent import Agent
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.trading_book import Position, Side


class Dicer(Agent):
    """Rolls dice for small change."""

    pace = 15.0
    funds = 900.0

    def act(self) -> None:
        self.wager("dice", round(self.random.uniform(0.2, 1.0), 2), direction="over", threshold=50)


class Prudent(Agent):
    """Trades small against its capital, follows its signals, and watches the market all the time."""

    pace = 30.0
    funds = 400.0
    coins: tuple[str, ...] = ("BTC", "ETH", "SOL")
    most_open = 2

    def beat(self) -> None:
        super().beat()
        for coin in self.coins:
            self.price(coin)

    def act(self) -> None:
        holding = [position for position in self.trader.positions if position.status == "open"]
        for position in holding:
            if self.now - position.opened > self.holds_s:
                self.leave(position)
                return
        free = [coin for coin in self.coins if coin not in {position.coin for position in holding}]
        if free and len(holding) < self.most_open:
            self.follow(self.random.choice(free), round(self.random.uniform(80, 240), 2))

    holds_s = 90.0

    def follow(self, coin: str, usd: float) -> Position | None:
        """Take the side that the last two minutes took, as its signal says."""
        side: Side = "long" if self.platform.kernel.market.change(coin, self.now, 120.0) >= 0 else "short"
        self.signal(coin, "buy" if side == "long" else "sell")
        return self.enter(coin, side, usd)


class Petty(Agent):
    """Pays its colleagues for small services, and plays a little."""

    pace = 40.0
    funds = 1_200.0

    def act(self) -> None:
        others = [one for one in self.circle.payees if one is not self.account]
        if others and self.random.random() < 0.5:
            self.send(self.random.choice(others), round(self.random.uniform(0.2, 1.5), 2))
        else:
            self.wager("multiplier", round(self.random.uniform(0.2, 1.0), 2), target_multiplier=2.0)


class Client(Agent):
    """Hires for small jobs and pays when the work is done."""

    pace = 45.0
    funds = 5_000.0

    def act(self) -> None:
        escrow = self.platform.escrow
        mine = [one for one in escrow.open_for(self.account) if one.creator is self.account]
        finished = [one for one in mine if one.status == "completed"]
        if finished:
            escrow.release(self.account, finished[0].id)
            self.person.last_action = self.now
        elif len(mine) < 3 and self.hands and self.person.agency.may_pay():
            escrow.create(
                self.account,
                amount_usd=round(self.random.uniform(1, 3), 2),
                description="Label 200 images",
                counterparty_agent_id=self.random.choice(self.hands).id,
                timeout_hours=24,
            )
            self.person.last_action = self.now
        else:
            self.wager("dice", 0.5, direction="over", threshold=50)

    @property
    def hands(self) -> list[Account]:
        """Whom it may hire."""
        return self.circle.workers


class Craftsman(Agent):
    """Finishes what it is hired for, and plays a little."""

    pace = 30.0
    funds = 500.0

    def act(self) -> None:
        escrow = self.platform.escrow
        todo = [
            one for one in escrow.open_for(self.account) if one.counterparty is self.account and one.status == "funded"
        ]
        if todo:
            escrow.complete(self.account, todo[0].id)
            self.person.last_action = self.now
        else:
            self.wager("custom", 0.3, win_probability=50)


class Bystander(Character):
    """Of nobody's fleet: it has an account, and does nothing."""

    funds = 50.0
    tops_up = False

    def act(self) -> None:
        raise RefusedError(400, "idle")


ROLES: Final[dict[str, Role]] = {
    "dicer": Role(Dicer, "dice"),
    "trader": Role(Prudent, "trend", ("trading",), payable=False),
    "payer": Role(Petty, "services"),
    "client": Role(Client, "hiring"),
    "worker": Role(Craftsman, "labour", works=True),
    "outsider": Role(Bystander, "outsider"),
}
"""Healthy characters, and the outsider who does nothing."""
CAPITAL: Final = 20_000


def members(seed: int, characters: Iterable[str]) -> tuple[Person, ...]:
    """Healthy agents of these characters, numbered from 1."""
    found = []
    for number, character in enumerate(characters, start=1):
        role = ROLES[character]
        random = stream(seed, "crew", number)
        capital = CAPITAL + 1_000 * random.randrange(10) if "trading" in role.services else 0
        found.append(
            Person(
                name=f"{character}-{number:02d}",
                character=character,
                strategy=role.strategy,
                capital=Decimal(capital),
            )
        )
    return tuple(found)


def outsiders() -> tuple[Person, ...]:
    """Two accounts of nobody's fleet."""
    return tuple(
        Person(name=f"outsider-{letter}", character="outsider", strategy="outsider", fleet=False) for letter in "ab"
    )
