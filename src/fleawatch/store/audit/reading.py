"""Look at the audit log of a database that a service may be using, or that nobody uses: write nothing, leave nothing.

SQLite would leave two files beside a database in write-ahead mode that it only read. A database without a log of its own
is therefore opened as one that cannot change, and read again when it did.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeVar

from fleawatch.errors import StoreError
from fleawatch.store.audit import anchors, chain
from fleawatch.store.audit.declared import AUDITED
from fleawatch.store.audit.files import DATABASE, AuditFiles, read_key
from fleawatch.store.audit.verify import Finding, Verdict, verify
from fleawatch.store.faults import explain

T = TypeVar("T")

TELL_EVERY: Final = 100_000
"""Entries between two words on how far a verification is."""

_ROWS: Final = f"SELECT {', '.join(chain.COLUMNS)} FROM audit_log ORDER BY seq"  # noqa: S608 - the names of our own columns
_FACTS: Final = "SELECT seq, body FROM facts WHERE kind = ? AND seq > ? ORDER BY seq"
_TABLE: Final = "SELECT type FROM sqlite_master WHERE name = 'audit_log'"


def database_of(state: Path) -> Path:
    """The database of a state directory, or the file itself.

    Raises:
        StoreError: there is none.
    """
    file = state / DATABASE if state.is_dir() else state
    if not file.is_file():
        raise StoreError(f"{file} does not exist. Remedy: name a service's state directory with --state")
    return file.resolve()


def looking(file: Path, doing: str, work: Callable[[sqlite3.Connection], T]) -> T:
    """What `work` finds in one transaction on the database.

    Raises:
        StoreError: the database cannot be read.
    """
    try:
        if not _has_log(file):
            before = _state_of(file)
            try:
                with _opened(file, immutable=True) as connection:
                    found = work(connection)
            except sqlite3.Error:
                if _unchanged(file, before):
                    raise
            else:
                if _unchanged(file, before):
                    return found
            # It changed under the eyes of a connection that was told it would not.
        with _opened(file, immutable=False) as connection:
            return work(connection)
    except sqlite3.Error as error:
        raise explain(file, doing, error) from error


def _unchanged(file: Path, before: tuple[int, int]) -> bool:
    return _state_of(file) == before and not _has_log(file)


def _state_of(file: Path) -> tuple[int, int]:
    seen = file.stat()
    return seen.st_mtime_ns, seen.st_size


def _has_log(file: Path) -> bool:
    log = file.with_name(file.name + "-wal")
    return log.exists() and log.stat().st_size > 0


@contextmanager
def _opened(file: Path, *, immutable: bool) -> Iterator[sqlite3.Connection]:
    options = "mode=ro&immutable=1" if immutable else "mode=ro"
    with closing(sqlite3.connect(f"{file.as_uri()}?{options}", uri=True, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        yield connection


def verify_log(file: Path, files: AuditFiles, *, told: Callable[[int], None] | None = None) -> Verdict:
    """Judge the audit log of a database, with the key and the anchors in `files`.

    The anchors are read first: whatever a running service adds meanwhile only makes the log longer than they say.

    Args:
        file: the database.
        files: its key and anchors.
        told: is told how many entries were read, now and then.

    Raises:
        StoreError: there is no key, or a file cannot be read.
    """
    key = read_key(files.key)
    anchored = anchors.read(files.anchors, key)

    def judge(connection: sqlite3.Connection) -> Verdict:
        if connection.execute(_TABLE).fetchone() != ("table",):
            return _nothing(key)
        return verify(_rows(connection, told), key, anchored, lambda after: _facts(connection, after))

    return looking(file, "verify the audit log", judge)


def _nothing(key: bytes) -> Verdict:
    return Verdict(
        sound=False, entries=0, last=0, anchors=0, anchored=0, after_anchor=0, facts_compared=0, facts_gone=0,
        key_id=chain.key_id(key), first_bad=Finding(1, "no_log", "the database has no table audit_log"),
    )  # fmt: skip


def _rows(connection: sqlite3.Connection, told: Callable[[int], None] | None = None) -> Iterator[tuple[Any, ...]]:
    cursor = connection.execute(_ROWS)
    for number in count():
        if told is not None and number and number % TELL_EVERY == 0:
            told(number)
        try:
            row = cursor.fetchone()
        except sqlite3.OperationalError as error:
            if "UTF-8" in str(error):
                raise UnicodeError(str(error)) from error
            raise
        if row is None:
            return
        yield row


def _facts(connection: sqlite3.Connection, after: int) -> Iterator[tuple[int, str]]:
    lists = [connection.execute(_FACTS, (kind, after)) for kind in sorted(AUDITED)]
    yield from heapq.merge(*lists, key=itemgetter(0))


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many entries there are of each kind; nothing is said of whether they are sound."""
    rows = connection.execute("SELECT kind, count(*) FROM audit_log GROUP BY kind ORDER BY kind")
    return {str(kind): int(count) for kind, count in rows}


def gaps(connection: sqlite3.Connection) -> int:
    """How many numbers between 1 and the last entry's have no entry."""
    last, count = connection.execute("SELECT coalesce(max(seq), 0), count(*) FROM audit_log").fetchone()
    return max(0, int(last) - int(count))
