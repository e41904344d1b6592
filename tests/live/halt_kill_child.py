"""A service that halts, stops, brakes, flattens and pages, and kills its own process at a chosen point, for the test beside it.

Run as `python halt_kill_child.py STATE WORLD SEED KILLS ROUNDS`: a parent that has imported everything forks one child after another on
the same store. Each goes on with the story where it stands, in simulated time, until it kills itself with SIGKILL at a point drawn
from SEED: around a commit, after a claim, before or after an act or a page reached the world outside, around the end of its row. After
KILLS kills a last child goes on to the end of the cycle, at least to ROUNDS. What reached the world outside is a line in the file WORLD.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from fleawatch.clock import ManualClock
from fleawatch.events import (
    AgentDeclared,
    HaltOrdered,
    HaltProbed,
    PositionClosed,
    PositionOpened,
    Resumed,
    RulesDeclared,
    SourceRead,
    fact_id,
)
from fleawatch.events.control import HaltingTerms
from fleawatch.flow.outputs import HaltCommand
from fleawatch.flow.routing.settings import Channel, RoutingPolicy
from fleawatch.flow.rules import routing_text
from fleawatch.ports import Outcome, Receipt
from fleawatch.service.actuation import Actuation
from fleawatch.service.courier import Courier, Patience
from fleawatch.service.monitor import Monitor
from fleawatch.service.outbox import Outbox
from fleawatch.store import SqliteStore

NOW, STEP_S = 1_800_000_000.0, 20.0
CYCLE, RESUMED_AT = 40, 32
"""Rounds from one halt to the next, and until it is resumed."""
AGENTS = {"gated": "casino", "stopped": "casino", "braked": "trading", "flattened": "trading"}
TERMS = HaltingTerms(
    acknowledge_s=10, process_s=30, confirm_s=120, margin_s=2, silent_s=100_000, flatten_s=30,
    process=("stopped",), platform=("braked",), flatten=("flattened",),
)  # fmt: skip
RARE = ("acting", "acted", "paging", "paged", "claimed", "finishing", "finished")
POINTS = (*RARE, "before_commit", "after_commit")


class Fuse:
    """Kills the process when its point is reached for the nth time; without a point it never does."""

    def __init__(self, point, count):
        self.point, self.count = point, count

    def reach(self, point):
        if point == self.point:
            self.count -= 1
            if self.count <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(60)


class World:
    """What happened outside: lines that survive the process, and how often each thing was done."""

    def __init__(self, path):
        self.path = Path(path)

    def note(self, **what):
        """One line, in one write, as a platform or a person would remember it."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, json.dumps(what).encode() + b"\n")
        os.close(descriptor)

    def closed(self, halt_id):
        """Whether the positions of a halt were closed."""
        if not self.path.exists():
            return False
        lines = map(json.loads, self.path.read_text().splitlines())
        flattened = [one for one in lines if one.get("path") == "flatten" and not one["failed"]]
        return any(one["halt"] == f"{halt_id}-flattened" for one in flattened)


class FusedStore(SqliteStore):
    """The real store, with fuses around what changes it."""

    fuse: Fuse
    world: World

    def __init__(self, path):
        super().__init__(path)
        self.keys = {}

    def commit(self, facts, outputs):
        self.fuse.reach("before_commit")
        last = super().commit(facts, outputs)
        self.fuse.reach("after_commit")
        return last

    def claim(self, **how):
        claimed = super().claim(**how)
        self.keys.update((one.id, one.output.key) for one in claimed)
        if any(isinstance(one.output, HaltCommand) for one in claimed) or (claimed and how.get("channel")):
            self.fuse.reach("claimed")
        return claimed

    def finish(self, output_id, *, now):
        self.fuse.reach("finishing")
        super().finish(output_id, now=now)
        self.world.note(finished=self.keys[output_id])
        self.fuse.reach("finished")


class FusedHand:
    """What stops, brakes or closes, at a world that only notes it; now and then it says that it failed."""

    def __init__(self, fuse, world, seed):
        self._fuse, self._world, self._seed = fuse, world, seed

    async def act(self, command):
        self._fuse.reach("acting")
        await asyncio.sleep(0)
        failed = random.Random(f"{self._seed}:{command.key}").random() < 0.2 and not self._world_knows(command.key)
        self._world.note(
            act=command.key,
            path=command.path,
            agent=command.agent_id,
            halt=command.halt_id,
            failed=failed,
            life=os.getpid(),
        )
        self._fuse.reach("acted")
        return Outcome("failed", "as drawn") if failed else Outcome("done")

    def _world_knows(self, key):
        path = self._world.path
        return path.exists() and any(json.loads(line).get("act") == key for line in path.read_text().splitlines())


class FusedChannel:
    """People, who note every page."""

    kind = "memory"

    def __init__(self, fuse, world):
        self._fuse, self._world = fuse, world

    async def send(self, delivery):
        self._fuse.reach("paging")
        self._world.note(page=delivery.key, life=os.getpid())
        self._fuse.reach("paged")
        return Receipt()

    async def close(self):
        """Nothing to let go of."""


def fact(kind, at, agent_id, mark, **fields):
    name = fact_id("test", kind.__name__, f"{agent_id}:{mark}")
    return kind(**{"fact_id": name, "agent_id": agent_id, "at": at, "seen_at": at, "source": "test", **fields})


def beginning():
    """Rules, and the agents."""
    routing = routing_text(RoutingPolicy(channels=(Channel(name="ops", kind="webhook", severities=("critical",)),)))
    rules = fact(RulesDeclared, NOW, "", "rules", alerts=("PFUnhaltable",), routing=routing, halting=TERMS)
    return [
        rules,
        *(fact(AgentDeclared, NOW, name, "agent", strategy="s", collectors=(of,)) for name, of in AGENTS.items()),
    ]


def story(number, world):
    """The facts of a round. They have the same ids however often it is begun."""
    at, halt_id, place = NOW + number * STEP_S, f"h{number // CYCLE}", number % CYCLE
    facts = [] if number else beginning()
    position = {
        "position_id": f"p-{halt_id}",
        "market": "BTC-USD",
        "side": "buy",
        "notional_usd": 100,
        "entry_price": 100,
    }
    if place == 0:
        opened = {**position, "quantity": 1, "leverage": 1, "margin_usd": 100}
        facts.append(fact(PositionOpened, at, "flattened", halt_id, **{**opened, "source": "trading"}))
    if place == 1:
        facts += [ordered(at, name, halt_id, "flatten" if name == "flattened" else "halt") for name in AGENTS]
    if place > 1 and world.closed(halt_id):
        ended = {**position, "realized_pnl_usd": 0, "fee_usd": 0, "opened_at": NOW, "source": "trading"}
        facts.append(fact(PositionClosed, at, "flattened", halt_id, **ended))
    if place == RESUMED_AT:
        facts += [
            fact(Resumed, at, name, halt_id, halt_id=f"{halt_id}-{name}", actor="ann", reason="seen to")
            for name in AGENTS
        ]
    for offset, (name, collector) in enumerate(AGENTS.items()):
        # The path of one after the other is found broken, and mended: a page, and one of its end.
        if place % 20 in (2 * offset + 2, 2 * offset + 10):
            ok = place % 20 >= 10
            facts.append(fact(HaltProbed, at, name, f"probe-{number}", path="gate", ok=ok, duration_s=0.1))
        facts.append(
            fact(
                SourceRead, at, name, f"read-{number}", collector=collector, duration_s=0.1, valid_s=60, begun_at=at - 1
            )
        )
    return facts


def ordered(at, name, halt_id, mode):
    return fact(
        HaltOrdered, at, name, halt_id, halt_id=f"{halt_id}-{name}", mode=mode, scope="agent", target=name, reason="manual", actor="ann"
    )  # fmt: skip


def standing(monitor):
    """What everybody may do, and by which halt."""
    controls = {name: monitor.state.agents[name].control for name in AGENTS if name in monitor.state.agents}
    return {name: [one.state, one.epoch, one.halt and one.halt.halt_id] for name, one in sorted(controls.items())}


async def live(state, world, seed, fuse, begin, end):
    """One life: from the round that was under way to the last."""
    FusedStore.fuse, FusedStore.world = fuse, world
    clock = ManualClock(NOW + begin * STEP_S)
    monitor = Monitor(lambda: FusedStore(f"{state}/fleawatch.db"), clock)
    await monitor.recover()
    world.note(born=begin, standing=standing(monitor))
    hand = FusedHand(fuse, world, seed)
    hands = {("stopped", "process"): hand, ("braked", "platform"): hand, ("flattened", "flatten"): hand}
    actuation = Actuation(monitor, hands)
    outbox = Outbox(monitor, (), actuation)
    courier = Courier(
        monitor, {"ops": FusedChannel(fuse, world)}, Patience(retries=1_000, give_up_after_s=1e9), lambda: 0.0
    )
    for number in range(begin, end):
        clock.at = NOW + number * STEP_S
        await monitor.book(story(number, world))
        await monitor.tick()
        await outbox.carry()
        await asyncio.gather(*actuation._tasks)
        await courier.carry("ops")
        world.note(round=number, standing=standing(monitor))
    world.note(pending=await monitor.in_store(monitor.store.pending))
    await courier.close()
    await actuation.close()
    await monitor.close()


def reached(world):
    """The round to go on with."""
    if not world.path.exists():
        return 0
    return max(
        (one["round"] + 1 for one in map(json.loads, world.path.read_text().splitlines()) if "round" in one), default=0
    )


def main():
    state, world, seed, kills, rounds = sys.argv[1], World(sys.argv[2]), *map(int, sys.argv[3:])
    dice, killed = random.Random(seed), dict.fromkeys(POINTS, 0)
    while sum(killed.values()) < kills:
        point = POINTS[sum(killed.values()) % len(POINTS)]
        fuse = Fuse(point, dice.randint(1, 3 if point in RARE else 8))
        child = os.fork()
        if child == 0:
            asyncio.run(live(state, world, seed, fuse, reached(world), reached(world) + 10 * CYCLE))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(f"a life ended by itself with status {status} before it reached {point}")
        killed[point] += 1
    begin = reached(world)
    end = max(rounds, (begin // CYCLE + 2) * CYCLE)
    asyncio.run(live(state, world, seed, Fuse("", 0), begin, end))
    print(json.dumps({"killed": killed, "rounds": end}))


main()
