"""Whether a ledger explains its balance: the residual of one (service, currency) book of one agent.

Each ledger row states an amount and the balance after it, so the rows form a chain: balance after the last row plus
amount is the balance after this one. A wrong, doubled, missing or misplaced row breaks the chain where it stands, and
a balance read on its own must be a point of the chain. What is left over is money nobody has explained.
docs/reference/definitions.md, "Conservation residual".
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import msgspec

TOLERANCE: Final = 1e-6
"""USD up to which two amounts are the same: half a cent is an error, the rounding of a double is not."""
DIGITS: Final = 6
"""Decimals of an unexplained amount."""
MOST_PENDING: Final = 64
"""Readings that may wait for the next ledger read; beyond it the oldest is forgotten."""

_ULPS: Final = 8
"""Roundings a platform may have made on the way to a balance, in units of its last place."""


def _slack(*amounts: float) -> float:
    """What doubles of this size may differ by and still be the same money."""
    return max(TOLERANCE, _ULPS * math.ulp(max(map(abs, amounts))))


class Conservation(msgspec.Struct):
    """The chain of one ledger and the balances read beside it.

    Rows are fed in ledger order; the last row's balance is believed, so that each error is counted once. A balance
    that was read while a ledger read was under way is fed after the `settle` of that read.

    Attributes:
        opening: balance before the first row when it is known (0.0 for a ledger read from its beginning), else None:
            then the first row is taken at its word.
        last: balance after the last row.
        gaps: signed sum of all unexplained steps, USD; positive = money appeared.
        slack: rounding that sum may carry.
        largest: the unexplained step with the largest absolute value.
        mismatch: last balance reading that no point of the chain explained, minus the balance of the chain.
        pending: differing readings that wait for the next ledger read to explain them, oldest first.
    """

    opening: float | None = None
    last: float | None = None
    gaps: float = 0.0
    slack: float = 0.0
    largest: float = 0.0
    mismatch: float = 0.0
    pending: list[float] = msgspec.field(default_factory=list)

    def row(self, amount: float, balance_after: float) -> None:
        """Take the next ledger row: a signed `amount` and the balance the platform states after it, USD."""
        before = self.opening if self.last is None else self.last
        if before is not None:
            gap = balance_after - (before + amount)
            slack = _slack(before, amount, balance_after)
            if abs(gap) > slack:
                self.gaps += gap
                self.slack += slack
                if abs(gap) > abs(self.largest):
                    self.largest = gap
        self.last = balance_after
        if self.pending:
            self.pending = [reading for reading in self.pending if not _same(reading, balance_after)]

    def balance(self, reading: float) -> None:
        """Take a balance read independently of the ledger, USD.

        One that agrees with the chain clears an earlier disagreement; one that differs is Unknown until `settle`.
        """
        if self.last is not None and _same(reading, self.last):
            self.mismatch = 0.0
        elif not self.pending or not _same(reading, self.pending[-1]):
            self.pending = [*self.pending[1 - MOST_PENDING :], reading]

    def settle(self) -> None:
        """End a ledger read: readings that no row of it has explained are now unexplained money.

        While the ledger is empty, the first reading takes the place of the chain, so that money which moves without
        any row is seen.
        """
        if not self.pending:
            return
        if self.last is None:
            self.last = self.pending[0] if self.opening is None else self.opening
        self.mismatch = 0.0
        for reading in self.pending:
            if not _same(reading, self.last):
                self.mismatch = reading - self.last
        self.pending = []

    def residual(self) -> float | None:
        """Unexplained money, USD: 0.0 on clean books, positive when more is there than the rows say.

        The signed sum of all unexplained steps; when they cancel, as those of two exchanged rows do, the largest of
        them; with consistent rows, what the last disagreeing balance differs by. None (Unknown) before the first row
        or settled reading, and while a differing balance waits for a ledger read.
        """
        if self.last is None or self.pending:
            return None
        found = self.gaps + self.mismatch
        if not found and not self.largest:
            return 0.0
        if abs(found) <= max(self.slack, TOLERANCE):
            found = self.largest or self.mismatch
        return round(found, DIGITS) + 0.0


def joint(residuals: Iterable[float | None]) -> float | None:
    """Unexplained money of several books taken as one, USD: 0.0 when all are clean, or when there are none.

    As in one book, it is the signed sum, and when the parts cancel the largest of them, so that a gain in one book
    never hides a loss in another. None (Unknown) while one of them is.
    """
    found, largest = 0.0, 0.0
    for residual in residuals:
        if residual is None:
            return None
        found += residual
        if abs(residual) > abs(largest):
            largest = residual
    return round(largest if abs(found) <= TOLERANCE else found, DIGITS) + 0.0


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= _slack(one, other)
