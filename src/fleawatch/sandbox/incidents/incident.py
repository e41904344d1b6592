"""What an incident is: who goes wrong, when, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from fleawatch.sandbox.characters.cast import Role, Troupe
from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.incidents import crew
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.world import DEFAULT_ORIGIN, World

End = Literal["told", "frozen", "reducing", "halted"]
"""How the agent is left, mildest first: people were told and it was not touched; it pays no more; it only closes; nothing."""
CULPRIT: Final = "culprit"
ORIGIN: Final = DEFAULT_ORIGIN
JITTER_S: Final = 60.0
"""Seconds by which the beginning of an incident is moved at most, so that it meets every phase of every clock."""


def _nothing(world: World, person: Person) -> None:
    """Nothing happens but what the agent does by itself."""
    del world, person


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident.

    Attributes:
        name: as the command line has it.
        title: one line for people.
        alert: the alert that must tell of it, by its name in the catalog.
        bound_s: simulated seconds from the first wrong act within which that alert must fire.
        end: how the agent must be left at least.
        role: how the agent that goes wrong behaves, before and after.
        warm_s: simulated seconds of sound behaviour before it goes wrong.
        watch_s: simulated seconds that are watched after the latest moment at which it can go wrong.
        capital: trading collateral in USD; 0 for an agent that does not trade.
        interval_s: simulated seconds between two readings of the platform.
        arrange: what is done to the world and the agent before anything runs.
        beside: characters of the healthy agents beside it.
        outsider: how those of nobody's fleet behave.
    """

    name: str
    title: str
    alert: str
    bound_s: float
    end: End
    role: Role
    warm_s: float = 300.0
    watch_s: float
    capital: int = 0
    interval_s: float = 15.0
    arrange: Callable[[World, Person], None] = _nothing
    beside: tuple[str, ...] = ("dicer", "trader", "payer")
    outsider: Role = crew.ROLES["outsider"]

    @property
    def lasts_s(self) -> float:
        """Simulated seconds from the origin to the end."""
        return self.warm_s + JITTER_S + self.watch_s

    def troupe(self, seed: int) -> Troupe:
        """Who plays: the agent that goes wrong first, then the healthy ones, then those of nobody's fleet."""
        person = Person(
            name=f"{self.name}-00",
            character=CULPRIT,
            strategy=self.role.strategy,
            capital=Decimal(self.capital),
            wrong_at=ORIGIN + self.warm_s + stream(seed, "incident", self.name).uniform(0.0, JITTER_S),
        )
        roles: Mapping[str, Role] = {**crew.ROLES, CULPRIT: self.role, "outsider": self.outsider}
        return Troupe((person, *crew.members(seed, self.beside), *crew.outsiders()), roles)

    def world(self, seed: int) -> World:
        """The world in which it happens, at its origin."""
        world = World(seed, 1, ORIGIN, self.troupe(seed))
        self.arrange(world, world.fleet[0])
        return world
