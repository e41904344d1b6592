"""The stage: sandbox, gates and service in one process, on a clock that moves second by second.

Everything is the real thing but time: the platform answers over HTTP on loopback, the poller's sources read it, facts
go through the door of the ingest, the monitor commits to a store, halts go by leases and by actuators. So a run is a
function of its seed, and two simulated hours take as long as the machine needs.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from fleawatch.cli.incidents.process import AgentProcess
from fleawatch.cli.simulator import write_config
from fleawatch.clock import ManualClock
from fleawatch.events import Event
from fleawatch.flow.outputs import AlertChange, Delivery, Output
from fleawatch.flow.state import FleetState
from fleawatch.sandbox import books
from fleawatch.sandbox.journal import Attempt
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.running import Sandbox
from fleawatch.service.access import Tokens
from fleawatch.service.actuation import Actuation
from fleawatch.service.build import keys_of, platform_of
from fleawatch.service.config import Config
from fleawatch.service.control import Control
from fleawatch.service.fleet import config_facts, declarations
from fleawatch.service.load import load
from fleawatch.service.monitor import Monitor
from fleawatch.service.outbox import Outbox
from fleawatch.sources.build import sources_for
from fleawatch.sources.poller import Poller
from fleawatch.store import open_store

TICK_S: Final = 15
_NEVER_CALLED_PORT: Final = 9


@dataclass
class Record:
    """What came of a run.

    Attributes:
        facts: everything that was booked, in order.
        changes: alerts that began or ended.
        deliveries: notifications that were sent.
        state: the belt's state at the end.
        attempts: orders that agents tried, as the sandbox's journal has them.
        truth: the books at the end, by agent.
        people: the fleet.
        origin, end: simulated unix seconds.
    """

    facts: list[Event] = field(default_factory=list)
    changes: list[AlertChange] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    state: FleetState | None = None
    attempts: list[Attempt] = field(default_factory=list)
    truth: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)
    origin: float = 0.0
    end: float = 0.0

    def take(self, facts: Sequence[Event], outputs: Sequence[Output]) -> None:
        """A batch was committed."""
        self.facts += facts
        for output in outputs:
            if isinstance(output, AlertChange):
                self.changes.append(output)
            elif isinstance(output, Delivery):
                self.deliveries.append(output)

    def equity(self, agent_id: str) -> Decimal | None:
        """True equity of an agent at the end, USD."""
        found: Decimal | None = self.truth[agent_id]["equity"]
        return found


class Stage:
    """One run.

    Args:
        sandbox: on the same clock, not started yet.
        clock: moved by this stage only.
        state: directory for configuration and keys.
        store: address of the store.
        interval_s: simulated seconds between two readings of the platform.
        more: further sections of the service's configuration.
        guarded: whether agents heed their gates.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        clock: ManualClock,
        state: Path,
        *,
        store: str,
        interval_s: float,
        more: Mapping[str, Any],
        guarded: bool = True,
    ) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self._state = state
        self._store = store
        self._interval_s = interval_s
        self._more = more
        self._guarded = guarded
        self.record = Record()

    async def play(self, seconds: float) -> Record:
        """Play so many simulated seconds, and read once more."""
        world, record = self.sandbox.world, self.record
        record.people, record.origin = world.fleet, self.clock.at
        watch = _Watch(self._config(), self.clock, self._store, self._interval_s)
        watch.monitor.listeners.append(record.take)
        processes = [AgentProcess(person, world.kernel, obeys=self._guarded) for person in world.fleet]
        for process in processes:
            process.person.agency = process
        try:
            await watch.begin()
            for second in range(int(seconds) + 1):
                self.clock.at = record.origin + second
                self.sandbox.desk.catch_up()
                for process in processes:
                    await process.exchange(watch.monitor, watch.control, self.clock.at)
                await watch.second(second)
                for process in processes:
                    await process.exchange(watch.monitor, watch.control, self.clock.at)
            await watch.end()
        finally:
            record.state = watch.monitor.state
            await watch.close()
        record.end = self.clock.at
        record.attempts = world.kernel.journal.attempts
        record.truth = await asyncio.to_thread(self._books)
        return record

    def _config(self) -> Config:
        path = write_config(
            self.sandbox.ready(), self._state, _NEVER_CALLED_PORT, interval_s=self._interval_s, more=self._more
        )
        return load(path, environment={})

    def _books(self) -> Mapping[str, Mapping[str, Any]]:
        with tempfile.TemporaryDirectory(prefix="fleawatch-books-") as scratch:
            path = Path(scratch) / "books.sqlite"
            books.write(self.sandbox.world, path)
            return books.truth(path)


class _Watch:
    """The service of a stage: its parts as `fleawatch run` has them, without their loops."""

    def __init__(self, config: Config, clock: ManualClock, store: str, interval_s: float) -> None:
        self._config = config
        self._clock = clock
        self._interval_s = interval_s
        self.monitor = Monitor(lambda: open_store(store), clock)
        self.control = Control(config, self.monitor, clock, Tokens())
        self._platform = platform_of(config, clock)
        self._actuation = Actuation(self.monitor)
        self._outbox = Outbox(self.monitor, (), self._actuation)
        self._sources = [source for agent in keys_of(config) for source in sources_for(agent, self._platform)]
        self._poller = Poller(
            self._sources,
            clock,
            self.monitor.book,
            self.monitor.known,
            interval_s=interval_s,
            valid_s=max(60.0, 4 * interval_s),
        )

    async def begin(self) -> None:
        """Open the store and declare the fleet."""
        monitor, now = self.monitor, self._clock.now()
        await monitor.recover()
        collectors: dict[str, list[str]] = {}
        for source in self._sources:
            collectors.setdefault(source.agent_id, []).append(source.collector)
        await monitor.book(await monitor.in_store(lambda: config_facts(self._config, monitor.store, now)))
        await monitor.book(declarations(self._config, collectors, monitor.state, now))

    async def second(self, second: int) -> None:
        """What is due in this second since the beginning."""
        if second % self._interval_s == 0:
            await self._poller.sweep(thorough=False)
        if second % TICK_S == 0:
            await self.control.leases.sweep()
            await self.monitor.tick()
            await self._outbox.carry()
            await self._actuation.settle()

    async def end(self) -> None:
        """Read everything, what the ledger has named too, and keep the state."""
        await self._poller.sweep()
        await self._poller.sweep()
        await self.monitor.tick()
        await self.monitor.save()

    async def close(self) -> None:
        """Let go of the platform and the store."""
        await self._poller.stop()
        await self.control.leases.clerk.close()
        await self._actuation.close()
        await self._platform.session.close()
        await self.monitor.close()
