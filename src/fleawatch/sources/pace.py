"""When a source is read next: its place in the interval, and how it backs off while it fails.

All times are seconds of the clock. The randomness is seeded by the source's name, so a fleet's schedule is the same
in every run and differs between its members.
"""

from __future__ import annotations

from random import Random
from typing import Final

LONGEST_BACKOFF_S: Final = 60.0
"""A service that works again is noticed within a minute."""
UNAUTHORIZED_S: Final = 60.0
"""A refused key does not get better by itself: it is tried rarely, and does not back off further."""
JITTER: Final = 0.05
_MOST_DOUBLINGS: Final = 16


class Pace:
    """The rhythm of one source.

    Attributes:
        failures: failed readings in a row.
    """

    __slots__ = ("_random", "_reason", "_retry_after", "failures")

    def __init__(self, name: str) -> None:
        self._random = Random(name)  # noqa: S311 - spreads load, keeps no secret
        self.failures = 0
        self._reason = ""
        self._retry_after = 0.0

    def first(self, interval: float) -> float:
        """Seconds from the start to the first reading: anywhere in the first interval."""
        return self._random.random() * interval

    def next(self, interval: float) -> float:
        """Seconds from one reading that worked to the next."""
        return interval * (1 + JITTER * (2 * self._random.random() - 1))

    def worked(self) -> None:
        """A reading worked."""
        self.failures = 0
        self._reason, self._retry_after = "", 0.0

    def failed(self, reason: str, retry_after: float | None) -> None:
        """A reading failed; the server may have asked for a wait."""
        self.failures += 1
        self._reason, self._retry_after = reason, retry_after or 0.0

    def after_failure(self, interval: float) -> float:
        """Seconds to wait after a reading that failed: doubling, with jitter, never less than the server asked for."""
        if self._reason == "unauthorized":
            wait = max(UNAUTHORIZED_S, interval)
        else:
            doubled = interval * 2 ** min(self.failures - 1, _MOST_DOUBLINGS)
            wait = min(doubled, max(LONGEST_BACKOFF_S, interval))
        return max(wait * (1 + JITTER * (2 * self._random.random() - 1)), self._retry_after)
