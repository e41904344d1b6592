"""The agents of a fleet, in one process that a test kills: they act at a sandbox over HTTP and tell a service what they did.

Run as `python agreeing_child.py SETTINGS`, a JSON object: `bases`, `origin`, `speed`, `started`, `service`, `directory` (tokens
and spools), `rounds`, `first` (number of the first round) and `agents`: `agent_id`, `keys`, `platform_ids`, `port` of its
metrics. After each round it says how many orders each agent has told of since the start of the process; then it waits for
the end of its input.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

import aiohttp

from fleawatch import Telemetry
from fleawatch.clock import ScaledClock
from fleawatch.sandbox.people import Person
from fleawatch.testing.instrumented import STRATEGY, Distant, Instrumented


class Clocks:
    """The clocks of an agent that lives in simulated time."""

    def __init__(self, settings):
        self._clock = ScaledClock(settings["origin"], settings["speed"], settings["started"])
        self.now = self.elapsed = self._clock.now


def person_of(agent):
    return Person(
        name=agent["agent_id"], character="", strategy=STRATEGY, keys=agent["keys"], platform_ids=agent["platform_ids"]
    )


def telemetry_of(agent, settings):
    name, folder = agent["agent_id"], settings["directory"]
    return Telemetry(
        name, strategy=STRATEGY, service=settings["service"], token_file=f"{folder}/{name}.token", spool=f"{folder}/spool",
        metrics=f"127.0.0.1:{agent['port']}", timing=Clocks(settings), environ={},
    )  # fmt: skip


async def act(agents, number, orders):
    """One round; orders are counted as they are told."""
    for name, agent in agents.items():
        for _ in range(2):
            await agent.bet("dice", 1.0, direction="over", threshold=50)
            orders[name] += 1
        if "trading" in agent.person.keys:
            await agent.enter(("BTC", "ETH", "SOL")[number % 3], "long", 300.0)
            orders[name] += 1
            if number % 2 and await agent.leave():
                orders[name] += 1
    hirer, worker = agents["hirer-0"], agents["worker-0"]
    escrow = await hirer.hire(worker, 5.0 + number)
    if escrow:
        await worker.finish(escrow)
        if number % 3:
            await hirer.pay(escrow)
    await worker.claim()


async def live(settings):
    orders = Counter()
    async with aiohttp.ClientSession() as session:
        caller = Distant(settings["bases"], session)
        agents = {
            agent["agent_id"]: Instrumented(caller, person_of(agent), telemetry_of(agent, settings))
            for agent in settings["agents"]
        }
        for number in range(settings["first"], settings["first"] + settings["rounds"]):
            await act(agents, number, orders)
            for agent in agents.values():
                agent.telemetry._pipeline.flush(10.0)  # into the spool
            print(json.dumps({"round": number, "orders": orders}), flush=True)
        for agent in agents.values():
            agent.telemetry.flush(60.0)
        print(json.dumps({"told": True}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for agent in agents.values():
            agent.telemetry.shutdown(10.0)


asyncio.run(live(json.loads(sys.argv[1])))
