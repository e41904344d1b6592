"""An order that nobody gets to know: what the first one costs beyond the others is paid when the telemetry is made.

Code that runs for the first time is several times as slow as the second time. The agent's first order is not the place
for that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.creations import Creations
from fleawatch.sdk.telemetry.operation import Operation
from fleawatch.sdk.telemetry.provider import Provider
from fleawatch.sdk.telemetry.resends import Resends
from fleawatch.sdk.telemetry.trading import Order

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.provider import Provider

TIMES: Final = 4


class _Nobody:
    """Takes operations and forgets them; has ids of its own, so that those of a seed are not used up."""

    strategy = ""
    provider: Provider | None = None

    def __init__(self) -> None:
        self.ids = Ids(0.0)
        self.creations = Creations()
        self.resends = Resends()

    def now_ns(self) -> int:
        return time.time_ns()

    def elapsed_ns(self) -> int:
        return time.perf_counter_ns()

    def hand_in(self, operation: Operation) -> None:
        """Forget it."""


def rehearse() -> None:
    """Make a few orders that go nowhere."""
    nobody = _Nobody()
    for _ in range(TIMES):
        with Order(nobody, market="", side="buy", notional_usd=0) as order:
            order.filled("", price=0)
