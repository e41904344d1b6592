"""Wins, losses and what they brought, over each window.

A trade is one settled bet or one position from flat to flat, net of its fees. It is won by its net P&L and by nothing
the platform says about it. docs/reference/definitions.md, "A trade".
"""

from __future__ import annotations

import math
import struct
from typing import Final

import msgspec

from fleawatch.risk import ratios
from fleawatch.risk.windows import STEPS
from fleawatch.units import WINDOWS, Window

_PACKED: Final = struct.Struct("3I2d")


class Tally(msgspec.Struct, frozen=True, gc=False):
    """Trades counted and summed over a stretch of time. Stretches merge by adding.

    Attributes:
        wins, losses, pushes: trades with net P&L above, below and exactly 0.
        gross_profit: sum of the winning nets, USD.
        gross_loss: sum of the losing nets, USD, as a positive number.
    """

    wins: int = 0
    losses: int = 0
    pushes: int = 0
    gross_profit: float = 0.0
    gross_loss: float = 0.0

    @property
    def count(self) -> int:
        """All trades, pushes included."""
        return self.wins + self.losses + self.pushes

    def add(self, net: float) -> Tally:
        """This tally and one more trade of `net` USD."""
        if net > 0.0:
            return Tally(self.wins + 1, self.losses, self.pushes, self.gross_profit + net, self.gross_loss)
        if net < 0.0:
            return Tally(self.wins, self.losses + 1, self.pushes, self.gross_profit, self.gross_loss - net)
        return Tally(self.wins, self.losses, self.pushes + 1, self.gross_profit, self.gross_loss)

    def merge(self, other: Tally) -> Tally:
        """The tally of both stretches."""
        return Tally(
            self.wins + other.wins,
            self.losses + other.losses,
            self.pushes + other.pushes,
            self.gross_profit + other.gross_profit,
            self.gross_loss + other.gross_loss,
        )


class TradeWindow(msgspec.Struct):
    """The trades of the last `width` seconds, in buckets of w/60 as `fleawatch.risk.windows` cuts them.

    Attributes:
        width: seconds, `math.inf` for all time.
        tally: the trades in the window.
        number: number of the bucket that time has reached.
        edge: when it ends, unix seconds.
        oldest: number of the oldest bucket kept.
        buckets: packed tallies of the buckets since, up to the last one with a trade.
    """

    width: float
    tally: Tally = msgspec.field(default_factory=Tally)
    number: int = 0
    edge: float = -math.inf
    oldest: int = 0
    buckets: bytearray = msgspec.field(default_factory=bytearray)

    def add(self, at: float, net: float) -> None:
        """Take a trade of `net` USD settled at `at`, not before the last one."""
        if at >= self.edge:
            self.expire(at)
        self.tally = self.tally.add(net)
        if self.width == math.inf:
            return
        if not self.buckets:
            self.oldest = self.number
        place = (self.number - self.oldest) * _PACKED.size
        missing = place + _PACKED.size - len(self.buckets)
        if missing > 0:
            self.buckets += bytes(missing)
        wins, losses, pushes, gross_profit, gross_loss = _PACKED.unpack_from(self.buckets, place)
        if net > 0.0:
            wins, gross_profit = wins + 1, gross_profit + net
        elif net < 0.0:
            losses, gross_loss = losses + 1, gross_loss - net
        else:
            pushes += 1
        _PACKED.pack_into(self.buckets, place, wins, losses, pushes, gross_profit, gross_loss)

    def expire(self, at: float) -> None:
        """Let time pass to `at`: buckets older than the window leave it."""
        if at < self.edge:
            return
        step = self.width / STEPS
        self.number = int(at // step)
        self.edge = (self.number + 1) * step
        surplus = (self.number - STEPS - self.oldest) * _PACKED.size
        if surplus <= 0 or not self.buckets:
            return
        gone = self.buckets[:surplus]
        del self.buckets[:surplus]
        self.oldest = self.number - STEPS
        if gone.count(0) < len(gone):
            self._sum()

    def _sum(self) -> None:
        """Sum anew what is left: taking the old away by subtraction would leave its rounding behind."""
        tally = Tally()
        for row in _PACKED.iter_unpack(self.buckets):
            tally = tally.merge(Tally(*row))
        self.tally = tally


class TradeStatistics(msgspec.Struct):
    """Trade counts and ratios over every window.

    Attributes:
        windows: one `TradeWindow` for each of `units.WINDOWS`.
    """

    windows: dict[str, TradeWindow] = msgspec.field(
        default_factory=lambda: {name: TradeWindow(width) for name, width in WINDOWS.items()}
    )

    def add(self, at: float, net: float) -> None:
        """Take a trade of `net` USD, fees already taken off, settled at `at`, not before the last one."""
        for window in self.windows.values():
            window.add(at, net)

    def expire(self, at: float) -> None:
        """Let time pass to `at`."""
        for window in self.windows.values():
            window.expire(at)

    def tally(self, window: Window) -> Tally:
        """Counts and sums of the window, as of the last trade or `expire`."""
        return self.windows[window].tally

    def win_ratio(self, window: Window) -> float | None:
        """Wins / (wins + losses), 0..1; None when neither happened. Says nothing about how few they are."""
        tally = self.tally(window)
        return ratios.win_ratio(tally.wins, tally.losses)

    def profit_factor(self, window: Window) -> float | None:
        """Gross profit / gross loss; None if nothing was lost."""
        tally = self.tally(window)
        return ratios.profit_factor(tally.gross_profit, tally.gross_loss)

    def expectancy(self, window: Window) -> float | None:
        """Mean net P&L of a trade, USD; None at 0 trades."""
        tally = self.tally(window)
        return ratios.expectancy(tally.gross_profit, tally.gross_loss, tally.count)

    def break_even(self, window: Window) -> float | None:
        """Win ratio at which the expectancy would be 0; None without a win and a loss."""
        tally = self.tally(window)
        return ratios.break_even(tally.wins, tally.losses, tally.gross_profit, tally.gross_loss)
