"""The heart of the simulation: what time it is, what happens next, and the books that everything is written to.

Events are ordered by time, then by the order in which they were scheduled, so a run does not depend on how far each
call advances it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fleawatch.sandbox.entropy import Ids
from fleawatch.sandbox.journal import Action, Attempt, Journal
from fleawatch.sandbox.market import Market
from fleawatch.sandbox.refusal import RefusedError


class Kernel:
    """Time, schedule, journal, market and identifiers of one world.

    Attributes:
        now: simulated unix seconds of the event being run, or of the last request.
        seed: what every stream and identifier derives from.
    """

    def __init__(self, seed: int, start: float) -> None:
        self.seed = seed
        self.now = start
        self.journal = Journal()
        self.market = Market(seed, start)
        self.ids = Ids(seed)
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._scheduled = 0

    @property
    def second(self) -> int:
        """The whole second of `now`: the resolution that the servers store."""
        return int(self.now)

    def schedule(self, at: float, action: Callable[[], None]) -> None:
        """Run `action` when time reaches `at`; a time already past means as soon as possible."""
        self._scheduled += 1
        heapq.heappush(self._queue, (max(at, self.now), self._scheduled, action))

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after `seconds`."""
        self.schedule(self.now + seconds, action)

    @contextmanager
    def attempt(self, agent_id: str, service: str, action: Action) -> Iterator[Attempt]:
        """Enter an attempt in the journal once the block has ended, with the refusal that ended it, if one did.

        The block says what came of it by setting `reference`. Attempts of which nothing came are in the journal too.
        """
        attempt = Attempt(self.now, agent_id, service, action)
        try:
            yield attempt
        except RefusedError as refusal:
            attempt.error = refusal.error
            raise
        except BaseException:
            attempt.error = "internal_error"
            raise
        finally:
            self.journal.attempts.append(attempt)

    def run_until(self, at: float) -> None:
        """Run every event due up to and including `at`, then let the time be `at`."""
        queue = self._queue
        while queue and queue[0][0] <= at:
            due, _, action = heapq.heappop(queue)
            self.now = max(self.now, due)
            action()
        self.now = max(self.now, at)
