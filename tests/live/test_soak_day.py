"""A long run with everything that goes wrong: simulated hours at speed, equal to the books at the end, within bounds.

Eight hours take as many minutes; `FLEAWATCH_SOAK_HOURS=24` makes it a day. Faster is not better: time-outs, restarts and a
busy machine last real seconds, each of which is a minute in which the platform's lists move on.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import urllib.request
from pathlib import Path

import pytest
from live_fleet import settled, simulated_fleet, watching

from fleawatch.cli.recorded import replayed_state
from fleawatch.sandbox.faults import KINDS, SERVICES
from fleawatch.service.report import digest
from fleawatch.store import FILE_NAME, SqliteStore

RUN_S = 3_600.0 * float(os.environ.get("FLEAWATCH_SOAK_HOURS", "8"))
SPEED = 60.0
FAULT_S = 240.0
"""With the time-outs below, an outage that the platform's lists outlast: the busiest agent closes its last 50 positions in
twenty simulated minutes, and what has fallen off that list can be read by nobody."""
OVERRIDES = {"collect.timeout_s": 2, "store.keep_readings_hours": 2}
COLLECTORS = {"casino", "bets", "escrow", "trading", "wallet", "domains"}
"""Those that fail with a service; a probe that gets no answer has worked, and says that its agent is down."""
MEBIBYTE = 1 << 20


def fault_plan(seed):
    """Every kind of fault at every service that is read, once, in seeded order: (after, service, kind), in seconds."""
    pairs = [(service, kind) for service in SERVICES if service != "gateway" for kind in KINDS]
    random.Random(seed).shuffle(pairs)
    slot = 0.9 * RUN_S / len(pairs)
    return [(0.05 * RUN_S + place * slot, service, kind) for place, (service, kind) in enumerate(pairs)]


def order(control, after, service, kind):
    body = json.dumps({"service": service, "kind": kind, "after": after, "seconds": FAULT_S}).encode()
    request = urllib.request.Request(f"{control['base']}/faults", data=body, method="POST")
    request.add_header("Authorization", f"Bearer {control['token']}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def resident():
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def weigh(weights):
    while True:
        weights.append(resident())
        await asyncio.sleep(1)


@pytest.mark.soak
def test_hours_with_faults_end_equal_to_the_books(tmp_path):
    """Thirty agents, every fault at every service, two restarts, readings forgotten every hour: all numbers are equal.

    No number differs from the books, no fact was refused, no history was missed, a replay ends as live did, and memory
    does not grow with what was seen.
    """
    lives, weights = [], []

    async def run():
        async with simulated_fleet(tmp_path, agents=30, speed=SPEED, seconds=RUN_S / SPEED) as simulator:
            for fault in fault_plan(7):
                await asyncio.to_thread(order, simulator.ready["control"], *fault)
            weighing = asyncio.create_task(weigh(weights))
            ended = asyncio.create_task(simulator.ended())
            for part in (0.35, 0.3, None):
                async with watching(tmp_path, simulator, OVERRIDES) as (service, _):
                    lives.append(service)
                    if part is not None:
                        await asyncio.sleep(part * RUN_S / SPEED)
                        continue
                    await ended
                    weighing.cancel()
                    await asyncio.gather(weighing, return_exceptions=True)
                    try:
                        await settled(service, simulator, tmp_path / "books.sqlite", within_s=120.0)
                    except AssertionError as error:
                        error.add_note(f"rows fell off the platform's lists unread: {history_gaps(tmp_path / 'state')}")
                        raise

    asyncio.run(run())

    state = lives[-1].monitor.state
    assert [life.monitor.refused for life in lives] == [0, 0, 0]
    assert history_gaps(tmp_path / "state") == []
    failed = {name for agent in state.agents.values() for name, source in agent.sources.items() if source.failures}
    assert failed >= COLLECTORS
    replayed = replayed_state(tmp_path / "state", progress=False)
    assert digest(replayed.state) == digest(state)
    assert replayed.last == lives[-1].monitor.seq
    assert replayed.begun_after > 0.25 * replayed.last
    quarter = len(weights) // 4
    print(f"MiB held: {[weight // MEBIBYTE for weight in weights[::30]]}")
    assert max(weights) - weights[0] < 256 * MEBIBYTE
    assert max(weights[-quarter:]) - max(weights[quarter : 2 * quarter]) < 64 * MEBIBYTE


def history_gaps(directory):
    """Where the service said that rows may have fallen off a list before they were read."""
    store = SqliteStore(directory / FILE_NAME, mode="reader")
    facts = store.facts(kinds=["schema_surprise"], limit=100_000)
    store.close()
    return [(event.agent_id, event.endpoint, event.at) for _, event in facts if event.field == "history_gap"]
