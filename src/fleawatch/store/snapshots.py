"""Snapshots as rows of the SQLite tables: the saved one, which a restart reads, and the kept ones, where a replay begins."""

from __future__ import annotations

import sqlite3
import zlib
from typing import Final

from fleawatch.ports import Kept, Snapshot

_LEVEL: Final = 1
"""Of compression: a state shrinks to two fifths at once, and hardly further in ten times the time."""


def replace(connection: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Make the saved snapshot equal to `snapshot`; a body that is the same as before is not written again."""
    bodies = snapshot.bodies
    gone = [scope for (scope,) in connection.execute("SELECT scope FROM snapshots") if scope not in bodies]
    connection.executemany("DELETE FROM snapshots WHERE scope = ?", [(scope,) for scope in gone])
    connection.executemany(
        "INSERT INTO snapshots (scope, body) VALUES (?, ?) "
        "ON CONFLICT (scope) DO UPDATE SET body = excluded.body WHERE body <> excluded.body",
        list(bodies.items()),
    )
    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('snapshot_seq', ?)", (snapshot.seq,))


def keep(connection: sqlite3.Connection, snapshot: Snapshot, at: float) -> None:
    """Keep `snapshot` as of `at`, unix seconds, in place of one that was kept after the same fact."""
    connection.execute("DELETE FROM kept_snapshots WHERE seq = ?", (snapshot.seq,))
    connection.execute("INSERT INTO kept_snapshots (seq, at) VALUES (?, ?)", (snapshot.seq, at))
    connection.executemany(
        "INSERT INTO kept_bodies (seq, scope, body) VALUES (?, ?, ?)",
        ((snapshot.seq, scope, zlib.compress(body, _LEVEL)) for scope, body in snapshot.bodies.items()),
    )


def kept(connection: sqlite3.Connection) -> list[Kept]:
    """The kept snapshots, oldest first."""
    return [Kept(seq, at) for seq, at in connection.execute("SELECT seq, at FROM kept_snapshots ORDER BY seq")]


def kept_bodies(connection: sqlite3.Connection, seq: int) -> dict[str, bytes]:
    """The bodies of the snapshot that was kept after fact `seq`, by scope."""
    rows = connection.execute("SELECT scope, body FROM kept_bodies WHERE seq = ?", (seq,))
    return {scope: zlib.decompress(body) for scope, body in rows}
