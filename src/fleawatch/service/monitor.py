"""The shell around the belt: it books facts, commits them with what follows, and keeps the state.

One task at a time advances the state; a batch is deduplicated against the store, folded, and committed in one
transaction. When the store cannot commit, the batch waits and is tried again: nothing is booked behind it, nothing is
lost, and readiness says why. What is folded and not recorded may close a gate, and opens none. The store is used from one
thread of its own, so that no disk holds up the page.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec

from fleawatch.clock import Clock
from fleawatch.errors import BadEvent, StoreError
from fleawatch.events import AMENDABLE, Amended, AnyEvent, Event, Resumed, Tick, check, differences, fact_id, merge
from fleawatch.events.amend import AGENT
from fleawatch.flow.outputs import Conclusion, Output
from fleawatch.flow.policy import Policy
from fleawatch.flow.rules import RulesInForce
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import AgentState, FleetState, empty_fleet
from fleawatch.flow.step import step
from fleawatch.ports import Snapshot, Store

log = logging.getLogger("fleawatch.monitor")

RETRY_FIRST_S: Final = 0.5
RETRY_MOST_S: Final = 30.0
REPLAY_PAGE: Final = 2_000

T = TypeVar("T")


class Monitor:
    """Owns the state of the fleet and the store it is kept in.

    Attributes:
        state: everything known; changed only inside `book`.
        store_error: why the store cannot commit now, empty while it can.
        failing_since: since when, by the clock; None while it can.
        seq: number of the last recorded fact.
        listeners: told of every batch right after it was committed, with its outputs; they must not block.
        impatient: told of a batch, the same way, when its commit fails for the first time.
    """

    def __init__(self, open_store: Callable[[], Store], clock: Clock) -> None:
        self._open_store = open_store
        self._store: Store | None = None
        self.clock = clock
        self._rules = RulesInForce()
        self.state: FleetState = empty_fleet()
        self.store_error = ""
        self.failing_since: float | None = None
        self.seq = 0
        self.listeners: list[Callable[[Sequence[Event], Sequence[Output]], None]] = []
        self.impatient: list[Callable[[Sequence[Event], Sequence[Output]], None]] = []
        self._unrecorded: Sequence[Event] = ()
        self._booking = asyncio.Lock()
        self._ending = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._ahead = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fleawatch-store")

    @property
    def policy(self) -> Policy:
        """The rules that the fleet is judged by now."""
        return self._rules.policy(self.state)

    @property
    def store(self) -> Store:
        """The open store; for use inside `in_store` only.

        Raises:
            RuntimeError: before `recover`.
        """
        if self._store is None:
            raise RuntimeError("the store was not open; call recover() first")
        return self._store

    @property
    def refused(self) -> int:
        """Facts refused at the door since the start."""
        return sum(self.state.refused.values())

    async def recover(self) -> int:
        """Open the store and come back to the state of its last fact; how many facts were folded after the snapshot.

        Raises:
            StoreError: the snapshot is of another release's shape, or the store cannot be read.
        """
        self._store = await self.in_store(self._open_store)
        snapshot = await self.in_store(self.store.snapshot)
        if snapshot is not None:
            try:
                self.state = thaw(snapshot.bodies)
            except ValueError as error:
                raise StoreError(
                    f"{error}. Remedy: start the release that wrote it, or move the state directory away."
                ) from None
            self.seq = snapshot.seq
        replayed = 0
        while page := await self.in_store(lambda: self.store.facts(after=self.seq, limit=REPLAY_PAGE)):
            for number, event in page:
                self.state, _ = step(self.state, event, self.policy)
                self.seq = number
            replayed += len(page)
        return replayed

    @property
    def recording(self) -> bool:
        """Whether what is booked is recorded: not before `recover`, not once the service has ended with a store that failed."""
        return self._store is not None and not self._ahead

    def known(self, agent_id: str) -> AgentState | None:
        """What is known about an agent; for sources, which read on from there."""
        return self.state.agents.get(agent_id)

    def resumes_unrecorded(self, agent_id: str) -> bool:
        """Whether a resume of the agent, or of everybody, is folded and not recorded yet: it must not be acted on."""
        return any(isinstance(event, Resumed) and event.agent_id in ("", agent_id) for event in self._unrecorded)

    async def book(self, events: Iterable[Event], *, checked: bool = False) -> None:
        """Record and fold new facts, in order, together with what follows from them.

        A bad fact is refused and logged, the others go on. A repeated one is merged or left out. Returns when the batch
        is committed; while the store cannot commit, it waits. `checked`: that each is sound was seen where it came in.
        """
        sound = list(events) if checked else self.sound(events)
        if sound:
            await self._whole(self._book(sound))

    def sound(self, events: Iterable[Event]) -> list[Event]:
        """Those of the facts that may be booked; the others are counted and logged."""
        return [event for event in events if self._sound(event)]

    async def _book(self, events: Sequence[Event]) -> None:
        async with self._booking:
            if self._store is None or self._ahead:
                return  # closed meanwhile: the next start reads it again
            new, repeated = await self._retried(lambda: self._news(events))
            self.state.repeated += repeated
            if not new:
                return
            facts, outputs = await self._followed(new)

            def late() -> None:
                for told in self.impatient:
                    told(facts, outputs)

            self.seq = await self._retried(lambda: self.store.commit(facts, outputs), late)
            self._ahead, self._unrecorded = False, ()
            for told in self.listeners:
                told(facts, outputs)

    async def _followed(self, events: Sequence[Event]) -> tuple[list[Event], list[Output]]:
        """Fold new facts: these with what the belt concluded from each behind it, and what is to be done.

        A conclusion that is on record is left out: a commit takes new facts only, and must not fail for ever on one.
        """
        facts: list[Event] = []
        outputs: list[Output] = []
        concluded: list[str] = []
        self._unrecorded = events
        for event in events:
            self.state, followed = step(self.state, event, self.policy)
            facts.append(event)
            for output in followed:
                if isinstance(output, Conclusion):
                    facts.append(output.fact)
                    concluded.append(output.fact.fact_id)
                else:
                    outputs.append(output)
        self._ahead = True
        if concluded:
            recorded = await self._retried(lambda: self.store.known(concluded))
            facts = list({fact.fact_id: fact for fact in facts if fact.fact_id not in recorded}.values())
        return facts, outputs

    async def tick(self) -> None:
        """Let time enter the belt."""
        now = self.clock.now()
        await self.book(
            [Tick(fact_id=fact_id("monitor", "tick", f"{now:.3f}"), agent_id="", at=now, seen_at=now, source="monitor")]
        )

    async def save(self, *, keep_every_s: float | None = None) -> None:
        """Write a snapshot of the state as of the last commit.

        With `keep_every_s` it is also kept as a state with which a replay can begin, when the last such is that old.
        """
        await self._whole(self._save(keep_every_s))

    async def _save(self, keep_every_s: float | None) -> None:
        async with self._booking:
            if self._store is None or self._ahead:
                return
            keep_at = None if keep_every_s is None else await self._due(keep_every_s)
            snapshot = Snapshot(self.seq, freeze(self.state))
            await self._retried(lambda: self.store.save(snapshot, keep_at=keep_at))

    async def _due(self, every_s: float) -> float | None:
        """Now, when no snapshot was kept for so long (or the last one is of a time to come); else None."""
        kept, now = await self._retried(self.store.kept), self.clock.now()
        return None if kept and 0 <= now - kept[-1].at < every_s else now

    def give_up_waiting(self) -> None:
        """From now on a store that fails is not waited for: the service is ending."""
        self._ending.set()

    async def _whole(self, work: Coroutine[Any, Any, None]) -> None:
        """Do work that must not be cut in two: whoever waits may be cancelled, the work goes on to its end."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._over)
        await asyncio.shield(task)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.warning("work in the store was given up: %s", task.exception())

    async def in_store(self, work: Callable[[], T]) -> T:
        """Run `work` in the thread that owns the store."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Finish what is under way, close the store and its thread. May be called twice."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        async with self._booking:
            store, self._store = self._store, None
            if store is not None:
                await self.in_store(store.close)
        self._thread.shutdown(wait=True)

    def _sound(self, event: Event) -> bool:
        problems = check(event)
        if not problems:
            return True
        reason = "newer_version" if any(problem.where == "v" for problem in problems) else "bad_number"
        self.state.refused[reason] = self.state.refused.get(reason, 0) + 1
        log.warning("%s", BadEvent(f"fact {event.fact_id} was refused", problems))
        return False

    def _news(self, events: Sequence[Event]) -> tuple[list[Event], int]:
        """What of a batch is not recorded yet, and how many facts were: known ones go on only where they add something."""
        repeated = 0
        unique: dict[str, Event] = {}
        for event in events:
            if event.fact_id in unique:
                repeated += 1
            else:
                unique[event.fact_id] = event
        booked = self.store.known(unique)
        new: list[Event] = []
        second: list[Event] = []
        for identity, event in unique.items():
            before = booked.get(identity)
            if before is None:
                new.append(event)
                continue
            repeated += 1
            further = self._further(before, event)
            if further is not None:
                new.append(further)
                second.append(further)
        recorded = self.store.known([event.fact_id for event in second]) if second else {}
        return [event for event in new if event.fact_id not in recorded], repeated

    def _further(self, before: AnyEvent, event: Event) -> Event | None:
        """What there is to book of a fact whose id is recorded; None when it says nothing new.

        Nobody takes a fact away from another: what an agent told under the id of somebody else's escrow or trade does not
        stand for the platform's word on that.
        """
        if before.source == AGENT != event.source and before.agent_id != event.agent_id:
            return msgspec.structs.replace(event, fact_id=f"{event.fact_id}:{event.agent_id}")
        return self._amended(before, event)

    def _amended(self, before: AnyEvent, event: Event) -> Amended | None:
        """What a second report of a fact makes of it; None when it says nothing new.

        Its id names what is new. A property is learned once, and a report that differs is told of once, so that no two
        amendments have one id.
        """
        if not isinstance(before, AMENDABLE) or type(before) is not type(event):
            return None
        after = merge(before, event)
        told = event if event.source == AGENT != before.source and event.agent_id == before.agent_id else None
        if told is not None and not differences(told, before):
            told = None
        if after is before and told is None:
            return None
        news = [name for name in after.__struct_fields__ if getattr(after, name) != getattr(before, name)]
        new = "told" if told is not None else "" if after.source != before.source else "+".join(news)
        return Amended(
            fact_id=f"amended:{event.source}:{event.fact_id}{new and ':'}{new}",
            agent_id=event.agent_id,
            at=event.at,
            seen_at=self.clock.now(),
            source=event.source,
            before=before,
            after=after,
            told=told,
        )

    async def _retried(self, work: Callable[[], T], late: Callable[[], None] | None = None) -> T:
        """Do something in the store until it works; readiness tells why it does not, and `late` is called the first time."""
        delay = RETRY_FIRST_S
        while True:
            try:
                result = await self.in_store(work)
            except StoreError as error:
                if str(error) != self.store_error:
                    log.error("the store cannot be used, trying again: %s", error)  # noqa: TRY400 - the message is the whole story
                self.store_error = str(error)
                if self.failing_since is None:
                    self.failing_since = self.clock.now()
                if self._ending.is_set():
                    raise
                if late is not None:
                    late()
                    late = None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._ending.wait()
                delay = min(delay * 2, RETRY_MOST_S)
                continue
            self.store_error = ""
            self.failing_since = None
            return result
