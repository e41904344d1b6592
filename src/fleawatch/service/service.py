"""One running monitor: its parts, the order in which they start and stop, and what it says of its own health.

Start: store, state, fleet, then the loops. Stop: no new readings, what is under way is booked or dropped whole, a
last snapshot, the store. Whatever time comes from, it comes from the one clock that was handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol

import aiohttp

from fleawatch.clock import Clock
from fleawatch.errors import Problem, StoreError
from fleawatch.flow.state import FleetState
from fleawatch.ports import Notifier, Sink, Store
from fleawatch.service.access import Tokens
from fleawatch.service.actuation import Actuation, Actuators
from fleawatch.service.config import Config
from fleawatch.service.control import Control
from fleawatch.service.courier import Courier, Patience
from fleawatch.service.fleet import config_facts, declarations
from fleawatch.service.hands import faucet_of
from fleawatch.service.monitor import Monitor
from fleawatch.service.outbox import Outbox
from fleawatch.service.watchdog import Watchdog
from fleawatch.sources.build import AgentKeys, Platform, sources_for
from fleawatch.sources.poller import Poller

log = logging.getLogger("fleawatch.service")

READINGS: Final = (
    "balance_read", "game_totals", "health_read", "lease_granted", "ledger_read", "market_tick", "order_book_snapshot", "position_marked",
    "positions_read", "referral_totals", "source_read", "source_unavailable", "tick",
)  # fmt: skip
"""Kinds that only say how things stood at a moment; kept for hours, where facts about money are kept for days."""

RETENTION_EVERY_S: Final = 3_600.0
KEPT_STATES: Final = 4
"""States kept while readings are: a replay begins with one, so readings stay up to a quarter longer than asked for."""
LEAST_PAUSE_S: Final = 0.25
STORE_LOST_S: Final = 600.0
"""Real seconds after which a store that fails is better opened anew by a restart."""

SET_BACK_S: Final = 60.0
"""Seconds by which the clock may be behind the newest Tick before it is told of."""

HOUR: Final = 3_600.0
DAY: Final = 86_400.0


class Exposition(Protocol):
    """Renders the state for a scrape."""

    def render(self, state: FleetState, at: float, *, openmetrics: bool) -> bytes:
        """The whole exposition as of `at`; no I/O."""
        ...


class Service:
    """The parts of one running monitor.

    Attributes:
        started_at: when it was started, by its clock.
        replayed: facts folded after the snapshot when it started.
    """

    def __init__(  # noqa: PLR0913 - the composition root names every part once
        self,
        config: Config,
        clock: Clock,
        *,
        open_store: Callable[[], Store],
        open_platform: Callable[[], Platform],
        agents: Sequence[AgentKeys],
        exposition: Exposition,
        sinks: Sequence[Sink] = (),
        channels: Mapping[str, Notifier] | None = None,
        tokens: Tokens | None = None,
        hands: Callable[[aiohttp.ClientSession], Actuators] | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.exposition = exposition
        self.monitor = Monitor(open_store, clock)
        self.actuation = Actuation(self.monitor)
        self._hands = hands
        self.control = Control(config, self.monitor, clock, tokens or Tokens())
        self.started_at = clock.now()
        self.replayed = 0
        self.watchdog = Watchdog()
        self._open_platform = open_platform
        self._agents = tuple(agents)
        self._platform: Platform | None = None
        self._poller: Poller | None = None
        self._sinks = tuple(sinks)
        self._channels = dict(channels or {})
        self._courier: Courier | None = None
        self._loops: list[asyncio.Task[None]] = []

    @property
    def poller(self) -> Poller:
        """The poller; exists once the service was started."""
        if self._poller is None:
            raise RuntimeError("the service was not started; await start() first")
        return self._poller

    async def start(self) -> None:
        """Open the store, come back to the last state, declare the fleet, and begin to watch.

        Raises:
            StoreError: the store cannot be opened or is not of this release.
        """
        self.replayed = await self.monitor.recover()
        self._platform = self._open_platform()
        if self._hands is not None:
            self.actuation.actuators = self._hands(self._platform.session)
        if any(means.topup for means in self.config.actuate.agents.values()):
            self.actuation.faucet = faucet_of(self.config, self._platform.session)
        sources = [source for agent in self._agents for source in sources_for(agent, self._platform)]
        collectors: dict[str, list[str]] = {}
        for source in sources:
            collectors.setdefault(source.agent_id, []).append(source.collector)
        now = self.clock.now()
        await self.monitor.book(await self.monitor.in_store(lambda: config_facts(self.config, self.monitor.store, now)))
        await self.monitor.book(declarations(self.config, collectors, self.monitor.state, now))
        await self.monitor.tick()
        collect = self.config.collect
        self._poller = Poller(
            sources,
            self.clock,
            book=self.monitor.book,
            known=self.monitor.known,
            interval_s=collect.interval_s,
            deadline_s=collect.reading_timeout_s,
            valid_s=collect.max_age_s,
            concurrency=collect.concurrency,
        )
        self._loop("poller", self._poller.run())
        self._loop("tick", self._every(self.config.collect.interval_s, self.monitor.tick))
        self._loop("snapshot", self._every(self.config.store.snapshot_s, self.monitor.save))
        self._loop("retention", self._every(RETENTION_EVERY_S, self._forget_old, at_once=True))
        self._loop("outbox", Outbox(self.monitor, self._sinks, self.actuation).run())
        notify = self.config.notify
        patience = Patience(retries=notify.retries, give_up_after_s=notify.give_up_after_s)
        self._courier = Courier(self.monitor, self._channels, patience)
        self._loop("courier", self._courier.run())
        self._loop("watchdog", self.watchdog.run())
        self._loop("leases", self.control.leases.run())
        self._loop("halt file", self.control.acts.watch_file())
        self._loop("drill", self.control.acts.drill_regularly())

    async def stop(self) -> None:
        """Stop watching, keep everything that the store takes. May be called twice."""
        self.monitor.give_up_waiting()
        if self._poller is not None:
            await self._poller.stop()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops.clear()
        if self._courier is not None:
            courier, self._courier = self._courier, None
            await courier.close()
        await self.control.leases.clerk.close()
        await self.actuation.close()
        if self._poller is not None:
            self._poller = None
            with contextlib.suppress(StoreError):
                await self.monitor.save()
        if self._platform is not None:
            await self._platform.session.close()
            self._platform = None
        await self.monitor.close()
        for sink in self._sinks:
            sink.close()

    def readiness(self) -> tuple[Problem, ...]:
        """Why it is not ready to be relied on; empty when it is. An outage of the platform is no reason."""
        problems: list[Problem] = []
        if self._poller is None:
            problems.append(Problem("service", "was not started yet", "wait"))
        if self.monitor.store_error:
            problems.append(
                Problem("store", self.monitor.store_error, "free space or mend the store; it is tried again")
            )
        behind = self.monitor.state.at - self.clock.now()
        if behind > SET_BACK_S:
            problems.append(
                Problem(
                    "clock",
                    f"was set back by {behind:.0f} s: what waits for time to pass stands still until it has caught up",
                    "set the clock of this machine",
                )
            )
        untried = [
            agent.agent_id
            for agent in self.monitor.state.agents.values()
            if any(name not in agent.sources for name in agent.profile.collectors)
        ]
        if untried:
            named = ", ".join(untried[:5]) + (" ..." if len(untried) > 5 else "")
            problems.append(
                Problem("collect", f"{len(untried)} agents were not tried yet: {named}", "wait for the first readings")
            )
        return tuple(problems)

    def unhealthy(self) -> str:
        """Why the process should be restarted; empty when it should not."""
        since = self.monitor.failing_since
        if since is not None and self.clock.wall(self.clock.now() - since) > STORE_LOST_S:
            return f"the store could not be used for {STORE_LOST_S:g} s: {self.monitor.store_error}"
        return self.watchdog.complaint()

    async def _forget_old(self) -> None:
        horizon, store = self.config.store.keep_readings_hours * HOUR, self.monitor.store
        await self.monitor.save(keep_every_s=horizon / KEPT_STATES)
        before = self.clock.now() - horizon
        gone = await self.monitor.in_store(lambda: store.prune(before=before, kinds=READINGS))
        log.info("retention: %d old readings were forgotten", gone)

    def _loop(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._loops.append(asyncio.create_task(_supervised(name, work), name=name))

    async def _every(
        self, seconds: float, work: Callable[[], Coroutine[Any, Any, None]], *, at_once: bool = False
    ) -> None:
        while True:
            if not at_once:
                await asyncio.sleep(max(LEAST_PAUSE_S, self.clock.wall(seconds)))
            at_once = False
            try:
                await work()
            except StoreError as error:
                log.warning("%s", error)


async def _supervised(name: str, work: Coroutine[Any, Any, None]) -> None:
    """A loop never ends by itself: when it does, watching is broken, and a process that says it watches must not live on."""
    try:
        await work
        log.critical("the %s loop ended; the process ends so that a supervisor can start it anew", name)
    except asyncio.CancelledError:
        raise
    except BaseException:
        log.critical("the %s loop failed; the process ends so that a supervisor can start it anew", name, exc_info=True)
    logging.shutdown()
    os._exit(BROKEN)


BROKEN: Final = 70
"""Exit code of a process whose watching broke, as sysexits.h has it for internal errors."""
