"""Whether one more order fits: its own size, the orders of the last minute, and the ramp after a resume.

Such a refusal is about the order, not about the gate: the next one may fit. An order whose size nobody can tell does not
fit while any size is limited.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from fleawatch.sdk.gate.answer import Reason, Sized
from fleawatch.sdk.gate.windows import OrderWindow


def size_of(order: Sized | None) -> float | None:
    """USD; None where no order was shown, NaN for a size that is none."""
    if order is None:
        return None
    try:
        size = float(order.notional_usd)
    except Exception:  # noqa: BLE001 - whatever an order of somebody else raises, its size is not known
        return math.nan
    return size if 0.0 <= size < math.inf else math.nan


class Admission:
    """The limits of single orders, and the minute behind.

    Attributes:
        window: orders of the last minute.
    """

    __slots__ = ("_most", "_per_minute", "_per_order", "_ramp", "_ramp_ends", "_rate", "_sized", "window")

    def __init__(self) -> None:
        self.window = OrderWindow()
        self._ramp = self._ramp_ends = math.inf
        self.limit({})

    def limit(self, limits: Mapping[str, float]) -> None:
        """Take the limits in force."""
        self._rate = limits.get("order_rate", math.inf)
        self._per_order = limits.get("order_notional", math.inf)
        self._per_minute = limits.get("notional_rate", math.inf)
        self._narrow()

    def ramp(self, most: float, ends: float) -> None:
        """No order above `most` USD until `ends` on the pace clock; `math.inf` for none."""
        self._ramp, self._ramp_ends = most, ends
        self._narrow()

    def _narrow(self) -> None:
        self._most = min(self._per_order, self._ramp)
        self._sized = self._most < math.inf or self._per_minute < math.inf

    def admit(self, now: float, size: float | None) -> Reason | None:
        """None and the order is counted, or why it does not fit."""
        if now >= self._ramp_ends:
            self.ramp(math.inf, math.inf)
        window = self.window
        window.turn(now)
        if size is None:
            if self._sized:
                return "bad_order"
            size = 0.0
        elif size != size:  # noqa: PLR0124 - true for NaN alone
            return "bad_order"
        if size > self._most:
            return "ramp" if size <= self._per_order else "order_notional"
        if window.count + 1 > self._rate:
            return "order_rate"
        if window.notional + size > self._per_minute:
            return "notional_rate"
        window.add(size)
        return None

    def told(self, now: float, size: float) -> None:
        """An order was sent without asking: it counts all the same."""
        self.window.turn(now)
        self.window.add(size if size == size else 0.0)  # noqa: PLR0124 - true for all but NaN
