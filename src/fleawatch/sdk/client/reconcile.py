"""What became of an order that was not answered: it is looked for, and never sent again.

The platform takes no idempotency keys, so an order whose answer is missing may have been done. Only reading can tell.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, Final, Generic, Literal, NamedTuple, TypeVar

from fleawatch.sdk.telemetry.operation import Desk, Operation

Row = TypeVar("Row")
Status = Literal["found", "absent", "unknown"]

WITHIN_S: Final = 60.0
EVERY_S: Final = 2.0
SETTLED_S: Final = 15.0


class Reconciled(NamedTuple, Generic[Row]):
    """What reading said.

    Attributes:
        status: `found`; `absent`, when a reading that began long enough after the attempt did not have it; `unknown`, when
            no such reading succeeded in time. What is unknown is no reason to order again.
        row: what was found, else None.
        readings: how many succeeded.
    """

    status: Status
    row: Row | None
    readings: int


class Reconciliation(Operation, Generic[Row]):
    """Reading until an order is found or proven absent; see `Telemetry.reconcile`."""

    __slots__ = ("_every_s", "_is_it", "_result", "_settled_s", "_within_s", "order_id")
    span_name: ClassVar[str] = "pf.trade.confirmation_poll"

    def __init__(
        self,
        desk: Desk,
        is_it: Callable[[Row], bool],
        *,
        order_id: str = "",
        within_s: float = WITHIN_S,
        every_s: float = EVERY_S,
        settled_s: float = SETTLED_S,
    ) -> None:
        super().__init__(desk)
        self._is_it = is_it
        self._within_s, self._every_s, self._settled_s = within_s, every_s, settled_s
        self._result: Reconciled[Row] = Reconciled("unknown", None, 0)
        self.order_id = order_id

    def by(
        self, read: Callable[[], Iterable[Row]], sleep: Callable[[float], None], elapsed: Callable[[], float]
    ) -> Reconciled[Row]:
        """Look with plain calls."""
        with self:
            begun = elapsed()
            while True:
                asked = elapsed() - begun
                rows: Iterable[Row] | None = None
                try:
                    rows = read()
                except Exception as error:  # noqa: BLE001 - a reading that fails says nothing, and another may succeed
                    self._failed(error)
                if self._is_over(rows, asked, elapsed() - begun):
                    return self._result
                sleep(self._every_s)

    async def by_awaiting(
        self,
        read: Callable[[], Awaitable[Iterable[Row]]],
        sleep: Callable[[float], Awaitable[Any]],
        elapsed: Callable[[], float],
    ) -> Reconciled[Row]:
        """Look with coroutines."""
        with self:
            begun = elapsed()
            while True:
                asked = elapsed() - begun
                rows: Iterable[Row] | None = None
                try:
                    rows = await read()
                except Exception as error:  # noqa: BLE001 - as above
                    self._failed(error)
                if self._is_over(rows, asked, elapsed() - begun):
                    return self._result
                await sleep(self._every_s)

    def _failed(self, error: Exception) -> None:
        self.note("reading_failed", **{"error.type": type(error).__name__})

    def _is_over(self, rows: Iterable[Row] | None, asked_s: float, now_s: float) -> bool:
        """Take a reading that was asked for so long after the attempt; whether nothing remains to be read."""
        status, row, readings = self._result
        if rows is not None:
            readings += 1
            row = next((one for one in rows if self._is_it(one)), None)
            if row is not None:
                status = "found"
            elif asked_s >= self._settled_s:
                status = "absent"
        self._result = Reconciled(status, row, readings)
        return status != "unknown" or now_s + self._every_s > self._within_s

    def described(self) -> dict[str, Any]:
        return {
            "pf.order_id": self.order_id or None,
            "pf.poll_count": self._result.readings,
            "pf.order_status": self._result.status,
            **self.attributes,
        }


def elapsed_s() -> float:
    """Seconds on a clock that nobody sets."""
    return time.monotonic()
