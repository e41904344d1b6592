"""How much a cumulative P&L changed over each window and since midnight UTC.

The platform reports running totals. The change over a window is the total now minus the total in force at the left
edge, so only the totals with which buckets opened are kept. The daily loss is apart from it: it counts trading and
casino P&L alone, so that income cannot mask it. docs/reference/definitions.md, "Daily loss".
"""

from __future__ import annotations

import math
from array import array

import msgspec

from fleawatch.risk.nav import DUST
from fleawatch.risk.windows import STEPS
from fleawatch.units import DAY, WINDOWS, Window, day_start


class OpeningTotals(msgspec.Struct):
    """The totals in force when the buckets of one window opened.

    Attributes:
        width: seconds, `math.inf` for all time.
        edge: when the open bucket ends, unix seconds.
        number: number of the open bucket.
        oldest: number of the oldest bucket kept.
        openings: packed totals, one a bucket, oldest first, NaN for buckets without a reading.
        earliest: the total at the left edge of the window, or the first one since; None if no bucket opened in it.
    """

    width: float
    edge: float = -math.inf
    number: int = 0
    oldest: int = 0
    openings: bytearray = msgspec.field(default_factory=bytearray)
    earliest: float | None = None

    def open(self, at: float, total: float) -> None:
        """Open the bucket of `at` with `total`, which was in force before, unless it is open already."""
        self.expire(at)
        if not self.openings:
            self.oldest = self.number
            self.earliest = total
        missing = self.number - self.oldest - len(self.openings) // 8
        if missing >= 0:
            self.openings += array("d", [math.nan] * missing + [total]).tobytes()

    def expire(self, at: float) -> None:
        """Let time pass to `at`: openings before the left edge go."""
        if at < self.edge:
            return
        step = self.width / STEPS
        self.number = int(at // step)
        self.edge = (self.number + 1) * step
        surplus = self.number - STEPS - self.oldest
        if surplus > 0 and self.openings:
            del self.openings[: surplus * 8]
            self.oldest += surplus
            self.earliest = next((value for value in array("d", self.openings) if not math.isnan(value)), None)


class PnlWindows(msgspec.Struct):
    """Change of a cumulative P&L over every window.

    Attributes:
        total: last total, USD; None before the first.
        windows: the opening totals of each of `units.WINDOWS`.
    """

    total: float | None = None
    windows: dict[str, OpeningTotals] = msgspec.field(
        default_factory=lambda: {name: OpeningTotals(width) for name, width in WINDOWS.items()}
    )

    def update(self, at: float, total: float) -> None:
        """Take the cumulative P&L at `at`, USD, not before the last one."""
        before = total if self.total is None else self.total
        for window in self.windows.values():
            window.open(at, before)
        self.total = total

    def expire(self, at: float) -> None:
        """Let time pass to `at`."""
        for window in self.windows.values():
            window.expire(at)

    def change(self, window: Window) -> float | None:
        """Total now minus total at the left edge, or minus the first total of a younger history, USD.

        As of the last `update` or `expire`. None before the first total.
        """
        if self.total is None:
            return None
        opening = self.windows[window].earliest
        return 0.0 if opening is None else self.total - opening


class DailyLoss(msgspec.Struct):
    """What was lost since 00:00 UTC.

    Attributes:
        ends: next midnight, unix seconds; -inf before the first reading.
        total: last cumulative trading and casino P&L, USD, unrealised included; None before the first.
        opening: the total in force at midnight, or the first one of a first day.
        equity: last equity, USD.
        opening_equity: the equity in force at midnight, or the first one above a cent where there was none: the base of
            limits in percent. An agent that is funded during the day has a limit from then on.
    """

    ends: float = -math.inf
    total: float | None = None
    opening: float | None = None
    equity: float | None = None
    opening_equity: float | None = None

    def update(self, at: float, total: float) -> None:
        """Take the cumulative trading and casino P&L at `at`, USD."""
        if at >= self.ends:
            self.expire(at)
        if self.opening is None:
            self.opening = total
        self.total = total

    def mark(self, at: float, equity: float) -> None:
        """Take the equity at `at`, USD."""
        if at >= self.ends:
            self.expire(at)
        if self.opening_equity is None or self.opening_equity <= DUST:
            self.opening_equity = equity
        self.equity = equity

    def expire(self, at: float) -> None:
        """Let time pass to `at`; past midnight a new day opens with what was in force."""
        if at < self.ends:
            return
        self.ends = day_start(at) + DAY
        self.opening = self.total
        self.opening_equity = self.equity

    def loss(self) -> float | None:
        """-min(0, P&L since midnight), USD, 0 or above. None before the first total."""
        if self.total is None or self.opening is None:
            return None
        return max(0.0, self.opening - self.total)
