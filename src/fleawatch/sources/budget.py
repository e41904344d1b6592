"""One allowance of calls for many readers, shared out to whoever needs it most.

The platform counts `/bets/history` by address: sixty calls a minute for the whole fleet. The allowance is kept over a
sliding window that is a little longer and a little smaller than the server's fixed one, so that no place of the
server's window sees more than its limit.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

_FORGOTTEN_WINDOWS: Final = 5


@dataclass(slots=True)
class _Wish:
    unseen: int
    since: float
    asked_at: float


class Budget:
    """`calls` calls in any `window_s` seconds of the clock's time, less a margin of a tenth on both.

    A wish that has waited for windows goes first by the number of windows; among equals the one with most unseen
    facts, then the one that waited longest.
    """

    def __init__(self, calls: int = 60, window_s: float = 60.0) -> None:
        self._calls = max(1, calls - calls // 10)
        self._window_s = window_s * 1.1
        self._spent: deque[float] = deque()
        self._closed_until = 0.0
        self._wishes: dict[str, _Wish] = {}

    def take(self, who: str, unseen: int, now: float) -> bool:
        """Whether `who` may make one call now; then it is counted. If not, the wish is kept and grows older."""
        wish = self._wishes.setdefault(who, _Wish(unseen, now, now))
        wish.unseen, wish.asked_at = unseen, now
        free = self.free(now)
        if not free or sum(self._goes_before(other, wish, now) for other in self._wishes.values()) >= free:
            return False
        self._spent.append(now)
        wish.since = now
        return True

    def settle(self, who: str) -> None:
        """`who` needs no more calls for now."""
        self._wishes.pop(who, None)

    def free(self, now: float) -> int:
        """Calls that may be made now."""
        while self._spent and self._spent[0] <= now - self._window_s:
            self._spent.popleft()
        return 0 if now < self._closed_until else max(0, self._calls - len(self._spent))

    def refused(self, now: float, retry_after: float | None) -> None:
        """The server said that the limit is reached, so somebody else spends from it too: wait until it is lifted."""
        self._closed_until = max(self._closed_until, now + (self._window_s if retry_after is None else retry_after))

    def _goes_before(self, other: _Wish, wish: _Wish, now: float) -> bool:
        if other is wish or now - other.asked_at > self._window_s * _FORGOTTEN_WINDOWS:
            return False
        return self._rank(other, now) > self._rank(wish, now)

    def _rank(self, wish: _Wish, now: float) -> tuple[int, int, float]:
        waited = now - wish.since
        return int(waited // self._window_s), wish.unseen, waited
