"""When a balance has passed a limit, told once: the three limits of the spendable balance, each with its own way back."""

from __future__ import annotations

from typing import Final, NamedTuple

from fleawatch.catalog import limits
from fleawatch.catalog.spec import Limit


class Passed(NamedTuple):
    """A limit that a balance fell below: `low`, `critical` or `exhausted`, and the limit in USD."""

    tier: str
    threshold: float


_TIERS: Final[tuple[tuple[str, Limit, Limit], ...]] = (
    ("low", limits.BALANCE_LOW, limits.BALANCE_LOW_CLEAR),
    ("critical", limits.BALANCE_CRITICAL, limits.BALANCE_CRITICAL_CLEAR),
    ("exhausted", limits.BALANCE_EXHAUSTED, limits.BALANCE_EXHAUSTED_CLEAR),
)


class Tiers:
    """Watches one balance, on the limits that are in force without configuration."""

    def __init__(self) -> None:
        self._below: set[str] = set()

    def passed(self, balance: float) -> Passed | None:
        """The worst limit that `balance`, USD, has newly fallen below; None when it has not."""
        found: Passed | None = None
        for tier, limit, clear in _TIERS:
            if limit.default is None or clear.default is None:
                continue
            if balance < limit.default and tier not in self._below:
                self._below.add(tier)
                found = Passed(tier, limit.default)
            elif balance > clear.default:
                self._below.discard(tier)
        return found
