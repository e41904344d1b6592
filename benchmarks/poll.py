"""Polling: one round over 1,000 agents beside a bare pooled aiohttp loop that makes the same calls.

The server is a process of its own on loopback and answers after 20 ms. Our side is the real poller with real casino
adapters over an unchanged state, the case of almost every round; the bare loop is 64 workers over one pooled session
that read bodies and understand nothing. Both make the same calls, in turns, in one run.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection

import aiohttp
from aiohttp import web

from benchmarks.harness import at_most, report, wants_json
from fleawatch.clock import SystemClock
from fleawatch.events import AgentDeclared, Event, SourceRead
from fleawatch.flow.fold import fold
from fleawatch.flow.state import empty_fleet
from fleawatch.sources.build import AgentKeys, Platform
from fleawatch.sources.http import open_session
from fleawatch.sources.poller import Poller
from fleawatch.sources.purpleflea.casino import CasinoSource

AGENTS = 1_000
CONNECTIONS = 64
ANSWER_SECONDS = 0.020
REPEATS = 7
RATIO_TO_BARE = 1.5

_ANSWERS = {
    "/api/v1/auth/balance": {
        "agent_id": "ag_000000000001", "balance_usd": 997.5430000000001, "tier": "free", "risk_factor": 0.25,
        "lifetime": {"total_deposited": 1000, "total_withdrawn": 0, "total_wagered": 812.5, "total_won": 810.043},
        "recent_activity": [
            {"type": "debit", "amount": 1.5, "balance_after": 997.543, "reason": "reservation", "service": "casino"}
        ] * 10,
    },
    "/api/v1/kelly/history": {
        "bankroll_curve": [
            {"balance": 997.5430000000001, "change": 997.5430000000001, "reason": "deposit:base:usdc",
             "at": "2026-11-01T00:00:00.000Z"}
        ]
    },
    "/api/v1/stats/me": {"lifetime": {"total_bets": 0}, "by_game": []},
    "/api/v1/auth/referral/stats": {"total_earned_usd": 0, "by_level": {}},
}  # fmt: skip


def serve(ready: Connection) -> None:
    """Answer for ever; the port is sent through `ready`."""
    bodies = {path: json.dumps(answer).encode() for path, answer in _ANSWERS.items()}

    async def handle(request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(ANSWER_SECONDS)
        return web.Response(body=bodies[request.path], content_type="application/json")

    async def main() -> None:
        runner = web.ServerRunner(web.Server(handle))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


async def bare_round(session: aiohttp.ClientSession, base: str) -> None:
    """The peer: the same calls by as many workers as there are connections."""
    left = iter(range(AGENTS))

    async def worker() -> None:
        for number in left:
            headers = {"Authorization": f"Bearer key-{number}"}
            async with session.get(f"{base}/api/v1/auth/balance", headers=headers) as response:
                await response.read()

    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))


async def our_poller(session: aiohttp.ClientSession, base: str) -> Poller:
    """The poller over 1,000 agents whose books have been read and booked."""
    clock = SystemClock()
    fleet = empty_fleet()
    platform = Platform(bases={"casino": base}, session=session, clock=clock)

    async def book(facts: Sequence[Event]) -> None:
        end = facts[-1]
        if len(facts) > 2:
            for fact in facts:
                fold(fleet, fact)
        elif isinstance(end, SourceRead):
            fleet.agents[end.agent_id].sources["casino"].read_at = end.at

    sources = []
    for number in range(AGENTS):
        agent = AgentKeys(agent_id=f"a-{number}", keys={"casino": f"key-{number}"})
        now = clock.now()
        declared = AgentDeclared(
            fact_id=f"declared:{number}", agent_id=agent.agent_id, at=now, seen_at=now, source="benchmark",
            strategy="flat", collectors=("casino",), platform_ids={"casino": "ag_000000000001"},
        )  # fmt: skip
        fold(fleet, declared)
        sources.append(CasinoSource(agent.agent_id, platform.client("casino", agent.keys["casino"])))
    poller = Poller(sources, clock, book, fleet.agents.get, concurrency=CONNECTIONS)
    if failures := await poller.sweep():
        raise RuntimeError(f"the first round failed for {len(failures)} agents: {failures[0].detail}")
    return poller


async def timed(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Wall and processor seconds of one round."""
    begun, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - begun, time.process_time() - cpu


async def measure(base: str) -> dict[str, float]:
    """Medians of both sides, taking turns."""
    async with open_session(CONNECTIONS) as ours, open_session(CONNECTIONS) as theirs:
        poller = await our_poller(ours, base)
        await bare_round(theirs, base)
        rounds: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
        for _ in range(REPEATS):
            rounds["bare"].append(await timed(lambda: bare_round(theirs, base)))
            rounds["ours"].append(await timed(lambda: poller.sweep(thorough=False)))
    found = {}
    for side, pairs in rounds.items():
        found[f"{side}_round_seconds"] = statistics.median(wall for wall, _ in pairs)
        found[f"{side}_cpu_milliseconds_a_call"] = statistics.median(cpu for _, cpu in pairs) * 1_000 / AGENTS
    return found


def main() -> int:
    as_json = wants_json("poll 1,000 agents beside a bare pooled loop")
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(sender,), daemon=True)
    server.start()
    try:
        figures = asyncio.run(measure(f"http://127.0.0.1:{receiver.recv()}"))
    finally:
        server.terminate()
        server.join()
    ratio = figures["ours_round_seconds"] / figures["bare_round_seconds"]
    figures["cpu_ratio"] = figures["ours_cpu_milliseconds_a_call"] / figures["bare_cpu_milliseconds_a_call"]
    return report("poll", {"agents": str(AGENTS), **figures}, {"ratio_to_bare": at_most(ratio, RATIO_TO_BARE)}, as_json)


if __name__ == "__main__":
    sys.exit(main())
