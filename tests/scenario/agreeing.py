"""A fleet that is polled and reports itself, watched by several services at once: one history, told in several orders."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fleawatch import Telemetry
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.clock import ManualClock
from fleawatch.events import AgentDeclared, Tick, fact_id
from fleawatch.sandbox import books
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN
from fleawatch.service.ingest import MOST, admitted
from fleawatch.service.monitor import Monitor
from fleawatch.sources.build import AgentKeys, Platform, sources_for
from fleawatch.sources.http import open_session
from fleawatch.sources.poller import Poller
from fleawatch.store import MemoryStore, open_store
from fleawatch.testing.facts_server import FactsServer
from fleawatch.testing.instrumented import CAPITAL, STRATEGY, Instrumented, troupe

FLEET = ("sponsor", "player", "player", "trader", "trader", "hirer", "worker")
ROUNDS = 6
ROUND_S = 75.0


@dataclass
class Clocks:
    """The clocks of an agent that lives in simulated time."""

    clock: ManualClock

    def now(self):
        return self.clock.now()

    def elapsed(self):
        return self.clock.now()


class Watch:
    """A service without its shell: a store, a monitor, and the poller that reads the sandbox for it.

    Attributes:
        polled: what every booking of a reading brought, in order.
    """

    def __init__(self, name, clock, bases, people, folder=None):
        self.name, self.clock, self.people = name, clock, people
        self.path = None if folder is None else folder / f"{name}.db"
        self.polled = []
        self._bases = bases

    async def start(self, *, read=True):
        """Open the store and come back to its last fact; declare the fleet, with or without its keys."""
        self.monitor = Monitor((lambda: open_store(f"sqlite:{self.path}")) if self.path else MemoryStore, self.clock)
        await self.monitor.recover()
        self.session = open_session(64)
        platform = Platform(bases=self._bases, session=self.session, clock=self.clock)
        sources, declared = [], []
        for person in self.people:
            found = sources_for(
                AgentKeys(agent_id=person.name, keys=person.keys if read else {}, platform_ids=person.platform_ids),
                platform,
            )
            declared.append(declaration(person, tuple(one.collector for one in found), self.clock.now()))
            sources += found
        self.poller = Poller(sources, self.clock, self._book, self.monitor.known)
        await self._book(declared)

    async def _book(self, facts):
        self.polled.append(list(facts))
        await self.monitor.book(facts)

    async def poll(self, times=1):
        """Read everything."""
        for _ in range(times):
            failures = await self.poller.sweep()
            assert failures == (), (self.name, failures)
            at = self.clock.now()
            await self._book(
                [
                    Tick(
                        fact_id=fact_id("monitor", "tick", f"{at:.3f}"),
                        agent_id="",
                        at=at,
                        seen_at=at,
                        source="monitor",
                    )
                ]
            )

    async def hear(self, lines):
        """Take what agents told, as the door of the service does: each agent's lines in requests of their own."""
        await hear(self.monitor, lines)

    async def restart(self):
        """End and begin again, from the last snapshot and the facts behind it."""
        await self.stop()
        await self.start()

    async def stop(self):
        """End. May be called twice."""
        if self.session.closed:
            return
        await self.poller.stop()
        await self.session.close()
        await self.monitor.close()

    @property
    def state(self):
        return self.monitor.state


async def hear(monitor, lines):
    """Have a monitor take what agents told, through the door."""
    for name in sorted({line["agent_id"] for line in lines}):
        own = [json.dumps(line).encode() for line in lines if line["agent_id"] == name]
        for first in range(0, len(own), MOST):
            facts, _ = admitted(monitor.known(name), b"\n".join(own[first : first + MOST]), monitor.clock.now())
            await monitor.book(facts)


def declaration(person, collectors, at):
    """The configuration's word on an agent."""
    trades = "trading" in person.keys
    return AgentDeclared(
        fact_id=fact_id("config", "agent_declared", f"{person.name}:{at:.3f}:{len(collectors)}"), agent_id=person.name, at=at,
        seen_at=at, source="config", strategy=STRATEGY, platform_ids=person.platform_ids,
        capital_usd=CAPITAL if trades else None, trades=trades, collectors=collectors,
    )  # fmt: skip


@dataclass
class Fleet:
    """The agents of one sandbox, and what they have told so far."""

    clock: ManualClock
    agents: dict[str, Instrumented]
    server: FactsServer
    taken: int = 0
    escrows: list[str] = field(default_factory=list)

    def told(self):
        """What was told since this was last asked, in the order of telling."""
        for agent in self.agents.values():
            assert agent.telemetry.flush(20)
        lines = list(self.server.taken.values())
        news, self.taken = lines[self.taken :], len(lines)
        return news

    async def act(self, number):
        """One round: each agent does what it is for."""
        agents, chance = self.agents, random.Random(number)
        for name, agent in agents.items():
            for _ in range(3):
                await agent.bet("dice", round(chance.uniform(0.5, 3), 2), direction="over", threshold=50)
            if name.startswith("player"):
                await agent.bet("coin_flip", 1.25, side="heads")
                await agent.bet("dice", 10_000, direction="over", threshold=50)
                await agent.parlay(0.5)
            if "trading" in agent.person.keys:
                await agent.enter(chance.choice(("BTC", "ETH", "SOL")), chance.choice(("long", "short")), 400.0)
            await agent.look_at_income()
        self.clock.advance(20)
        for name, agent in agents.items():
            if name.startswith("trader") or number % 2:
                await agent.leave()
        await self._escrow(number)

    async def _escrow(self, number):
        hirer, worker = self.agents["hirer-0"], self.agents["worker-0"]
        escrow = await hirer.hire(worker, 10.0 + number, hours=24 if number else 1)
        if number == 0:
            self.escrows.append(escrow)  # nobody looks after it: it runs out of time
            for agent in self.agents.values():
                await agent.claim()
            return
        await worker.finish(escrow)
        if number == 1:
            await hirer.dispute(escrow)
        elif number < ROUNDS - 1:
            await hirer.pay(escrow)
        await hirer.pay_out(worker, 1.5)

    def bodies(self):
        """What a scrape of each agent reads."""
        for agent in self.agents.values():
            assert agent.telemetry.flush(20)
        return {name: agent.telemetry.metrics(within_s=20).decode() for name, agent in self.agents.items()}

    async def grow_old(self):
        """An hour later, what was forgotten has come back to its creator."""
        self.clock.advance(3_900)
        for escrow in self.escrows:
            await self.agents["hirer-0"].look_back(escrow)
        for agent in self.agents.values():
            await agent.look_at_income()


@contextlib.asynccontextmanager
async def acting(folder, *, seed=11, service=True):
    """A sandbox with its fleet; yields (fleet, bases, people), on a clock that only the test moves."""
    clock = ManualClock(DEFAULT_ORIGIN)
    settings = Settings(seed=seed, agents=len(FLEET), troupe=troupe(FLEET), books=folder / "books.sqlite")
    with FactsServer() as server:
        async with visiting(settings, clock) as visitor:
            people = visitor.sandbox.world.fleet
            address = server.address if service else None
            agents = {
                person.name: Instrumented(visitor, person, telemetry_of(person, clock, address)) for person in people
            }
            fleet = Fleet(clock, agents, server)
            fleet.finish = visitor.sandbox.finish
            try:
                yield fleet, visitor.sandbox.bases, people
            finally:
                for agent in agents.values():
                    agent.telemetry.shutdown(10)


def telemetry_of(person, clock, address):
    """An agent's own telemetry, with or without a service to report to."""
    return Telemetry(
        person.name, strategy=STRATEGY, service=address, heartbeat_s=None, timing=Clocks(clock), environ={}
    )  # fmt: skip


LATE = {"pf_trade_slippage_cost_usdc_total", "pf_report_differences_total"}
"""What only the agent knows or tells: nobody has it who does not hear the agent."""


def ledgers(agent, *, heard):
    """The books of one agent: sums, and every counter and histogram that a service exports. `heard`: with what only it knows."""
    casino, trading = agent.casino, agent.trading
    found = {
        "equity": agent.equity, "flows": agent.flows, "deposits": agent.deposits, "withdrawals": agent.withdrawals,
        "casino": (casino.net, casino.wagered, casino.paid), "fees": trading.fees, "realized": trading.realized,
        "funding": trading.funding, "income": {name: round(value, 6) for name, value in agent.income.items()},
        "counts": (
            casino.staked_bets, casino.settled_bets, casino.wins, casino.losses, casino.pushes, casino.parlays,
            casino.seen_rounds, trading.trades, len(trading.positions), len(trading.fill_ids), len(agent.escrows),
        ),
        "escrows": sorted((one.escrow_id, one.status, one.locked, one.impaired) for one in agent.escrows.values()),
        "games": casino.games, "parlay": casino.parlay, "outcomes": casino.outcomes,
        "markets": {name: msgspec.structs.astuple(market) for name, market in trading.markets.items()},
        "attributed": {
            (dimension, key): (part.count, part.net)
            for dimension in (("strategy", "market", "asset") if heard else ("market",))
            for key, part in agent.attribution.parts(dimension).items()
            if part.count and (heard or key != "parlay")  # the platform lists no parlay by itself
        },
    }  # fmt: skip
    for metric in CATALOG.owned_by("monitor"):
        if AGENT_ID not in metric.labels or (metric.name in LATE and not heard):
            continue
        found[metric.name] = dict(agent.tallies.counters.get(metric.name, {}))
        for labels, one in agent.tallies.distributions.get(metric.name, {}).items():
            found[metric.name, labels] = (one.counts, one.total)
    if not heard:
        found["pf_faucet_claims_total"].pop(("rejected",), None)
    return rounded(found)


def rounded(value):
    """The same to a hundredth of a cent."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return round(value, 4) + 0.0 if isinstance(value, float) else value


def all_ledgers(state, *, heard):
    """By agent."""
    return {name: ledgers(agent, heard=heard) for name, agent in sorted(state.agents.items())}


def truth_of(folder: Path):
    """The sandbox's own books."""
    return books.truth(folder / "books.sqlite")


def run(work):
    """Run a coroutine."""
    return asyncio.run(work)
