"""The price of one unit of an agent: what makes every risk number blind to money that merely moves in or out.

Equity rises when a deposit arrives and falls when a withdrawal leaves, and neither is a gain or a loss. So the agent is
kept like a fund: a flow buys or sells units at the price just before it, P&L moves the price. Drawdowns and returns
are taken from the price only. docs/reference/definitions.md, "NAV" and "Epochs".
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

DUST: Final = 0.01
"""Equity at or below this many USD is nothing: it neither carries a price nor opens an epoch."""


class Marked(Enum):
    """What a reading or a flow did to the NAV."""

    WAITING = "waiting"
    """Nothing: no epoch runs, and the equity does not open one."""
    MARKED = "marked"
    """An epoch runs and the NAV follows the equity."""
    BEGAN = "began"
    """An epoch began; the NAV is 1.0."""
    ENDED = "ended"
    """P&L took the equity: the NAV is 0.0 and the epoch is over."""
    RENEWED = "renewed"
    """One flow met an equity already lost and paid for a new start: an epoch ended and the next began."""
    FROZEN = "frozen"
    """A flow emptied the agent: the NAV stands still until money returns."""

    @property
    def began(self) -> bool:
        """Whether an epoch began."""
        return self is BEGAN or self is RENEWED

    @property
    def ended(self) -> bool:
        """Whether an epoch ended in a total loss."""
        return self is ENDED or self is RENEWED


# Bound once: looking a member up in its class costs more than the arithmetic of a mark.
WAITING: Final = Marked.WAITING
MARKED: Final = Marked.MARKED
BEGAN: Final = Marked.BEGAN
ENDED: Final = Marked.ENDED
RENEWED: Final = Marked.RENEWED
FROZEN: Final = Marked.FROZEN


class Nav(msgspec.Struct):
    """The running NAV of one agent or of the fleet.

    Attributes:
        value: price of one unit, None before the first equity above `DUST`, 0.0 after a total loss.
        units: units outstanding, above 0 exactly while an epoch runs and holds money.
        epoch: number of the running or last epoch; 0 before the first.
        total_losses: how many epochs P&L has ended.
        frozen: a flow emptied the agent and nothing has returned yet.
    """

    value: float | None = None
    units: float = 0.0
    epoch: int = 0
    total_losses: int = 0
    frozen: bool = False

    def mark(self, equity: float, *, partial: bool = False) -> Marked:
        """Take a reading of equity in USD; what changed since the last one is P&L.

        Args:
            equity: equity now; may be negative.
            partial: parts of the sum are Unknown and held at their last value. Such a reading may lower the NAV
                and end an epoch, but opens none and ends no freeze: a gain seen by half an eye is not one.
        """
        units = self.units
        if units > 0.0:
            if equity > DUST:
                self.value = equity / units
                return MARKED
            return self._lose()
        if self.frozen:
            if equity <= DUST or partial or self.value is None:
                return FROZEN
            self._resume(equity, self.value)
            return MARKED
        if equity <= DUST or partial:
            return WAITING
        return self._begin(equity)

    def flow(self, equity_before: float, amount: float, *, partial: bool = False) -> Marked:
        """Take an external flow of `amount` USD (positive into the agent) that met `equity_before`.

        The NAV is first marked at `equity_before`, since what happened until then is P&L, and the flow then leaves it
        unchanged. Units become equity after / NAV, which is units += amount / NAV without its cancellation when
        nearly everything leaves.
        """
        marked = self.mark(equity_before, partial=partial)
        after = equity_before + amount
        if self.units > 0.0 and self.value is not None:
            if after > DUST:
                self.units = after / self.value
                return marked
            self.units = 0.0
            self.frozen = True
            return FROZEN
        if after <= DUST:
            return marked
        if self.frozen and self.value is not None:
            self._resume(after, self.value)
            return MARKED
        self._begin(after)
        return RENEWED if marked is ENDED else BEGAN

    def _begin(self, equity: float) -> Marked:
        self.value = 1.0
        self.units = equity
        self.epoch += 1
        return BEGAN

    def _lose(self) -> Marked:
        self.value = 0.0
        self.units = 0.0
        self.total_losses += 1
        return ENDED

    def _resume(self, equity: float, value: float) -> None:
        self.units = equity / value
        self.frozen = False
