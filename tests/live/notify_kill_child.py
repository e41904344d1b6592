"""A courier that kills its own process at a chosen point, for the test beside it.

Run as `python notify_kill_child.py STATE URL SEED KILLS DELIVERIES`: a parent that has imported everything forks one
child after another on the same store. Each orders a few more deliveries and carries what is due to URL, until it kills
itself with SIGKILL at a point drawn from SEED: after the claim, between the channel's answer and the booking, between the
booking and the end of the row, or after it. A last child lives until nothing is left.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time

from fleawatch.clock import ManualClock
from fleawatch.notify.exchange import Exchange
from fleawatch.notify.webhook import WebhookNotifier
from fleawatch.service.courier import Courier, Patience
from fleawatch.service.monitor import Monitor
from fleawatch.store import SqliteStore
from fleawatch.testing.notifier_contract import NOW, delivery

POINTS = ("claimed", "sent", "booked", "finished")
SECRET = "signing-secret-0123456789"


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


class FusedNotifier(WebhookNotifier):
    """The real channel, which may die with the answer in its hands."""

    fuse: Fuse

    async def send(self, one):
        receipt = await super().send(one)
        self.fuse.reach("sent")
        return receipt


class FusedStore(SqliteStore):
    """The real store, with fuses around what a courier does."""

    fuse: Fuse

    def claim(self, **how):
        claimed = super().claim(**how)
        if claimed:
            self.fuse.reach("claimed")
        return claimed

    def commit(self, facts, outputs):
        last = super().commit(facts, outputs)
        if facts:
            self.fuse.reach("booked")
        return last

    def finish(self, output_id, *, now):
        super().finish(output_id, now=now)
        self.fuse.reach("finished")


async def live(state, url, number, fuse, keys):
    """One life: order, carry until nothing is pending."""
    FusedStore.fuse = FusedNotifier.fuse = fuse
    clock = ManualClock(NOW + number * 1_000)
    monitor = Monitor(lambda: FusedStore(f"{state}/fleawatch.db"), clock)
    await monitor.recover()
    orders = [delivery(key, at=clock.at, group=key.split("-")[0]) for key in keys]
    await monitor.in_store(lambda: monitor.store.commit([], orders))
    notifier = FusedNotifier(Exchange(), url=url, secret=SECRET)
    courier = Courier(monitor, {"ops": notifier}, Patience(retries=1_000, give_up_after_s=1e9), lambda: 0.5)
    while await monitor.in_store(monitor.store.pending):
        await courier.carry("ops")
        clock.advance(20)
    await courier.close()
    await monitor.close()


def main():
    state, url, seed, kills, count = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    dice, killed = random.Random(seed), dict.fromkeys(POINTS, 0)
    keys = [f"g{number % 7}-{number}" for number in range(count)]
    for number in range(kills + 1):
        last = number == kills
        share = keys if last else keys[: (number + 1) * count // kills]
        fuse = Fuse("" if last else POINTS[number % len(POINTS)], dice.randint(1, 3))
        child = os.fork()
        if child == 0:
            asyncio.run(live(state, url, number, fuse, share))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            killed[fuse.point] += 1
        elif os.waitstatus_to_exitcode(status) != 0:
            sys.exit(1)
    print(json.dumps(killed))


main()
