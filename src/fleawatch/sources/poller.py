"""Keep every source read: on time, within bounds, and without one failing service delaying another.

Each source has a task of its own with a place in the interval that follows from its name, so that a thousand of them
do not call at once. Sources of one collector share a bounded number of calls under way, a bulkhead for each: when a
service hangs, only its own readers wait. What a reading brings is booked in one call together with `SourceRead`, or
with nothing but `SourceUnavailable` when it failed; a reading that is cut short books nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from fleawatch.clock import Clock
from fleawatch.errors import SourceError
from fleawatch.events import Event, SourceRead, SourceUnavailable, reading_id
from fleawatch.flow.state import AgentState
from fleawatch.ports import Source
from fleawatch.sources.decode import word
from fleawatch.sources.pace import Pace
from fleawatch.sources.waiting import LedgerUnreadError

Book = Callable[[Sequence[Event]], Awaitable[None]]
Known = Callable[[str], AgentState | None]

log: Final = logging.getLogger(__name__)

INTERVAL_S: Final = 15.0
DEADLINE_S: Final = 30.0
VALID_S: Final = 60.0
GRACE_S: Final = 5.0
SHORTEST_INTERVAL_REAL_S: Final = 0.25
SLOWEST_ROUND_INTERVALS: Final = 4.0
"""Numbers stay fresh for at least so many intervals: a reading may be late once without becoming Unknown."""
FOLLOWERS: Final = frozenset({"bets", "escrow"})
"""Collectors that read what the ledger has named: a sweep takes them after the others."""


@runtime_checkable
class Hurried(Protocol):
    """A source that reads some things rarely and can be asked to leave none of them out once."""

    def hurry(self) -> None: ...


class _Seat:
    """One source with its pace; `busy` keeps it single-flight."""

    __slots__ = ("busy", "pace", "source", "task")

    def __init__(self, source: Source, pace: Pace) -> None:
        self.source = source
        self.pace = pace
        self.busy = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None


class Poller:
    """Reads sources for as long as it runs.

    Args:
        sources: what to read; more can be added while it runs.
        clock: tells the time of readings and how fast it passes.
        book: commits facts; what one reading brought arrives in one call.
        known: the state of an agent as of now, or None.
        interval_s: seconds of the clock between two readings of a source, at least a quarter of a real second.
        deadline_s: real seconds until a reading counts as timed out.
        valid_s: seconds of the clock for which numbers count as fresh, at least four intervals.
        concurrency: readings of one collector under way at a time.
        grace_s: real seconds that `stop` waits for readings under way.
    """

    def __init__(  # noqa: PLR0913 - two collaborators, two callbacks, and times that are all set by name
        self,
        sources: Iterable[Source],
        clock: Clock,
        book: Book,
        known: Known,
        *,
        interval_s: float = INTERVAL_S,
        deadline_s: float = DEADLINE_S,
        valid_s: float = VALID_S,
        concurrency: int = 64,
        grace_s: float = GRACE_S,
    ) -> None:
        self._clock = clock
        self._book = book
        self._known = known
        self._interval_s = interval_s
        self._deadline_s = deadline_s
        self._valid_s = valid_s
        self._concurrency = concurrency
        self._grace_s = grace_s
        self._bulkheads: dict[str, asyncio.Semaphore] = {}
        self._seats: dict[tuple[str, str], _Seat] = {}
        self._stopping = asyncio.Event()
        self._running = False
        for source in sources:
            self.add(source)

    def __len__(self) -> int:
        return len(self._seats)

    def add(self, source: Source) -> None:
        """Read this source too, from now on.

        Raises:
            ValueError: its agent has a source of that collector already.
        """
        key = source.agent_id, source.collector
        if key in self._seats:
            raise ValueError(f"{source.agent_id} was already read by {source.collector}; remove that source first")
        seat = self._seats[key] = _Seat(source, Pace(f"{source.agent_id}/{source.collector}"))
        if self._running and not self._stopping.is_set():
            seat.task = asyncio.create_task(self._attend(seat), name=f"read {source.collector} of {source.agent_id}")

    async def remove(self, agent_id: str, collector: str | None = None) -> None:
        """Stop reading an agent, or one of its collectors, and close what read it."""
        gone = [key for key in self._seats if key[0] == agent_id and collector in (None, key[1])]
        seats = [self._seats.pop(key) for key in gone]
        await _cancelled([seat.task for seat in seats if seat.task is not None])
        for seat in seats:
            async with seat.busy:
                await seat.source.close()

    async def run(self) -> None:
        """Read until `stop`. Sources are closed before it returns."""
        self._running = True
        for seat in self._seats.values():
            if seat.task is None:
                name = f"read {seat.source.collector} of {seat.source.agent_id}"
                seat.task = asyncio.create_task(self._attend(seat), name=name)
        try:
            await self._stopping.wait()
        finally:
            await self._wind_down()

    async def stop(self) -> None:
        """Begin no new reading; let those under way finish within the grace period, then cut them short."""
        self._stopping.set()
        if not self._running:
            await self._wind_down()

    async def sweep(self, *, thorough: bool = True) -> tuple[SourceUnavailable, ...]:
        """Read every source once, now; the failures. Readings under way are finished first.

        Args:
            thorough: also what is otherwise read rarely or only after a change.
        """
        failures: list[SourceUnavailable] = []
        for followers in (False, True):
            seats = [seat for seat in self._seats.values() if (seat.source.collector in FOLLOWERS) == followers]
            outcomes = await asyncio.gather(*(self._sweep_one(seat, thorough=thorough) for seat in seats))
            failures += [outcome for outcome in outcomes if outcome is not None]
        return tuple(failures)

    async def _sweep_one(self, seat: _Seat, *, thorough: bool) -> SourceUnavailable | None:
        if thorough and isinstance(seat.source, Hurried):
            seat.source.hurry()
        return await self._read(seat)

    async def _attend(self, seat: _Seat) -> None:
        """One source's life: wait for its turn, read, and again."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._clock.wall(seat.pace.first(self._interval()))
        while not await self._stopped_within(due - loop.time()):
            await self._read(seat, scheduled=True)
            interval = self._interval()
            if seat.pace.failures:
                due = loop.time() + self._clock.wall(seat.pace.after_failure(interval))
            else:
                due = max(due + self._clock.wall(seat.pace.next(interval)), loop.time())

    async def _stopped_within(self, seconds: float) -> bool:
        """Wait, but not for longer than until `stop`; whether it was called."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._stopping.wait()
        except TimeoutError:
            return self._stopping.is_set()
        return True

    def _interval(self) -> float:
        """Seconds of the clock between two readings of a source."""
        return max(self._interval_s, SHORTEST_INTERVAL_REAL_S / self._clock.wall(1.0))

    async def _read(self, seat: _Seat, *, scheduled: bool = False) -> SourceUnavailable | None:
        """Read once and book what came of it; the failure, if it was one."""
        source = seat.source
        bulkhead = self._bulkheads.get(source.collector)
        if bulkhead is None:
            bulkhead = self._bulkheads[source.collector] = asyncio.Semaphore(self._concurrency)
        async with seat.busy, bulkhead:
            if scheduled and self._stopping.is_set():
                return None
            begun, begun_at = time.perf_counter(), self._clock.now()
            try:
                facts = await self._facts(source)
            except SourceError as error:
                failure = self._failure(source, error, time.perf_counter() - begun)
                if isinstance(error, LedgerUnreadError):
                    seat.pace.worked()  # nobody was called, so there is nobody to spare: it comes again in its turn
                    if not self._ledger_tried(source.agent_id):
                        return None  # the ledger's own first reading is still to come: nothing has failed
                else:
                    seat.pace.failed(error.reason, error.retry_after)
                await self._commit(seat, (failure,))
                return failure
            end = self._end(source, len(facts), begun_at, time.perf_counter() - begun)
            if await self._commit(seat, (*facts, end)):
                seat.pace.worked()
            return None

    def _ledger_tried(self, agent_id: str) -> bool:
        known = self._known(agent_id)
        return known is not None and "casino" in known.sources

    async def _facts(self, source: Source) -> Sequence[Event]:
        """One reading within its deadline. A mistake in an adapter is a failed reading, not the end of all reading."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await source.read(self._known(source.agent_id), self._clock.now())
        except SourceError:
            raise
        except TimeoutError:
            raise SourceError("timeout", f"the reading took longer than {self._deadline_s:g} s") from None
        except Exception as error:
            log.exception("the %s source of %s failed in an unforeseen way", source.collector, source.agent_id)
            raise SourceError("schema", f"the answer could not be understood: {type(error).__name__}") from error

    async def _commit(self, seat: _Seat, facts: Sequence[Event]) -> bool:
        """Book facts together. Once begun it is finished, whoever is cancelled meanwhile. Whether it worked."""
        booking = asyncio.ensure_future(self._book(facts))
        try:
            await asyncio.shield(booking)
        except asyncio.CancelledError:
            await asyncio.wait((booking,))
            if not booking.cancelled() and booking.exception() is not None:
                log.exception("what was read could not be booked", exc_info=booking.exception())
            raise
        except Exception:
            log.exception("what %s read of %s could not be booked", seat.source.collector, seat.source.agent_id)
            seat.pace.failed("network", None)
            return False
        return True

    async def _wind_down(self) -> None:
        """Let readings under way finish within the grace period, cut the others short, and close every source."""
        self._stopping.set()
        tasks = [seat.task for seat in self._seats.values() if seat.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=self._grace_s)
        await _cancelled(tasks)
        for seat in self._seats.values():
            seat.task = None
            await seat.source.close()
        self._running = False

    def _end(self, source: Source, facts: int, begun_at: float, duration_s: float) -> SourceRead:
        at = self._clock.now()
        return SourceRead(
            fact_id=reading_id(source.collector, "source_read", source.agent_id, at),
            agent_id=source.agent_id,
            at=at,
            seen_at=at,
            source="monitor",
            collector=source.collector,
            duration_s=duration_s,
            valid_s=max(self._valid_s, SLOWEST_ROUND_INTERVALS * self._interval()),
            facts=facts,
            begun_at=begun_at,
        )

    def _failure(self, source: Source, error: SourceError, duration_s: float) -> SourceUnavailable:
        at = self._clock.now()
        return SourceUnavailable(
            fact_id=reading_id(source.collector, "source_unavailable", source.agent_id, at),
            agent_id=source.agent_id,
            at=at,
            seen_at=at,
            source="monitor",
            collector=source.collector,
            reason=error.reason,
            duration_s=duration_s,
            status_code=error.status_code,
            detail=word(error, 300),
        )


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until each has ended; an error of one is its own and was logged where it happened."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
