"""Which span created an escrow, so that what becomes of it days later, perhaps after a restart, is linked to that span.

Nothing depends on it but links and the time for which money was held. It is bounded: of too many the oldest are
forgotten. Given a directory it survives the process; a file that cannot be read is as good as none.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from fleawatch.events.span import SpanLink
from fleawatch.scrub import is_public, scrub

MOST: Final = 10_000
_LONGEST_ID: Final = 128


class Creation(NamedTuple):
    """The span that created an escrow, and when, unix seconds."""

    trace_id: str
    span_id: str
    at: float


class Creations:
    """Creations by the platform's id of the escrow.

    Args:
        directory: where they are kept; None for only in memory.
        agent_id: whose they are; the processes of one agent share a file.
        most: how many are known at once.
    """

    def __init__(self, directory: str | None = None, agent_id: str = "", *, most: int = MOST) -> None:
        self._file = None if directory is None else Path(directory) / f"{agent_id}.escrow-traces.json"
        self._most = most
        self._changed = False
        self._lock = threading.Lock()
        self._known: dict[str, Creation] = {} if self._file is None else _read(self._file)

    def remember(self, escrow_id: str, trace_id: int, span_id: int, at: float) -> None:
        """This span created the escrow."""
        name = _name(escrow_id)
        if not 0 < len(name) <= _LONGEST_ID or (scrub(name) != name and not is_public(name)):
            return
        with self._lock:
            self._known.pop(name, None)
            while len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[name] = Creation(f"{trace_id:032x}", f"{span_id:016x}", at)
            self._changed = True

    def link(self, escrow_id: str) -> SpanLink | None:
        """To the span that created the escrow; None when it is not known."""
        found = self._known.get(_name(escrow_id))
        return None if found is None else SpanLink(trace_id=int(found.trace_id, 16), span_id=int(found.span_id, 16))

    def held_s(self, escrow_id: str, until: float) -> float | None:
        """Seconds from its creation; None when that is not known."""
        found = self._known.get(_name(escrow_id))
        return None if found is None else max(0.0, until - found.at)

    def save(self) -> None:
        """Write them, if they changed.

        Raises:
            OSError: the directory cannot be written.
        """
        if self._file is None or not self._changed:
            return
        with self._lock:
            # What another process of the agent has written since is kept.
            together = sorted((_read(self._file) | self._known).items(), key=lambda item: item[1].at)
            self._known = dict(together[-self._most :])
            body, self._changed = msgspec.json.encode(self._known), False
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(f".{os.getpid()}")
        partial.write_bytes(body)
        partial.replace(self._file)

    def after_fork(self) -> None:
        """The parent's lock may have been held."""
        self._lock = threading.Lock()


def _name(escrow_id: object) -> str:
    """The id as text: a platform may say a number, and what is none must not raise here, where money is locked already."""
    try:
        return "" if escrow_id is None else str(escrow_id)
    except Exception:  # noqa: BLE001 - a stranger's object
        return ""


def _read(file: Path) -> dict[str, Creation]:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Creation])
        return {name: one for name, one in found.items() if int(one.trace_id, 16) and int(one.span_id, 16)}
    except (OSError, ValueError, msgspec.MsgspecError):
        return {}
