"""Books facts that come one by one from many agents at once in few commits, in the order in which they came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from fleawatch.errors import StoreError
from fleawatch.events import Event
from fleawatch.service.monitor import Monitor

log = logging.getLogger("fleawatch.clerk")


class Clerk:
    """Takes facts and books what has gathered while the last commit was under way."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._waiting: list[Event] = []
        self._told: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def take(self, facts: Sequence[Event]) -> asyncio.Future[None]:
        """Book these with the next commit; the future is done when that is through, and never fails."""
        self._waiting += facts
        if self._told is None:
            self._told = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="clerk")
        return self._told

    async def book(self, facts: Sequence[Event]) -> None:
        """Book these and wait for it."""
        if facts:
            await asyncio.shield(self.take(facts))

    async def close(self) -> None:
        """Wait until everything taken is booked, or given up because the service ends."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._waiting:
            batch, told = self._waiting, self._told
            self._waiting, self._told = [], None
            try:
                await self._monitor.book(batch)
            except StoreError as error:
                log.warning("%d facts were not booked: %s", len(batch), error)
            except Exception:
                log.exception("%d facts were not booked", len(batch))
            finally:
                if told is not None and not told.done():
                    told.set_result(None)
