"""A channel that keeps what it is given: for tests, and for programs that look at notifications themselves."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from fleawatch.errors import DeliveryError
from fleawatch.flow.outputs import Delivery
from fleawatch.ports import Receipt


class MemoryNotifier:
    """The twin of the channels that reach somebody. Keeps each key once.

    Args:
        failures: what the next sends raise, one each; None lets one pass.

    Attributes:
        deliveries: what was accepted, in order.
        attempts: the keys of everything that was tried, in order.
        closed: whether it was closed; it refuses deliveries from then on.
    """

    kind = "memory"

    def __init__(self, failures: Iterable[DeliveryError | None] = ()) -> None:
        self.deliveries: list[Delivery] = []
        self.attempts: list[str] = []
        self.closed = False
        self._failures = deque(failures)
        self._keys: set[str] = set()

    async def send(self, delivery: Delivery) -> Receipt:
        self.attempts.append(delivery.key)
        if self.closed:
            raise DeliveryError("closed", "was closed", retry_after=None)
        failure = self._failures.popleft() if self._failures else None
        if failure is not None:
            raise failure
        if delivery.key not in self._keys:
            self._keys.add(delivery.key)
            self.deliveries.append(delivery)
        return Receipt(id=delivery.key)

    async def close(self) -> None:
        self.closed = True
