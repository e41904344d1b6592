"""Carry deliveries from the store to the channels, and book how every attempt ended.

Each channel has a loop of its own, so that one which is slow or hangs holds up no other, and no sink. On a channel
several groups are carried at once, those of one group in order: the store gives out a delivery only when no older one
of its group is open. A failure that may pass is tried again after a while chosen at random (full jitter) or as long as
the channel asks; any other, and the last one, makes a dead letter, which stays in the store. Each attempt ends as a
fact `Delivered`, from which the metric and the alert about failing channels follow.

A crash between sending and booking sends once more, with the same key. After the booking it does not: the fact tells.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from fleawatch.errors import DeliveryError, StoreError
from fleawatch.events import Delivered
from fleawatch.flow.outputs import Delivery
from fleawatch.ports import Claimed, Notifier, Receipt
from fleawatch.service.monitor import Monitor

log = logging.getLogger("fleawatch.courier")

AT_ONCE: Final = 8
"""Deliveries under way on one channel."""
LEASE_S: Final = 120.0
"""Real seconds that a delivery belongs to the attempt that claimed it."""
SEND_S: Final = 60.0
"""Real seconds after which an attempt is over whatever the channel says; channels have shorter deadlines themselves."""
PAUSE_S: Final = 0.5
STRAYS_EVERY_S: Final = 5.0
CLOSE_S: Final = 10.0
"""Real seconds that attempts under way get to end when the service stops."""
LONGEST_REASON: Final = 64
LONGEST_RECEIPT: Final = 200
NO_SUCH_CHANNEL: Final = "no_such_channel"

Status = Literal["ok", "retry", "failed"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a delivery is tried.

    Attributes:
        retries: tries after the first.
        give_up_after_s: no further try begins later than this after the delivery was ordered, or the service started.
        first_s, most_s: the wait before the n-th retry is a random part of `first_s * 2**(n - 1)`, at most `most_s`.
    """

    retries: int = 3
    give_up_after_s: float = 900.0
    first_s: float = 2.0
    most_s: float = 60.0

    def wait(self, error: DeliveryError, attempts: int, jitter: float) -> float | None:
        """Seconds until the next try after so many; None when there is none.

        Args:
            error: how the last one failed.
            attempts: tries so far, the failed one included.
            jitter: 0 to 1, at random.
        """
        if error.retry_after is None or attempts > self.retries:
            return None
        return max(error.retry_after, jitter * min(self.most_s, self.first_s * 2.0 ** (attempts - 1)))


class Courier:
    """Carries deliveries.

    Args:
        monitor: whose store holds them, and where the facts go.
        channels: by the names that deliveries carry; closed with the courier.
        patience: how often a delivery is tried.
        jitter: a number from 0 to 1 at random.
    """

    def __init__(
        self,
        monitor: Monitor,
        channels: Mapping[str, Notifier],
        patience: Patience | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._monitor = monitor
        self._channels = dict(channels)
        self._patience = patience or Patience()
        self._jitter = jitter
        self._begun_at = monitor.clock.now()
        self._paused_until: dict[str, float] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Carry until cancelled."""
        async with asyncio.TaskGroup() as loops:
            for name in self._channels:
                loops.create_task(self._serve(name), name=f"courier-{name}")
            loops.create_task(self._look_for_strays(), name="courier-strays")

    async def close(self) -> None:
        """Let attempts under way end, for a while, then close the channels."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=CLOSE_S)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for notifier in self._channels.values():
            await notifier.close()

    async def carry(self, channel: str) -> int:
        """Carry what is due on a channel once; how many deliveries were claimed."""
        store, now = self._monitor.store, self._monitor.clock.now()
        if now < self._paused_until.get(channel, now):
            return 0
        lease = self._clock_s(LEASE_S)
        claimed = await self._monitor.in_store(
            lambda: store.claim(now=now, limit=AT_ONCE, lease_s=lease, kinds=("delivery",), channel=channel)
        )
        if claimed:
            await asyncio.shield(asyncio.gather(*(self._begin(self._deliver(one)) for one in claimed)))
        return len(claimed)

    async def bury_strays(self) -> int:
        """Deliveries on channels that are not configured die at once, visibly; how many."""
        store, now = self._monitor.store, self._monitor.clock.now()
        names = await self._monitor.in_store(store.channels)
        lease, buried = self._clock_s(LEASE_S), 0
        for name in sorted(set(names) - set(self._channels)):
            claim = partial(store.claim, now=now, limit=AT_ONCE, lease_s=lease, channel=name)
            claimed = await self._monitor.in_store(claim)
            for one in claimed:
                error = DeliveryError(NO_SUCH_CHANNEL, "is not configured", retry_after=None)
                await self._failed(one, error)
            buried += len(claimed)
        return buried

    async def _serve(self, channel: str) -> None:
        while True:
            if not await self._tried(self.carry(channel)):
                await asyncio.sleep(PAUSE_S)

    async def _look_for_strays(self) -> None:
        while True:
            if not await self._tried(self.bury_strays()):
                await asyncio.sleep(STRAYS_EVERY_S)

    async def _tried(self, work: Coroutine[None, None, int]) -> int:
        try:
            return await work
        except StoreError as error:
            log.warning("deliveries wait for the store: %s", error)
            return 0

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Work that goes on when its loop is cancelled: an attempt is not torn from between sending and booking."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _deliver(self, claimed: Claimed) -> None:
        """One attempt, from the claim to its fact."""
        delivery = _delivery(claimed)
        if claimed.attempts > 1 and await self._was_accepted(claimed):
            await self._finish(claimed)
            return
        try:
            receipt = await self._sent(delivery)
        except DeliveryError as error:
            await self._failed(claimed, error)
            return
        await self._book(claimed, "ok", receipt.status_code, receipt.id, "")
        await self._finish(claimed)

    async def _sent(self, delivery: Delivery) -> Receipt:
        """Send; whatever goes wrong is a `DeliveryError`."""
        try:
            async with asyncio.timeout(SEND_S):
                return await self._channels[delivery.channel].send(delivery)
        except DeliveryError:
            raise
        except TimeoutError:
            reason, what = "timeout", f"took longer than {SEND_S:g} s"
        except Exception as error:  # noqa: BLE001 - a channel's mistake must not end the loop; its text may hold a secret
            reason, what = "internal_error", f"failed ({type(error).__name__})"
        raise DeliveryError(reason, what, retry_after=0.0)

    async def _failed(self, claimed: Claimed, error: DeliveryError) -> None:
        delivery, store, now = _delivery(claimed), self._monitor.store, self._monitor.clock.now()
        retry_at = self._retry_at(delivery, error, claimed.attempts, now)
        status: Status = "failed" if retry_at is None else "retry"
        log.warning(
            "channel %s %s: %s of %s, attempt %d, %s", delivery.channel, error, delivery.kind, delivery.key,
            claimed.attempts, "given up" if retry_at is None else "tried again",
        )  # fmt: skip
        await self._book(claimed, status, error.status_code, "", error.reason)
        told = f"{error.reason}: {error}"
        await self._monitor.in_store(lambda: store.fail(claimed.id, now=now, error=told, retry_at=retry_at))

    def _retry_at(self, delivery: Delivery, error: DeliveryError, attempts: int, now: float) -> float | None:
        """When it is tried again; None when it is not. A channel that asks for time gets it from all its deliveries."""
        wait = self._patience.wait(error, attempts, self._jitter())
        if error.reason == "rate_limited" and error.retry_after:
            until = now + self._clock_s(error.retry_after)
            self._paused_until[delivery.channel] = max(self._paused_until.get(delivery.channel, until), until)
        if wait is None:
            return None
        retry_at = now + self._clock_s(wait)
        last = max(delivery.at, self._begun_at) + self._clock_s(self._patience.give_up_after_s)
        return retry_at if retry_at <= last else None

    async def _was_accepted(self, claimed: Claimed) -> bool:
        """Whether an attempt before was accepted and only its end was not written: it is not sent again."""
        store, key = self._monitor.store, claimed.output.key
        before = [_fact_id(key, attempt) for attempt in range(1, claimed.attempts)]
        known = await self._monitor.in_store(lambda: store.known(before))
        return any(isinstance(fact, Delivered) and fact.status == "ok" for fact in known.values())

    async def _finish(self, claimed: Claimed) -> None:
        store, now = self._monitor.store, self._monitor.clock.now()
        await self._monitor.in_store(lambda: store.finish(claimed.id, now=now))

    async def _book(self, claimed: Claimed, status: Status, code: int | None, receipt: str, reason: str) -> None:
        delivery, now = _delivery(claimed), self._monitor.clock.now()
        fact = Delivered(
            fact_id=_fact_id(delivery.key, claimed.attempts),
            agent_id=delivery.agent_id,
            at=now,
            seen_at=now,
            source="monitor",
            delivery_id=delivery.key,
            channel=delivery.channel,
            status=status,
            status_code=code,
            receipt=receipt[:LONGEST_RECEIPT],
            reason=reason[:LONGEST_REASON],
        )
        await self._monitor.book([fact])

    def _clock_s(self, real_s: float) -> float:
        """Seconds of the service's clock that pass in so many real ones."""
        return real_s / self._monitor.clock.wall(1.0)


def _delivery(claimed: Claimed) -> Delivery:
    if not isinstance(claimed.output, Delivery):
        raise TypeError(f"output {claimed.id} was no delivery; the store gave out another kind than was asked for")
    return claimed.output


def _fact_id(key: str, attempt: int) -> str:
    return f"monitor:delivered:{key}:{attempt}"
