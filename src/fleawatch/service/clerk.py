"""Books facts that come one by one from many agents at once in few commits, in the order in which they came."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from fleawatch.errors import StoreError
from fleawatch.events import Event
from fleawatch.service.monitor import Monitor

log = logging.getLogger("fleawatch.clerk")


PAGE: Final = 2_000
"""Facts of one commit, about: nobody waits for the commit of what came long after."""
FULL: Final = 150_000
"""Facts that wait at most before reporters are asked to come again."""


class Clerk:
    """Takes facts and books what has gathered while the last commit was under way."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._pages: deque[_Page] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether so much waits that reporters had better keep theirs for a while."""
        return sum(len(page.facts) for page in self._pages) >= FULL

    def take(self, facts: Sequence[Event], *, checked: bool = False) -> asyncio.Future[None]:
        """Book these with the next commit; the future is done when that is through, and never fails.

        `checked`: they were decoded, which checks every number; what was built in this process is checked here.
        """
        if not self._pages or len(self._pages[-1].facts) >= PAGE:
            self._pages.append(_Page([], asyncio.get_running_loop().create_future()))
        page = self._pages[-1]
        page.facts.extend(facts if checked else self._monitor.sound(facts))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="clerk")
        return page.told

    async def book(self, facts: Sequence[Event], *, checked: bool = False) -> None:
        """Book these and wait for it; `checked` as for `take`."""
        if facts:
            await asyncio.shield(self.take(facts, checked=checked))

    async def close(self) -> None:
        """Wait until everything taken is booked, or given up because the service ends."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._pages:
            page = self._pages.popleft()
            try:
                await self._monitor.book(page.facts, checked=True)
            except StoreError as error:
                log.warning("%d facts were not booked: %s", len(page.facts), error)
            except Exception:
                log.exception("%d facts were not booked", len(page.facts))
            finally:
                if not page.told.done():
                    page.told.set_result(None)


class _Page(NamedTuple):
    """Facts that are booked together, and whom to tell."""

    facts: list[Event]
    told: asyncio.Future[None]
