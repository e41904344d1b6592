"""Rate limits in simulated time: fixed windows of 60 seconds in the server's memory, no `Retry-After`."""

from __future__ import annotations

from typing import Final

from fleawatch.sandbox.refusal import RefusedError
from fleawatch.units import iso

WINDOW: Final = 60.0
_MANY: Final = 5_000


class Limits:
    """One server's windows, by path and address, and by agent."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], list[float]] = {}

    def _hit(self, key: tuple[str, str], now: float) -> tuple[int, float]:
        window = self._windows.get(key)
        if window is None or now - window[1] > WINDOW:
            if len(self._windows) > _MANY:
                self._windows = {k: w for k, w in self._windows.items() if now - w[1] <= WINDOW}
            window = self._windows[key] = [0, now]
        window[0] += 1
        return int(window[0]), window[1] + WINDOW

    def by_address(self, path: str, address: str, limit: int, now: float) -> None:
        """Count a request by path and address.

        Raises:
            RefusedError: 429 `rate_limited` above `limit` in the window.
        """
        count, _ = self._hit((path, address), now)
        if count > limit:
            raise RefusedError(429, "rate_limited", f"Too many requests. Limit: {limit} per 60s")

    def by_agent(self, bucket: str, agent_id: str, limit: int, now: float) -> None:
        """Count a request of an agent, from wherever it comes.

        Raises:
            RefusedError: 429 `rate_limit_exceeded` with `reset_at` above `limit` in the window.
        """
        count, resets = self._hit((bucket, agent_id), now)
        if count > limit:
            raise RefusedError(429, "rate_limit_exceeded", f"Max {limit} calls/min", reset_at=iso(resets))
