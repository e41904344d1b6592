"""Stakes in the order in which they were placed: how large they are, and whether they chase losses.

An agent that doubles its stake after each loss wins often and then loses everything; its results look good until they
do not, so the stakes are judged and not the results.
"""

from __future__ import annotations

from typing import Final

import msgspec

from fleawatch.risk.peak import Peak
from fleawatch.units import MINUTE

LATELY: Final = 10 * MINUTE
"""Seconds that a stake counts as one of lately."""
_SAME: Final = 1e-9


class Stakes(msgspec.Struct):
    """The stakes of one agent. Stakes are told before their outcomes; one bet after the other.

    Attributes:
        last: the last stake, USD; 0 before the first.
        lost: whether it was lost; None while its outcome is not known.
        raised: how many times in a row up to now a stake was raised steeply after a loss.
        escalations, shares: the most of the first, and the largest stake as a share of equity, of lately.
        unmeasured_at: when a stake was last placed from an equity that nobody knew.
    """

    last: float = 0.0
    lost: bool | None = None
    raised: int = 0
    escalations: Peak = msgspec.field(default_factory=lambda: Peak(LATELY))
    shares: Peak = msgspec.field(default_factory=lambda: Peak(LATELY))
    unmeasured_at: float = 0.0

    def place(self, at: float, stake: float, equity: float | None, factor: float | None) -> None:
        """A stake of `stake` USD was placed from `equity`, None when that is unknown.

        It is a raise when the stake before it was lost and this one is at least `factor` times as large: who doubles
        after each loss raises by exactly two. Without a factor nothing is a raise.
        """
        raised = (
            factor is not None and self.lost is True and self.last > 0.0 and stake >= factor * self.last * (1.0 - _SAME)
        )
        self.raised = self.raised + 1 if raised else 0
        if self.raised:
            self.escalations.add(at, float(self.raised))
        self.share(at, stake, equity)
        self.last, self.lost = stake, None

    def share(self, at: float, stake: float, equity: float | None) -> None:
        """Note the size of a stake that is no part of the row of bets, as that of a challenge."""
        if equity is not None and equity > 0.0:
            self.shares.add(at, stake / equity)
        else:
            self.unmeasured_at = max(self.unmeasured_at, at)

    def largest_share(self, at: float) -> float | None:
        """The largest stake of lately as a share of the equity before it; 0 without one, None when it was not measured."""
        largest = self.shares.largest(at)
        if largest is None and at - self.unmeasured_at > LATELY:
            return 0.0
        return largest

    def most_escalations(self, at: float) -> float:
        """The most raises in a row of lately; 0 without one."""
        return self.escalations.largest(at) or 0.0

    def end(self, net: float) -> None:
        """The last stake has its outcome: `net` USD."""
        self.lost = net < -_SAME
