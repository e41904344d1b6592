"""Notice an event loop that stopped turning. A loop cannot notice this itself, so a thread looks on.

A loop that stands still for minutes answers nobody, so nobody can be told that the process is unhealthy: the thread
then ends the process, for a supervisor to start it anew.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Final

STALL_S: Final = 30.0
HOPELESS_LOOKS: Final = 180
"""Looks in a row that find the loop stalled before the process is ended; a process that slept is given time to wake."""
HOPELESS: Final = 70
"""Exit code of a process whose loop stood still."""
_BEAT_S: Final = 1.0
_MEMORY_S: Final = 120.0


class Watchdog:
    """Watches the event loop that runs `run`."""

    def __init__(self) -> None:
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
                self._beat = time.monotonic()
        finally:
            self._stop.set()

    def complaint(self) -> str:
        """What is wrong with the event loop; empty when it turned without a stall in the last two minutes."""
        stalled = self._stalled_at
        if stalled is None or time.monotonic() - stalled > _MEMORY_S:
            return ""
        return f"the event loop stood still for more than {STALL_S:g} s"

    def _look(self) -> None:
        stalled = 0
        while not self._stop.wait(_BEAT_S):
            if time.monotonic() - self._beat <= STALL_S:
                stalled = 0
                continue
            self._stalled_at = time.monotonic()
            stalled += 1
            if stalled >= HOPELESS_LOOKS:
                os._exit(HOPELESS)
