"""The cast: which characters a fleet has, in which order, and where each of them registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from fleawatch.sandbox.characters import players, traders, treasurers, workers
from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.people import Person


@dataclass(frozen=True, slots=True)
class Role:
    """One character.

    Attributes:
        behaviour: the class that acts.
        strategy: the label its operator gives it.
        services: where it registers beside the casino.
        sponsor: the character that referred it, when the fleet has one; it registers after its sponsor.
        payable: whether others may pay or challenge it.
        works: whether others hire it.
    """

    behaviour: type[Character]
    strategy: str
    services: tuple[str, ...] = ()
    sponsor: str | None = None
    payable: bool = True
    works: bool = False


@dataclass(frozen=True, slots=True)
class Troupe:
    """Who plays in a world, and how: the people in order, outsiders last, and the role of each character.

    An outsider without a role of its own acts as every outsider does.
    """

    people: tuple[Person, ...]
    roles: Mapping[str, Role]


CAST: Final[dict[str, Role]] = {
    "flat": Role(players.Flat, "flat-dice"),
    "momentum": Role(traders.Momentum, "momentum", ("trading",), "referrer", payable=False),
    "hirer": Role(workers.Hirer, "escrow-hirer", sponsor="flat"),
    "worker": Role(workers.Worker, "escrow-worker", sponsor="flat", works=True),
    "coin": Role(players.Coin, "coin-flip", sponsor="flat"),
    "meanrev": Role(traders.MeanReversion, "mean-reversion", ("trading",), payable=False),
    "referrer": Role(treasurers.Referrer, "referral", ("trading", "wallet", "domains")),
    "plinko": Role(players.Plinko, "plinko", sponsor="referrer"),
    "multi": Role(players.Multi, "multi-game", sponsor="plinko"),
    "payer": Role(treasurers.Payer, "treasury"),
    "bleeder": Role(players.Bleeder, "high-roller", sponsor="multi"),
    "silent": Role(players.Silent, "crash", sponsor="referrer"),
    "expiring": Role(players.Expiring, "roulette", sponsor="referrer", payable=False),
    "parlay": Role(players.Parlay, "parlay"),
    "onchain": Role(treasurers.OnChain, "on-chain", ("wallet",), "referrer"),
    "domains": Role(treasurers.DomainOwner, "domains", ("domains",), "referrer"),
}
"""In the order in which a fleet is filled; a larger fleet begins again."""

UNDECLARED: Final = "meanrev"
"""The trader whose operator states no capital: its equity is unknown by design."""


def recruit(seed: int, count: int, origin: float) -> list[Person]:
    """The people of a fleet of `count` agents, then two outsiders."""
    names = list(CAST)
    people = [_fleet_agent(seed, index, names[index % len(names)], origin) for index in range(count)]
    outsiders = [
        Person(name=f"outsider-{letter}", character="outsider", strategy="outsider", fleet=False) for letter in "ab"
    ]
    return people + outsiders


def _fleet_agent(seed: int, index: int, character: str, origin: float) -> Person:
    random: Random = stream(seed, "person", index)
    trades = "trading" in CAST[character].services and character != "referrer"
    person = Person(
        name=f"{character}-{index:02d}",
        character=character,
        strategy=CAST[character].strategy,
        environment="staging" if index % 9 == 8 else "production",
        capital=Decimal(random.randrange(10, 41) * 1_000) if trades else Decimal(0),
        declares_capital=character != UNDECLARED,
    )
    if character == "silent":
        person.silent_at = origin + random.uniform(900, 1_200)
    if character == "expiring":
        person.key_expires_at = origin + random.uniform(1_500, 1_800)
    return person
