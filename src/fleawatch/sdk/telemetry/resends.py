"""How often a call was made before: which calls that failed are waiting to be made again, and the ordinal of the next one.

An agent's own loop is not known to anybody; a call of the same method and address that follows one without a proper answer
is that one made again. What it may follow is bounded: a read follows within its trace, a write within its operation, for
the next operation is another order.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

MOST: Final = 4096

Key = tuple[int, int, int]
"""Trace, span of the operation (0 for reads), and a digest of method and address; addresses themselves are not kept."""


class Resends:
    """Calls that failed, and how often each was made since it was last answered.

    Nothing here waits for another thread: a count that two threads change at once may be one too low.

    Args:
        most: calls that are remembered; of too many the oldest are forgotten.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._made: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._made)

    def made(self, key: Key) -> int:
        """How often it was made since it was last answered; 0 for a first attempt."""
        return self._made.get(key, 0) if self._made else 0

    def failed(self, key: Key, made: int) -> None:
        """It failed again, and was made so often by now."""
        self._made.pop(key, None)
        with suppress(RuntimeError, KeyError, StopIteration):  # another thread was faster
            while len(self._made) >= self._most:
                del self._made[next(iter(self._made))]
        self._made[key] = made

    def answered(self, key: Key) -> None:
        """It was answered: the next one of its kind is a new call."""
        if self._made:
            self._made.pop(key, None)
