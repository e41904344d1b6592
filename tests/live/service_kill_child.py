"""A service that kills its own process at a chosen point, for the test beside it.

Run as `python service_kill_child.py CONFIG READY SEED COUNT`: a parent that has imported everything forks one child
after another, each with a fresh service on the same store, and each kills itself with SIGKILL at a point drawn from
SEED: before, inside or after a commit, between claiming outputs and finishing them, or inside a render. After COUNT
kills a last child lives until the books of the sandbox are equalled, and prints what it compared.
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

from fleawatch.catalog.fleet import CATALOG
from fleawatch.cli.compare import compare
from fleawatch.clock import ScaledClock
from fleawatch.sandbox import books as sandbox_books
from fleawatch.service.build import keys_of, platform_of
from fleawatch.service.load import load
from fleawatch.service.service import Service
from fleawatch.sinks.memory import MemorySink
from fleawatch.sinks.prometheus import Exposition
from fleawatch.store import open_store

POINTS = ("before_commit", "after_commit", "claim", "render")


def die():
    """End as a power cut of this process would: no handler, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


class Fuse:
    """Kills the process when its point is reached for the nth time; without a point it never does."""

    def __init__(self, point, count):
        self.point = point
        self.count = count

    def reach(self, point):
        """Say that execution is at `point`."""
        if point == self.point:
            self.count -= 1
            if self.count <= 0:
                die()


class FusedStore:
    """A store that is the real one, with fuses around what changes it."""

    def __init__(self, inner, fuse):
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def commit(self, facts, outputs):
        """Commit, with a fuse on either side."""
        self._fuse.reach("before_commit")
        last = self._inner.commit(facts, outputs)
        self._fuse.reach("after_commit")
        return last

    def claim(self, **how):
        """Claim, and perhaps die before anything claimed is acted on."""
        claimed = self._inner.claim(**how)
        if claimed:
            self._fuse.reach("claim")
        return claimed


class FusedExposition:
    """An exposition that may die while it renders."""

    def __init__(self, fuse):
        self._inner = Exposition(CATALOG)
        self._fuse = fuse

    def render(self, state, at, *, openmetrics=False):
        """Render, with a fuse before the answer is complete."""
        text = self._inner.render(state, at, openmetrics=openmetrics)
        self._fuse.reach("render")
        return text


async def live(config, clock, fuse, until_equal):
    """One life of a service; returns what was compared when it was told to live until the books are equalled."""
    exposition = FusedExposition(fuse)
    sink = MemorySink()
    service = Service(
        config,
        clock,
        open_store=lambda: FusedStore(open_store(str(config.store.path)), fuse),
        open_platform=lambda: platform_of(config, clock),
        agents=keys_of(config),
        exposition=exposition,
        sinks=(sink,),
    )
    await service.start()
    deadline = time.monotonic() + (300 if until_equal else 6)
    result = None
    while time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        exposition.render(service.monitor.state, clock.now())
        if until_equal and until_equal.exists():
            await service.poller.sweep()
            result = compare(sandbox_books.truth(until_equal), service.monitor.state)
            if not result[1]:
                break
    await service.stop()
    return result


def main():
    """Fork lives until enough of them were cut short, then one that compares."""
    config_path, ready_path, seed, count = sys.argv[1:5]
    ready = json.loads(Path(ready_path).read_text())
    config = load(Path(config_path), environment={})
    clock = ScaledClock(ready["origin"], ready["speed"], ready["started"])
    rng = random.Random(int(seed))
    killed = dict.fromkeys(POINTS, 0)
    unreached = 0
    while sum(killed.values()) < int(count) and unreached < 50:
        point = POINTS[rng.randrange(len(POINTS))]
        fuse = Fuse(point, rng.randint(1, 3 if point == "claim" else 6))
        child = os.fork()
        if child == 0:
            asyncio.run(live(config, clock, fuse, None))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            killed[point] += 1
        elif os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            unreached += 1
        else:
            raise SystemExit(f"a life ended by itself with status {status}")
    compared, mismatches = asyncio.run(live(config, clock, Fuse("", 0), Path(sys.argv[5])))
    sys.stdout.write(
        json.dumps({"killed": killed, "unreached": unreached, "compared": compared, "mismatches": mismatches}) + "\n"
    )


if __name__ == "__main__":
    main()
