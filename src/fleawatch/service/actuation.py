"""Carries out what halts command: by the path it names, once, and never for a halt that is over.

A command is a row that was claimed. Its end is a fact when it worked; when it failed it comes again, later each time; when
nobody answered, it is left to the next reading to tell what became of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from fleawatch.errors import StoreError
from fleawatch.events import HaltDelivered, fact_id
from fleawatch.flow.outputs import HaltCommand, TopUp
from fleawatch.ports import Actuator, Claimed, Filler, Outcome
from fleawatch.service.monitor import Monitor

log = logging.getLogger("fleawatch.actuation")

ATTEMPTS: Final = 6
WITHIN_S: Final = 25.0
"""Real seconds for one command: well within the time for which its row is claimed."""

Actuators = Mapping[tuple[str, str], Actuator]
"""By agent id and path."""


class Actuation:
    """Carries commands out, each in a task of its own: one that hangs holds up no other."""

    def __init__(self, monitor: Monitor, actuators: Actuators | None = None) -> None:
        self.actuators: Actuators = actuators or {}
        self.faucet: Filler | None = None
        self._monitor = monitor
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, claimed: Claimed, wanted: HaltCommand | TopUp) -> None:
        """Carry a claimed command out, and finish its row."""
        task = asyncio.create_task(self._guarded(claimed, wanted), name=wanted.key)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, claimed: Claimed, wanted: HaltCommand | TopUp) -> None:
        try:
            await (self.carry(claimed, wanted) if isinstance(wanted, HaltCommand) else self.fill(claimed, wanted))
        except StoreError as error:
            # Its claim runs out, and it is claimed again.
            log.warning("what became of %s was not recorded: %s", wanted.key, error)

    async def carry(self, claimed: Claimed, command: HaltCommand) -> None:
        """The same, until it has ended."""
        outcome = await self._outcome(command)
        store, now = self._monitor.store, self._monitor.clock.now()
        if outcome.status == "done" and command.path != "gate":
            name = fact_id(
                "actuate", "halt_delivered", f"{command.agent_id}:{command.halt_id}:{command.path}:{command.attempt}"
            )
            await self._monitor.book(
                [
                    HaltDelivered(
                        fact_id=name,
                        agent_id=command.agent_id,
                        at=now,
                        seen_at=now,
                        source="actuate",
                        halt_id=command.halt_id,
                        path=command.path,
                    )
                ]
            )
        if outcome.status == "done":
            await self._monitor.in_store(lambda: store.finish(claimed.id, now=now))
            return
        log.warning("%s was not stopped by %s: %s, %s", command.agent_id, command.path, outcome.status, outcome.reason)
        again = outcome.status == "failed" and claimed.attempts < ATTEMPTS
        # What has an unknown end is not repeated: positions are asked for again by a new command, when a reading shows them.
        if outcome.status == "unknown" and command.path != "flatten":
            again = claimed.attempts < ATTEMPTS
        retry = now + 2.0**claimed.attempts if again else None
        error = f"{outcome.status}: {outcome.reason}"
        await self._monitor.in_store(lambda: store.fail(claimed.id, now=now, error=error, retry_at=retry))

    async def fill(self, claimed: Claimed, wanted: TopUp) -> None:
        """Claim the faucet once. It is asked again no sooner than the belt says so."""
        outcome = Outcome("refused", "nothing is configured for it")
        if self.faucet is not None:
            outcome = await self.faucet.claim(wanted)
        store, now = self._monitor.store, self._monitor.clock.now()
        if outcome.status == "done":
            await self._monitor.in_store(lambda: store.finish(claimed.id, now=now))
            return
        log.warning("the faucet did not pay %s: %s, %s", wanted.agent_id, outcome.status, outcome.reason)
        error = f"{outcome.status}: {outcome.reason}"
        await self._monitor.in_store(lambda: store.fail(claimed.id, now=now, error=error, retry_at=None))

    async def settle(self) -> None:
        """Wait until everything under way has ended."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Leave what is under way: its row is claimed again by the next process."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _outcome(self, command: HaltCommand) -> Outcome:
        agent = self._monitor.state.agents.get(command.agent_id)
        halt = None if agent is None else agent.control.halt
        if halt is None or halt.halt_id != command.halt_id:
            return (
                Outcome("done", "the halt is over")
                if command.path == "gate"
                else Outcome("refused", "the halt is over")
            )
        if command.path == "gate":
            return Outcome("done")  # its lease says so, and was pushed when the order was recorded
        actuator = self.actuators.get((command.agent_id, command.path))
        if actuator is None:
            return Outcome("refused", "nothing is configured for it")
        try:
            async with asyncio.timeout(WITHIN_S):
                return await actuator.act(command)
        except TimeoutError:
            return Outcome("unknown", f"it took longer than {WITHIN_S:g} s")
        except Exception as error:
            log.exception("stopping %s by %s failed in an unforeseen way", command.agent_id, command.path)
            return Outcome("failed", type(error).__name__)
