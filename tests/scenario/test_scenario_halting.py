"""Agents that do not obey, and a service that dies: whatever happens, a halt that is called confirmed is one, and nobody is resumed.

A small world in simulated time: agents place orders at a platform, a poller reads it with delays and failures, gates hear of halts or do
not. The world knows the truth: every order, when it was sent, and who was ordered to stop when.
"""

import random

import pytest

from fleawatch.events import (
    BetSettled,
    HaltConfirmed,
    LedgerEntry,
    SourceRead,
    SourceUnavailable,
    Tick,
    ledger_id,
    reading_id,
)
from fleawatch.flow.outputs import HaltCommand
from fleawatch.testing.halted import HaltBelt

INTERVAL = 15.0
CHARACTERS = ("obedient", "deaf", "slow", "lying", "crashed", "partitioned", "late")
"""Obeys; never hears; hears after 40 s; says that it stopped and trades on; is dead; hears when a partition ends; its orders arrive late."""


class World:
    """One agent of a character beside the belt that watches it."""

    def __init__(self, character, seed, *, gap):
        self.character = character
        self.chance = random.Random(f"{character}:{seed}")
        self.belt = HaltBelt(process=frozenset({"a-1"}))
        self.gap = gap
        self.orders = []
        self.booked = 0
        self.stopped_at = None
        self.ordered_at = None
        self.next_order = self.belt.now + self.chance.uniform(1, gap)
        self.belt.watch("a-1")
        self.belt.row("a-1", "deposit", 1_000_000)
        self.booked = self.belt.rows["a-1"]

    def trades(self, now):
        """Whether the agent sends an order when its time has come."""
        if self.character == "crashed":
            return False
        return self.stopped_at is None or now < self.stopped_at

    def run(self, seconds, step=1.0):
        """Let time pass: orders, readings, time for the belt, what it commands."""
        end = self.belt.now + seconds
        next_read = self.belt.now + self.chance.uniform(0, INTERVAL)
        while self.belt.now < end:
            self.belt.now += step
            now = self.belt.now
            while self.next_order <= now:
                if self.trades(self.next_order):
                    self.orders.append(self.next_order)
                self.next_order += self.chance.expovariate(1 / self.gap)
            if now >= next_read:
                next_read += INTERVAL
                self.read(now)
            if now % INTERVAL < step:
                self.belt.say(Tick, source="monitor")
            self.hear(now)

    def read(self, now):
        """A reading that began up to four seconds ago sees what was sent before; one in eight fails."""
        if self.chance.random() < 0.125:
            self.belt.say(
                SourceUnavailable, "a-1", source="monitor", collector="casino", reason="timeout", duration_s=4
            )
            return
        begun = now - self.chance.uniform(0.1, 4.0)
        for at in [at for at in self.orders if at <= begun][self.booked - 1 :]:
            self.row(at, now)
        self.belt.say(
            SourceRead, "a-1", fact_id=reading_id("casino", "source_read", "a-1", now), source="monitor", collector="casino",
            duration_s=now - begun, valid_s=60, begun_at=begun,
        )  # fmt: skip

    def row(self, at, now):
        position = self.booked
        self.booked += 1
        self.belt.say(
            LedgerEntry, "a-1", fact_id=ledger_id("casino", "a-1", position), source="casino", service="casino", currency="USD",
            position=position, amount=-1, balance_after=1_000_000 - position, entry="stake", at=at, seen_at=now,
        )  # fmt: skip
        self.belt.say(
            BetSettled,
            "a-1",
            source="casino",
            bet_id=f"b{position}",
            game="dice",
            stake=1,
            payout=0,
            at=at,
            seen_at=now,
        )

    def hear(self, now):
        """What the agent's side does about a halt; its process is stopped when that was commanded."""
        halt = self.belt["a-1"].control.halt
        if halt is None:
            return
        age = now - halt.ordered_at
        after = {"obedient": 1.0, "slow": 40.0, "lying": 1.0, "partitioned": 70.0, "late": 1.0}.get(self.character)
        if after is not None and age >= after and "acknowledged" not in halt.steps:
            self.belt.acknowledge("a-1")
            if self.character != "lying":
                self.stopped_at = now
        commanded = [one for one in self.belt.outputs if isinstance(one, HaltCommand) and one.path == "process"]
        if commanded and "process" not in halt.reached and now - commanded[-1].at > 5 and self.character != "deaf":
            self.belt.reach("a-1", "process")
            self.stopped_at = now if self.stopped_at is None else self.stopped_at


def violations(world):
    """Confirmations before which the world knows of an order, after the halt, that lay before the proof's last reading and was not read."""
    found = []
    facts = world.belt.facts
    for index, fact in enumerate(facts):
        if not isinstance(fact, HaltConfirmed):
            continue
        begun = max(one.begun_at for one in facts[:index] if isinstance(one, SourceRead) and one.begun_at is not None)
        known = {one.at for one in facts[:index] if isinstance(one, LedgerEntry)}
        found += [at for at in world.orders if world.ordered_at + 2 < at <= begun and at not in known]
        found += [at for at in world.orders if begun - 2 < at <= begun]
    return found


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("gap", [3.0, 20.0, 90.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_confirmed_halt_is_one(character, gap, seed):
    """No order lies between the halt and the proof that the proof did not take into account, whoever the agent is."""
    world = World(character, seed, gap=gap)
    world.run(120)
    world.ordered_at = world.belt.now
    world.belt.halt("a-1")
    world.run(900)
    held = world.belt.held("a-1")
    assert violations(world) == []
    assert world.belt["a-1"].control.state == "halted"
    if character in ("obedient", "slow", "partitioned", "late", "crashed"):
        assert world.belt.confirmed("a-1")
        assert not [at for at in world.orders if at > held.steps["confirmed"]]
    if character == "obedient":
        assert held.orders <= 2 or gap < 10
        assert held.overdue_at is None
        assert held.steps["confirmed"] - held.ordered_at < 90


@pytest.mark.parametrize("gap", [3.0, 20.0, 60.0])
@pytest.mark.parametrize("seed", range(5))
def test_who_never_stops_is_never_called_stopped(gap, seed):
    """An agent that cannot be reached at all trades on: it is overdue, and its halt stays unconfirmed."""
    world = World("deaf", seed, gap=gap)
    world.run(60)
    world.belt.halt("a-1")
    world.run(1_500)
    held = world.belt.held("a-1")
    assert not world.belt.confirmed("a-1")
    assert held.overdue_at is not None
    assert held.orders > 3
    assert world.belt.commands("a-1") == ["gate", "process"]


@pytest.mark.parametrize("seed", range(5))
def test_a_lie_is_found_and_the_process_stopped(seed):
    """Its word is worth nothing from its first order on; what stops it is harder, and what proves it is the platform."""
    world = World("lying", seed, gap=10.0)
    world.run(60)
    world.belt.halt("a-1")
    world.run(600)
    held = world.belt.held("a-1")
    assert held.lied
    assert world.belt.commands("a-1") == ["gate", "process"]
    assert world.belt.confirmed("a-1")
    assert held.steps["confirmed"] > world.stopped_at
