"""The way from the caller's thread to the backends: a bounded queue, and one daemon thread that empties it.

Handing in costs the caller an append. When the queue is full, or the thread is gone, what is handed in is dropped and
counted: an agent never waits for its telemetry. The thread looks every few milliseconds while there is work and rarely
when there is none; nobody wakes it, because a wake-up costs the caller more than the append.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeVar

from fleawatch.ending import at_end, not_at_end
from fleawatch.sdk.shield import Shield

_Answer = TypeVar("_Answer")

QUEUE: Final = 20_000
"""Operations that wait at most: a hundred seconds at two hundred a second."""
BATCH: Final = 64
"""Taken at once, so that the interpreter is given back to the caller in between."""
_BUSY_S: Final = 0.005
_IDLE_S: Final = 0.05
_BEAT_S: Final = 1.0


class Pipeline:
    """Carries what is handed in to `work`, in order.

    Args:
        work: takes a batch; called in the thread. What it raises is kept in by the shield.
        beat: called about once a second in the thread.
        renew: called in the child of a fork, before its thread starts.
        shield: keeps errors in; under pytest the first one is raised by the next `flush` or `close`.
        size: how many wait at most.

    Attributes:
        dropped: how many could not wait.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Any]], None],
        beat: Callable[[], None],
        renew: Callable[[], None],
        shield: Shield,
        *,
        size: int = QUEUE,
    ) -> None:
        self._work = work
        self._beat = beat
        self._renew = renew
        self._shield = shield
        self._size = size
        self._queue: deque[Any] = deque()
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self.dropped = 0
        self._taken = self._done = 0
        self._taking = False
        self._failed: Exception | None = None
        self._stop = threading.Event()
        self._asked = threading.Event()
        self._closed = False
        self._thread = self._started()
        _alive.add(self)
        self._at_exit = partial(_close, weakref.ref(self))
        at_end(self._at_exit)

    def put(self, item: Any) -> None:
        """Hand in. Never blocks, never raises."""
        queue = self._queue
        if len(queue) >= self._size or self._closed:
            self.dropped += 1
            return
        queue.append(item)

    def call(self, work: Callable[[], _Answer], within_s: float) -> _Answer:
        """The answer of `work`, done in the thread between two batches, so that it sees no half of one.

        Once the thread has ended nothing changes any more, and the caller does it.

        Raises:
            TimeoutError: the thread did not come to it in time.
            Exception: what `work` raised.
        """
        return self.ask(work).result(within_s) if self._thread.is_alive() else work()

    def ask(self, work: Callable[[], _Answer]) -> Future[_Answer]:
        """The same without waiting, a TimeoutError once the thread has ended; whoever gives the answer up cancels it."""
        answered: Future[_Answer] = Future()
        if self._thread.is_alive():
            self._calls.append((work, answered))
            self._asked.set()
        else:
            answered.set_exception(TimeoutError("the telemetry has ended"))
        return answered

    def _answer(self) -> None:
        while self._calls:
            work, answered = self._calls.popleft()
            if not answered.set_running_or_notify_cancel():
                continue
            try:
                answered.set_result(work())
            except Exception as error:  # noqa: BLE001 - it is raised where it is awaited
                answered.set_exception(error)

    def _started(self) -> threading.Thread:
        thread = threading.Thread(target=self._run, name="fleawatch-telemetry", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        beaten = time.monotonic()
        while True:
            stopping = self._stop.is_set()
            self._answer()
            worked = self._drain()
            now = time.monotonic()
            if now - beaten >= _BEAT_S:
                beaten = now
                self._guarded(self._beat)
            if stopping and not self._queue:
                self._answer()
                return
            if not worked:
                self._asked.wait(_IDLE_S)
                self._asked.clear()
            else:
                time.sleep(_BUSY_S)

    def _drain(self) -> bool:
        # What is neither in the queue nor counted as taken yet is waited for by this.
        self._taking = True
        try:
            return self._drained()
        finally:
            self._taking = False

    def _drained(self) -> bool:
        queue = self._queue
        batch: list[Any] = []
        while queue and len(batch) < BATCH:
            batch.append(queue.popleft())
        if not batch:
            return False
        self._taken += len(batch)
        self._guarded(partial(self._work, batch))
        self._done = self._taken
        return True

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the thread must live; what went wrong is counted and told
            # What an object of the agent raises to end the program must not end the thread, nor a test that is told of it.
            failed = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__} in the telemetry")
            self._shield.note("telemetry", failed)
            if self._failed is None:
                self._failed = failed

    def flush(self, within_s: float) -> bool:
        """Wait until what was handed in before has been carried; whether it was within the time.

        Raises:
            Exception: under pytest, the first thing that went wrong since the last call.
        """
        wanted = self._taken + len(self._queue)
        deadline = time.monotonic() + within_s
        carried = self._carried(wanted)
        while not carried and time.monotonic() < deadline and self._thread.is_alive():
            self._asked.set()
            time.sleep(0.001)
            carried = self._carried(wanted)
        self._raise_in_tests()
        return carried

    def _carried(self, wanted: int) -> bool:
        # In this order: what has left the queue is being taken until it is done.
        return not self._queue and not self._taking and self._done >= wanted

    def close(self, within_s: float) -> bool:
        """Carry what waits, end the thread; whether all was carried within the time. Closing again does nothing."""
        if self._closed:
            return True
        self._closed = True
        self._stop.set()
        self._asked.set()
        self._thread.join(within_s)
        not_at_end(self._at_exit)
        _alive.discard(self)
        if self._thread.is_alive():
            self.dropped += len(self._queue)
            return False
        self._raise_in_tests()
        return True

    def _raise_in_tests(self) -> None:
        error, self._failed = self._failed, None
        if error is not None and self._shield.raises:
            raise error

    def after_fork(self) -> None:
        """The child begins anew: the parent carries what waited in it."""
        self._queue, self._calls = deque(), deque()
        self._taken = self._done = self.dropped = 0
        self._taking = False
        self._stop, self._asked = threading.Event(), threading.Event()
        if not self._closed:
            self._renew()
            self._thread = self._started()


_alive: Final[weakref.WeakSet[Pipeline]] = weakref.WeakSet()


def _after_fork() -> None:
    for pipeline in list(_alive):
        pipeline.after_fork()


def _close(ref: weakref.ref[Pipeline]) -> None:
    pipeline = ref()
    if pipeline is not None:
        pipeline.close(2.0)


os.register_at_fork(after_in_child=_after_fork)
