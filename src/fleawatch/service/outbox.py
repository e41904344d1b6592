"""Act on outputs: claim a few, hand them to the sinks, mark them done. A crash in between repeats, never loses.

An output is claimed for a while; if this process dies, its claim runs out and the next process takes it. Sinks
therefore see an output at least once, under one key. A sink may block (a pipe that nobody reads): it is called in a
thread of its own, so that it holds up nothing but itself.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import Final

from fleawatch.errors import StoreError
from fleawatch.flow.outputs import AnyOutput, HaltCommand, TopUp
from fleawatch.ports import Claimed, Sink
from fleawatch.service.actuation import Actuation
from fleawatch.service.monitor import Monitor

log = logging.getLogger("fleawatch.outbox")

BATCH: Final = 100
LEASE_S: Final = 60.0
ATTEMPTS: Final = 5
PAUSE_S: Final = 0.5
KINDS: Final = ("notice", "alertchange", "haltcommand", "topup")
"""What goes to the sinks, and to those who carry halts out. Deliveries have a courier of their own: a channel that hangs must not hold up the log."""
SINK_S: Final = 10.0
"""Real seconds that a sink may take for one output."""


class Outbox:
    """Carries outputs from the store to the sinks."""

    def __init__(self, monitor: Monitor, sinks: Sequence[Sink], actuation: Actuation | None = None) -> None:
        self._monitor = monitor
        self._actuation = actuation
        self._hands = [_Hand(sink) for sink in sinks]

    async def run(self) -> None:
        """Carry until cancelled."""
        while True:
            try:
                carried = await self.carry()
            except StoreError as error:
                log.warning("the outbox waits for the store: %s", error)
                carried = 0
            if not carried:
                await asyncio.sleep(PAUSE_S)

    async def carry(self) -> int:
        """Carry what is due once; how many outputs were claimed."""
        store, clock = self._monitor.store, self._monitor.clock
        claimed = await self._monitor.in_store(
            lambda: store.claim(now=clock.now(), limit=BATCH, lease_s=LEASE_S, kinds=KINDS)
        )
        for one in claimed:
            if self._actuation is not None and isinstance(one.output, (HaltCommand, TopUp)):
                self._actuation.begin(one, one.output)
            else:
                await self._act(one)
        return len(claimed)

    async def _act(self, claimed: Claimed) -> None:
        store, now = self._monitor.store, self._monitor.clock.now()
        try:
            for hand in self._hands:
                await hand.give(claimed.output)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, the output must not be lost
            retry = now + 2.0**claimed.attempts if claimed.attempts < ATTEMPTS else None
            log.warning("output %s was not accepted: %s", claimed.output.key, error)
            text = f"{type(error).__name__}: {error}"
            await self._monitor.in_store(lambda: store.fail(claimed.id, now=now, error=text, retry_at=retry))
            return
        await self._monitor.in_store(lambda: store.finish(claimed.id, now=now))


class _Hand:
    """Gives outputs to one sink, one at a time, each in a daemon thread: one that never returns keeps no process alive."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._busy = threading.Event()

    async def give(self, output: AnyOutput) -> None:
        """Wait until the sink accepted the output.

        Raises:
            TimeoutError: it takes too long, or is still busy with one before.
        """
        if self._busy.is_set():
            raise TimeoutError(f"{type(self._sink).__name__} is still busy with an output before")
        self._busy.set()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def tell(error: BaseException | None) -> None:
            if not done.done():
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

        def emit() -> None:
            error: BaseException | None = None
            try:
                self._sink.emit(output)
            except Exception as raised:  # noqa: BLE001 - it is raised again where it is awaited
                error = raised
            self._busy.clear()
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, error)

        threading.Thread(target=emit, name="fleawatch-sink", daemon=True).start()
        try:
            # Not wait_for(): on Python 3.11 it swallows a cancellation that comes with the answer, and the loop never ends.
            async with asyncio.timeout(SINK_S):
                await done
        except TimeoutError:
            if not self._busy.is_set():
                raise
            raise TimeoutError(f"{type(self._sink).__name__} took longer than {SINK_S:g} s") from None
