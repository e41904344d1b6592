"""What a failure of SQLite means to an operator: which file, what happened, and what to do about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from fleawatch.errors import StoreError

_CORRUPT: Final = (
    "stop the service, move the file aside and restore a backup (`sqlite3 FILE .recover` saves what can be)"
)
_REMEDIES: Final = {
    sqlite3.SQLITE_FULL: "free space on its disk, or forget more with a shorter retention; nothing was written",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable for this user; nothing was written",
    sqlite3.SQLITE_PERM: "make the file and its directory readable and writable for this user",
    sqlite3.SQLITE_CANTOPEN: "check that the directory exists and that this user may write there",
    sqlite3.SQLITE_BUSY: "another process holds it: close what else has it open for writing, then try again",
    sqlite3.SQLITE_LOCKED: "another process holds it: close what else has it open for writing, then try again",
    sqlite3.SQLITE_IOERR: "check the disk and the system log; nothing was written",
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
}

_LOST: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def explain(path: Path, doing: str, error: Exception) -> StoreError:
    """The failure of `doing` on the file at `path`, with its remedy."""
    remedy = _REMEDIES.get(_primary(error), "run `fleawatch doctor`, and check the file and its disk")
    return StoreError(f"{path}: could not {doing}: {error}. Remedy: {remedy}.")


def is_lost(error: Exception) -> bool:
    """Whether the file cannot be trusted any more, so that the store must not go on with it."""
    return _primary(error) in _LOST


def _primary(error: Exception) -> int:
    """SQLite's primary result code; -1 for an error of the Python module itself, which has no code."""
    code: object = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else -1
