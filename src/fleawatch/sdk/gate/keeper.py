"""The thread that does four times a second what no order should wait for: the HALT file, the passing of time, the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

BEAT_S: Final = 0.25


class Keeper:
    """Calls `beat` every quarter of a second, and at once when poked.

    Args:
        name: of the thread.
        beat: must not raise; what it raises all the same ends the thread, which happens only in tests.
    """

    def __init__(self, name: str, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._stop = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def poke(self) -> None:
        """Do it now."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread, waiting for a beat that is under way."""
        self._stop = True
        self._wake.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _keep(self) -> None:
        while not self._stop:
            self._wake.wait(BEAT_S)
            self._wake.clear()
            if not self._stop:
                self._beat()
