"""What is done when the program ends: one hook, registered when `fleawatch` is first imported, before the program's own.

`atexit` calls first what was registered last. A handler of the program may still trade and tell of it, so what closes gates and
telemetry has to come after it: the hook is older than every handler that is registered after the import, whenever
the gate or the telemetry is made.
"""

from __future__ import annotations

import atexit
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_WAITING: Final[list[Callable[[], object]]] = []


def at_end(work: Callable[[], object]) -> None:
    """Have it done when the program ends; what was asked for last is done first."""
    _WAITING.append(work)


def not_at_end(work: Callable[[], object]) -> None:
    """It need not be done any more. Nothing happens when it was not asked for."""
    if work in _WAITING:
        _WAITING.remove(work)


def _end() -> None:
    while _WAITING:
        work = _WAITING.pop()
        try:
            work()
        except Exception:  # noqa: BLE001 - as `atexit` does: it is shown, and the others are done all the same
            sys.excepthook(*sys.exc_info())


atexit.register(_end)
