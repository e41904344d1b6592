"""Notice an event loop that stopped turning. A loop cannot notice this itself, so a thread looks on."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Final

STALL_S: Final = 30.0
_BEAT_S: Final = 1.0
_MEMORY_S: Final = 120.0


class Watchdog:
    """Watches the event loop that runs `run`.

    Attributes:
        longest_s: longest pause between two beats so far, real seconds.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._beat = time.monotonic()
        self._stalled_at: float | None = None
        self._stop = threading.Event()

    async def run(self) -> None:
        """Beat until cancelled."""
        thread = threading.Thread(target=self._look, name="fleawatch-watchdog", daemon=True)
        self._beat = time.monotonic()
        thread.start()
        try:
            while True:
                await asyncio.sleep(_BEAT_S)
                now = time.monotonic()
                self.longest_s = max(self.longest_s, now - self._beat - _BEAT_S)
                self._beat = now
        finally:
            self._stop.set()

    def complaint(self) -> str:
        """What is wrong with the event loop; empty when it turned without a stall in the last two minutes."""
        stalled = self._stalled_at
        if stalled is None or time.monotonic() - stalled > _MEMORY_S:
            return ""
        return f"the event loop stood still for more than {STALL_S:g} s"

    def _look(self) -> None:
        while not self._stop.wait(_BEAT_S):
            if time.monotonic() - self._beat > STALL_S:
                self._stalled_at = time.monotonic()
