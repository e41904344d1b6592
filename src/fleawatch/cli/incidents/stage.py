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
        config = self._config()
        monitor = Monitor(lambda: open_store(self._store), self.clock)
        monitor.listeners.append(record.take)
        await monitor.recover()
        platform = platform_of(config, self.clock)
        control = Control(config, monitor, self.clock, Tokens())
        actuation = Actuation(monitor)
        outbox = Outbox(monitor, (), actuation)
        sources = [source for agent in keys_of(config) for source in sources_for(agent, platform)]
        poller = Poller(sources, self.clock, monitor.book, monitor.known, interval_s=self._interval_s,
                        valid_s=max(60.0, 4 * self._interval_s))  # fmt: skip
        collectors: dict[str, list[str]] = {}
        for source in sources:
            collectors.setdefault(source.agent_id, []).append(source.collector)
        processes = [AgentProcess(person, world.kernel, obeys=self._guarded) for person in world.fleet]
        for process in processes:
            process.person.agency = process
        try:
            now = self.clock.now()
            await monitor.book(await monitor.in_store(lambda: config_facts(config, monitor.store, now)))
            await monitor.book(declarations(config, collectors, monitor.state, now))
            for second in range(int(seconds) + 1):
                self.clock.at = record.origin + second
                self.sandbox.desk.catch_up()
                for process in processes:
                    await process.exchange(monitor, control, self.clock.at)
                if second % self._interval_s == 0:
                    await poller.sweep(thorough=False)
                if second % TICK_S == 0:
                    await control.leases.sweep()
                    await monitor.tick()
                    await outbox.carry()
                    await actuation.settle()
                for process in processes:
                    await process.exchange(monitor, control, self.clock.at)
            await poller.sweep()
            await poller.sweep()
            await monitor.tick()
            await monitor.save()
        finally:
            await poller.stop()
            await control.leases.clerk.close()
            await actuation.close()
            await platform.session.close()
            record.state = monitor.state
            await monitor.close()
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
