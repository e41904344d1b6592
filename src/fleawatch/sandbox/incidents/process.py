"""The agent's own process: a clock that runs ahead, and a silence."""

from __future__ import annotations

from typing import Final

from fleawatch.sandbox.incidents.crew import Dicer
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.world import World

AHEAD_S: Final = 9.0


class Skewed(Dicer):
    """Works on, with a clock that is wrong."""


def skew(world: World, person: Person) -> None:
    """Set its clock ahead at the moment it goes wrong."""

    def step() -> None:
        person.clock_offset = AHEAD_S
        person.wrong_since = world.platform.kernel.now

    world.platform.kernel.schedule(person.wrong_at, step)


class Silent(Dicer):
    """Works, until nothing more is heard of it."""


def fall_silent(world: World, person: Person) -> None:
    """End its process at the moment it goes wrong."""

    def end() -> None:
        person.wrong_since = world.platform.kernel.now

    person.silent_at = person.wrong_at
    world.platform.kernel.schedule(person.wrong_at, end)
