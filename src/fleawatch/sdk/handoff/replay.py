"""Which tokens were believed already: each is believed once, in this process, for as long as it holds."""

from __future__ import annotations

import threading
from heapq import heappop, heappush
from typing import Final

MOST: Final = 10_000
"""Tokens that are remembered. Only who has the key can fill it."""


class Replay:
    """Remembers nonces until they expire. When it is full of such as hold, nothing new is believed.

    Args:
        most: how many are remembered at once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: set[str] = set()
        self._ends: list[tuple[float, str]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._seen)

    def first(self, nonce: str, expires_at: float, now: float) -> bool | None:
        """Whether it comes for the first time; None when that cannot be remembered."""
        with self._lock:
            while self._ends and self._ends[0][0] <= now:
                self._seen.discard(heappop(self._ends)[1])
            if nonce in self._seen:
                return False
            if len(self._seen) >= self._most:
                return None
            self._seen.add(nonce)
            heappush(self._ends, (expires_at, nonce))
            return True
