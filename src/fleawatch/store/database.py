"""One connection to one SQLite file: how it is opened, what a transaction is, and when it must not be used any more.

Write-ahead log with synchronous=NORMAL: what was committed survives the death of the process at any instant; when the
machine loses power the last commits may be gone, whole ones and together with the outputs they caused.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

from fleawatch.errors import StoreError
from fleawatch.store.faults import explain, is_lost
from fleawatch.store.lock import WriterLock
from fleawatch.store.migrate import apply, pending, shipped

Mode = Literal["owner", "worker", "reader", "still"]
"""What an opened store may do.

`owner` is the one service that records facts; `worker` only claims outputs and reports on them; `reader` writes nothing.
`still` is a reader of a store that no service has open: it trusts that nothing moves, and leaves no file beside the store,
which a reader of a write-ahead log cannot avoid.
"""

_ACCESS: Final[dict[Mode, str]] = {"owner": "rwc", "worker": "rw", "reader": "ro", "still": "ro&immutable=1"}
_OLDEST_SQLITE: Final = (3, 38)
_CACHE_KIB: Final = 32 * 1024
"""Page cache: the ids of facts come in no order, so writing a batch touches pages all over their index."""
_CHECKPOINT_PAGES: Final = 4_000
"""Length of the log at which it is written back: longer than SQLite's 1,000, so that hot pages are written once."""
_LOG_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of write-ahead log that are kept after a long reader let it grow."""


class Database:
    """An open SQLite file with the schema of this release.

    Args:
        path: the file; made with its schema when an owner opens it for the first time.
        mode: see `Mode`.
        busy_timeout_s: how long a write waits for another process, in seconds.

    Raises:
        StoreError: as the file, its lock or its migrations refuse.
    """

    def __init__(self, path: Path, mode: Mode, busy_timeout_s: float) -> None:
        self.path = path
        self.mode: Mode = mode
        self._thread = threading.get_ident()
        self._closed_because = "it was closed"
        self._connection: sqlite3.Connection | None = None
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreError(
                f"{path}: SQLite was {sqlite3.sqlite_version}. Remedy: use a Python with SQLite 3.38 or newer."
            )
        if mode != "owner" and not path.exists():
            raise StoreError(f"{path}: there is no store. Remedy: start the service on it once, or mend the path.")
        self._lock = WriterLock(path) if mode == "owner" else None
        try:
            self._connection = sqlite3.connect(
                f"{path.as_uri()}?mode={_ACCESS[mode]}",
                uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False,
            )  # fmt: skip
            self._prepare(self._connection)
        except sqlite3.Error as error:
            self.close()
            raise explain(path, "open the store", error) from error
        except BaseException:
            self.close()
            raise

    def _prepare(self, connection: sqlite3.Connection) -> None:
        missing = pending(connection, self.path, shipped())
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if self.mode == "owner":
            # Only an empty file takes this one, and only before the log is switched on.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            (journal,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            if journal != "wal":
                raise StoreError(
                    f"{self.path}: its disk has no write-ahead log (journal was {journal}). "
                    "Remedy: keep the store on a local disk."
                )
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_LIMIT}")
            for migration in missing:
                apply(connection, migration)
        elif missing:
            raise StoreError(
                f"{self.path}: lacks migration {missing[0].name}. Remedy: start this release's service on it once."
            )

    @contextmanager
    def writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """One write transaction: committed at the end, undone when anything raises."""
        with self._between("BEGIN IMMEDIATE", doing) as connection:
            yield connection

    @contextmanager
    def reading(self, doing: str) -> Iterator[sqlite3.Connection]:
        """One read transaction: everything read in it is of one moment."""
        with self._between("BEGIN", doing) as connection:
            yield connection

    @contextmanager
    def _between(self, begin: str, doing: str) -> Iterator[sqlite3.Connection]:
        connection = self._usable(doing)
        try:
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:
            raise self._failed(connection, doing, error) from error
        except BaseException:
            self._undo(connection)
            raise

    @contextmanager
    def alone(self, doing: str) -> Iterator[sqlite3.Connection]:
        """The connection outside any transaction, for the statements that bring their own."""
        connection = self._usable(doing)
        try:
            yield connection
        except sqlite3.Error as error:
            raise self._failed(connection, doing, error) from error

    def close(self) -> None:
        """Let go of the file and the lock. May be called twice, and from any thread."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                connection.close()
        except sqlite3.Error as error:
            raise explain(self.path, "close the store", error) from error
        finally:
            if self._lock is not None:
                self._lock.release()

    def _usable(self, doing: str) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError(f"{self.path}: could not {doing}: {self._closed_because}. Remedy: open the store again.")
        if threading.get_ident() != self._thread:
            raise StoreError(
                f"{self.path}: could not {doing}: the store belongs to the thread that opened it. "
                "Remedy: open it once more, in mode worker or reader, in this thread."
            )
        return self._connection

    def _failed(self, connection: sqlite3.Connection, doing: str, error: Exception) -> StoreError:
        self._undo(connection)
        explained = explain(self.path, doing, error)
        if is_lost(error):
            self._give_up(f"it was closed when the file turned out to be damaged ({error})")
        return explained

    def _undo(self, connection: sqlite3.Connection) -> None:
        if not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._give_up(f"it was closed when a transaction could not be undone ({error})")

    def _give_up(self, reason: str) -> None:
        """Close for good: going on with a file in an unknown state could only lose more."""
        self._closed_because = reason
        with suppress(StoreError):  # the failure that led here is already on its way to the caller
            self.close()
