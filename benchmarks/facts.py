"""The facts of a real run: a sandbox that is read through the real adapters, and its fleet multiplied.

Benchmarks of the belt are about the mix of facts that a service meets: how many readings, ledger rows, marks and ticks
come on how many agents. That mix is not assumed here: it is recorded, as the poller books it, at sandbox speed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from fleawatch.clock import ScaledClock
from fleawatch.events import AgentDeclared, EscrowCreated, Event, LedgerEntry, SourceRead, Tick
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step
from fleawatch.sources.build import AgentKeys, Platform, sources_for
from fleawatch.sources.http import open_session
from fleawatch.sources.poller import Poller

SPEED = 60.0
TICK_WALL_S = 0.25


def record(agents: int, seconds: float, seed: int) -> list[Event]:
    """Facts of `agents` agents over `seconds` real seconds at sixty times real time, in the order of booking."""
    command = [sys.executable, "-m", "fleawatch.sandbox", "--seed", str(seed), "--agents", str(agents)]
    command += ["--speed", repr(SPEED), "--for", repr(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sandbox:
        try:
            assert sandbox.stdout is not None  # noqa: S101 - it was asked for one line above
            ready = json.loads(sandbox.stdout.readline())
            return asyncio.run(_recorded(ready, seconds))
        finally:
            sandbox.terminate()


async def _recorded(ready: Mapping[str, Any], seconds: float) -> list[Event]:
    clock = ScaledClock(ready["origin"], ready["speed"], ready["started"])
    fleet, policy, facts, seen = empty_fleet(), Policy(), list[Event](), set[str]()

    async def book(events: Sequence[Event]) -> None:
        for event in events:
            if event.fact_id not in seen:
                seen.add(event.fact_id)
                step(fleet, event, policy)
                facts.append(event)

    session = open_session()
    platform = Platform(bases=ready["bases"], session=session, clock=clock)
    read = {agent["agent_id"]: sources_for(_keys(agent), platform) for agent in ready["agents"]}
    await book([_declared(agent, read[agent["agent_id"]], clock.now()) for agent in ready["agents"]])
    sources = [source for found in read.values() for source in found]
    poller = Poller(sources, clock, book, fleet.agents.get, valid_s=5 * SPEED)
    polling = asyncio.create_task(poller.run())
    try:
        for _ in range(int(seconds / TICK_WALL_S)):
            await asyncio.sleep(TICK_WALL_S)
            now = clock.now()
            await book([Tick(fact_id=f"tick:{now:.3f}", agent_id="", at=now, seen_at=now, source="monitor")])
    finally:
        await poller.stop()
        with contextlib.suppress(asyncio.CancelledError):
            await polling
        await session.close()
    return facts


def _keys(agent: Mapping[str, Any]) -> AgentKeys:
    return AgentKeys(
        agent_id=agent["agent_id"],
        keys={service: key for service, key in agent["keys"].items() if service != "gateway"},
        platform_ids=agent["platform_ids"],
        addresses=agent.get("addresses") or {},
        health_url=agent.get("health_url") or "",
    )


def _declared(agent: Mapping[str, Any], sources: Sequence[Any], now: float) -> AgentDeclared:
    capital = agent["capital_usd"]
    return AgentDeclared(
        fact_id=f"declared:{agent['agent_id']}",
        agent_id=agent["agent_id"],
        at=now,
        seen_at=now,
        source="config",
        strategy=agent["strategy"],
        platform_ids={"casino": agent["platform_ids"]["casino"]},
        capital_usd=None if capital is None else Decimal(str(capital)),
        collectors=tuple(source.collector for source in sources),
        trades="trading" in agent["keys"],
    )


def multiplied(facts: Sequence[Event], times: int) -> Iterator[Event]:
    """The facts of `times` fleets of the same kind that live at the same time; ticks stay what they are."""
    for fact in facts:
        if isinstance(fact, Tick):
            yield fact
            continue
        for number in range(times):
            yield _copied(fact, f"-{number}")


def aged(facts: Sequence[Event], rounds: int, factor: float) -> Iterator[Event]:
    """The same facts in the same order, of which the first ones, up to the tick that ends `rounds` rounds, took longer.

    Everything before that tick is moved away from it by `factor`, as if it had been read that much more seldom: what a
    fleet has come to is then as old as a fleet in its stride, and what follows comes at its own pace.
    """
    ticks = [fact.at for fact in facts if isinstance(fact, Tick)]
    turn = ticks[rounds - 1]
    for fact in facts:
        names = [name for name in _TIMES if getattr(fact, name, None) is not None]
        changes: dict[str, Any] = {name: _earlier(getattr(fact, name), turn, factor) for name in names}
        if isinstance(fact, SourceRead) and fact.at < turn:
            changes["valid_s"] = fact.valid_s * factor
        yield msgspec.structs.replace(fact, **changes)


_TIMES = ("at", "seen_at", "opened_at", "expires_at", "last_action_at")


def _earlier(at: float, turn: float, factor: float) -> float:
    return at if at >= turn else turn - (turn - at) * factor


def _copied(fact: Event, suffix: str) -> Event:
    """The same fact about another agent, in escrows with others."""
    changes: dict[str, Any] = {"agent_id": fact.agent_id + suffix, "fact_id": fact.fact_id + suffix}
    if isinstance(fact, AgentDeclared):
        changes["platform_ids"] = {service: name + suffix for service, name in fact.platform_ids.items()}
    if isinstance(fact, EscrowCreated):
        changes |= {"creator": fact.creator + suffix, "counterparty": fact.counterparty + suffix}
    if (escrow_id := getattr(fact, "escrow_id", None)) is not None:
        changes["escrow_id"] = escrow_id + suffix
    if isinstance(fact, LedgerEntry) and fact.reference is not None:
        changes["reference"] = fact.reference + suffix
    return msgspec.structs.replace(fact, **changes)
