"""STORE: what a service remembers. One port, twins in memory and in a SQLite file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fleawatch.errors import StoreError
from fleawatch.ports import Store
from fleawatch.store.audit.files import DATABASE, AuditFiles, beside
from fleawatch.store.database import Mode
from fleawatch.store.memory import MemoryStore
from fleawatch.store.sqlite import SqliteStore

__all__ = ["FILE_NAME", "MemoryStore", "Mode", "SqliteStore", "open_store"]

FILE_NAME: Final = DATABASE
"""Name of the database in a state directory."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+]*:")


def open_store(
    url: str, *, mode: Mode = "owner", audit_key: Path | None = None, audit_anchors: Path | None = None
) -> Store:
    """The store that a configuration names.

    Args:
        url: `memory:`, `sqlite:PATH` for a database file, or the path of a state directory (made when it is missing),
            in which the database is `fleawatch.db`.
        mode: see `fleawatch.store.database.Mode`; of no meaning in memory.
        audit_key: file of the audit log's key; beside the database when None.
        audit_anchors: file of its anchors; beside the database when None.

    Raises:
        StoreError: the address is none of these, or the store refuses to open.
    """
    scheme = _SCHEME.match(url)
    if url == "memory:":
        return MemoryStore()
    if url.startswith("sqlite:") and url != "sqlite:":
        return _sqlite(Path(url.removeprefix("sqlite:")), mode, audit_key, audit_anchors)
    if scheme or not url:
        raise StoreError(
            f"the store was {url!r}. Remedy: write `memory:`, `sqlite:PATH`, or the path of a state directory."
        )
    return _sqlite(_state_directory(Path(url), mode) / FILE_NAME, mode, audit_key, audit_anchors)


def _sqlite(path: Path, mode: Mode, key: Path | None, anchors: Path | None) -> SqliteStore:
    files: AuditFiles = beside(path.resolve(), key, anchors)
    return SqliteStore(path, mode=mode, audit=files)


def _state_directory(directory: Path, mode: Mode) -> Path:
    if mode != "owner":
        return directory
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StoreError(
            f"{directory}: is a file. Remedy: write `sqlite:{directory}` for a database file, or name a directory."
        ) from error
    except OSError as error:
        raise StoreError(
            f"{directory}: could not make the state directory: {error.strerror}. "
            "Remedy: make it by hand, writable for this user."
        ) from error
    return directory
