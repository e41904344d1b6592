"""The thread that does four times a second what no order should wait for: the HALT file, the passing of time, the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

BEAT_S: Final = 0.25


class Keeper:
    """Calls `beat` every quarter of a second.

    Args:
        name: of the thread.
        beat: must not raise; what it raises all the same ends the thread, which happens only in tests.
    """

    def __init__(self, name: str, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, waiting for a beat that is under way."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _keep(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(BEAT_S)
            if not self._stopping.is_set():
                self._beat()
