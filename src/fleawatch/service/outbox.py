"""Act on outputs: claim a few, hand them to the sinks, mark them done. A crash in between repeats, never loses.

An output is claimed for a while; if this process dies, its claim runs out and the next process takes it. Sinks
therefore see an output at least once, under one key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from fleawatch.errors import StoreError
from fleawatch.ports import Claimed, Sink
from fleawatch.service.monitor import Monitor

log = logging.getLogger("fleawatch.outbox")

BATCH: Final = 100
LEASE_S: Final = 60.0
ATTEMPTS: Final = 5
PAUSE_S: Final = 0.5


class Outbox:
    """Carries outputs from the store to the sinks."""

    def __init__(self, monitor: Monitor, sinks: Sequence[Sink]) -> None:
        self._monitor = monitor
        self._sinks = tuple(sinks)

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
        claimed = await self._monitor.in_store(lambda: store.claim(now=clock.now(), limit=BATCH, lease_s=LEASE_S))
        for one in claimed:
            await self._act(one)
        return len(claimed)

    async def _act(self, claimed: Claimed) -> None:
        store, now = self._monitor.store, self._monitor.clock.now()
        try:
            for sink in self._sinks:
                sink.emit(claimed.output)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, the output must not be lost
            retry = now + 2.0**claimed.attempts if claimed.attempts < ATTEMPTS else None
            log.warning("output %s was not accepted: %s", claimed.output.key, error)
            text = f"{type(error).__name__}: {error}"
            await self._monitor.in_store(lambda: store.fail(claimed.id, now=now, error=text, retry_at=retry))
            return
        await self._monitor.in_store(lambda: store.finish(claimed.id, now=now))
