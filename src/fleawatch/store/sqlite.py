"""The store in one SQLite file: what the service remembers over restarts.

Everything that decides (what is refused, what is due, what may be forgotten) is the same in `MemoryStore`; one contract
suite runs on both.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from fleawatch.errors import BadEvent, StoreError
from fleawatch.events import AgentDeclared, AnyEvent, Event, LedgerEntry, decode
from fleawatch.flow.outputs import AnyOutput, Output, decode_output
from fleawatch.ports import AuditEntry, Claimed, DeadLetter, Kept, Snapshot, StoredFact
from fleawatch.store import queries, snapshots
from fleawatch.store.audit.files import AuditFiles, beside
from fleawatch.store.audit.log import AuditLog
from fleawatch.store.audit.log import page as audit_page
from fleawatch.store.batch import no_output, ready, ready_outputs, snapshot_ahead
from fleawatch.store.begin import first_after, no_base, prune_point
from fleawatch.store.database import Database, Mode
from fleawatch.store.order import in_ledger_order
from fleawatch.store.rows import new_outputs, write_facts, write_outputs

_Fact = TypeVar("_Fact", bound=Event)

PRUNE_BATCH: Final = 5_000
"""Rows that one transaction of `prune` deletes, so that the log stays small and readers get their turn."""

FREE_SHARE: Final = 8
"""One page in so many stays free after `prune`, to be filled again, before the file gives space back to its disk."""


class SqliteStore:
    """A store in the file at `path`, with its write-ahead log and its lock file beside it.

    Args:
        path: the file. An owner makes it when it is not there; its directory must be.
        mode: `owner` for the one service; `worker` to claim outputs from another process; `reader` to look only.
        busy_timeout_s: how long a write waits for another process before it fails, in seconds.
        audit: where the key and the anchors of the audit log are; beside the file when None.

    Raises:
        StoreError: another service owns the file, it is damaged, of a newer release or of something else, or the disk
            refuses. The message names the file and the remedy.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        mode: Mode = "owner",
        busy_timeout_s: float = 5.0,
        audit: AuditFiles | None = None,
    ) -> None:
        self._mode: Mode = mode
        file = Path(path).resolve()
        self._database = Database(file, mode, busy_timeout_s)
        self._attempts: dict[int, int] = {}
        self._audit: AuditLog | None = None
        if mode == "owner":
            try:
                with self._database.alone("open the audit log") as connection:
                    self._audit = AuditLog(connection, audit or beside(file))
            except BaseException:
                self._database.close()
                raise

    def commit(self, facts: Sequence[Event], outputs: Sequence[Output]) -> int:
        batch, news = ready(facts), ready_outputs(outputs)
        with self._writing("record facts", "owner") as connection:
            before = _meta(connection, "last_seq") or 0
            last = write_facts(connection, batch, before)
            fresh = new_outputs(connection, news)
            if news:
                write_outputs(connection, news, batch, last)
            staged = self._audit.stage(connection, batch, fresh, (before, last)) if self._audit else None
        if self._audit:
            self._audit.settle(staged)
        return last

    def known(self, fact_ids: Iterable[str]) -> dict[str, AnyEvent]:
        wanted = list(dict.fromkeys(fact_ids))
        with self._database.reading("look facts up") as connection:
            bodies = [
                row
                for first in range(0, len(wanted), queries.LOOKED_UP)
                for some in (wanted[first : first + queries.LOOKED_UP],)
                for row in connection.execute(queries.booked_sql(len(some)), some)
            ]
        return {fact_id: self._decoded(body, fact_id) for fact_id, body in bodies}

    def facts(
        self,
        *,
        after: int = 0,
        limit: int = 1_000,
        agent_id: str | None = None,
        kinds: Sequence[str] | None = None,
        newest_first: bool = False,
        before: int | None = None,
    ) -> list[StoredFact]:
        asked = queries.Page(after, before, max(0, limit), agent_id, kinds, newest_first)
        with self._database.reading("read facts") as connection:
            rows = queries.read_page(connection, asked)
        return [StoredFact(seq, self._decoded(body, seq)) for seq, body in rows]

    def ledger(self, agent_id: str, *, service: str | None = None, limit: int = 1_000) -> list[LedgerEntry]:
        with self._database.reading("read the ledger") as connection:
            rows = queries.read_ledger(connection, agent_id, service, max(0, limit))
        return in_ledger_order(self._fact(LedgerEntry, body, seq) for seq, body in rows)

    def agents(self) -> list[AgentDeclared]:
        with self._database.reading("read the agents") as connection:
            rows = connection.execute(queries.AGENTS).fetchall()
        return [self._fact(AgentDeclared, body, agent_id) for agent_id, body in rows]

    def save(self, snapshot: Snapshot, *, keep_at: float | None = None) -> None:
        with self._writing("save the snapshot", "owner") as connection:
            last = _meta(connection, "last_seq") or 0
            if not 0 <= snapshot.seq <= last:
                raise snapshot_ahead(snapshot, last)
            snapshots.replace(connection, snapshot)
            if keep_at is not None:
                snapshots.keep(connection, snapshot, keep_at)

    def snapshot(self) -> Snapshot | None:
        with self._database.reading("read the snapshot") as connection:
            seq = _meta(connection, "snapshot_seq")
            bodies = dict(connection.execute("SELECT scope, body FROM snapshots").fetchall())
        return None if seq is None else Snapshot(seq, bodies)

    def kept(self) -> list[Kept]:
        with self._database.reading("read the kept snapshots") as connection:
            return snapshots.kept(connection)

    def base(self) -> Snapshot | None:
        with self._database.reading("read the base of replays") as connection:
            forgotten = _meta(connection, "forgotten_seq") or 0
            if not forgotten:
                return None
            first = first_after(snapshots.kept(connection), forgotten)
            if first is None:
                raise no_base(forgotten, str(self._database.path))
            try:
                return Snapshot(first.seq, snapshots.kept_bodies(connection, first.seq))
            except zlib.error as error:
                raise StoreError(
                    f"{self._database.path}: the snapshot kept after fact {first.seq} could not be read: {error}. "
                    "Remedy: restore a backup."
                ) from error

    def claim(
        self,
        *,
        now: float,
        limit: int,
        lease_s: float,
        kinds: Sequence[str] | None = None,
        channel: str | None = None,
    ) -> list[Claimed]:
        named = None if kinds is None else sorted(set(kinds))
        sql = queries.claim_sql(kinds=None if named is None else len(named), channel=channel is not None)
        parameters = {
            "now": now, "until": now + lease_s, "limit": max(0, limit), "channel": channel,
            **{f"kind{number}": kind for number, kind in enumerate(named or ())},
        }  # fmt: skip
        with self._writing("claim outputs", "owner", "worker") as connection:
            rows = connection.execute(sql, parameters).fetchall()
        self._attempts.update((output_id, attempts) for output_id, _, attempts in rows)
        return [
            Claimed(output_id, self._output(body, output_id), attempts) for output_id, body, attempts in sorted(rows)
        ]

    def finish(self, output_id: int, *, now: float) -> None:
        with self._writing("finish an output", "owner", "worker") as connection:
            if connection.execute(queries.FINISH, {"id": output_id, "now": now}).rowcount == 0:
                raise no_output(output_id)
        self._attempts.pop(output_id, None)

    def fail(self, output_id: int, *, now: float, error: str, retry_at: float | None) -> None:
        parameters = {
            "id": output_id, "now": now, "error": error, "retry_at": retry_at,
            "attempts": self._attempts.get(output_id),
        }  # fmt: skip
        with self._writing("note a failed output", "owner", "worker") as connection:
            changed = connection.execute(queries.FAIL, parameters).rowcount
            if not changed and not connection.execute("SELECT 1 FROM outputs WHERE id = ?", (output_id,)).fetchone():
                raise no_output(output_id)
        self._attempts.pop(output_id, None)

    def audit(
        self,
        *,
        after: int = 0,
        limit: int = 1_000,
        kinds: Sequence[str] | None = None,
        agent_id: str | None = None,
        since: float = 0.0,
    ) -> list[AuditEntry]:
        with self._database.reading("read the audit log") as connection:
            return audit_page(connection, after=after, limit=limit, kinds=kinds, agent_id=agent_id, since=since)

    def pending(self) -> int:
        with self._database.reading("count outputs") as connection:
            (count,) = connection.execute(queries.PENDING).fetchone()
        return int(count)

    def channels(self) -> list[str]:
        with self._database.reading("look for deliveries") as connection:
            return [channel for (channel,) in connection.execute(queries.CHANNELS)]

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        with self._database.reading("read dead outputs") as connection:
            rows = connection.execute(queries.DEAD, {"limit": max(0, limit)}).fetchall()
        return [DeadLetter(row[0], self._output(row[1], row[0]), *row[2:]) for row in rows]

    def outputs(self, *, kinds: Sequence[str], limit: int = 100, agent_id: str | None = None) -> list[AnyOutput]:
        most = max(0, limit)
        with self._database.reading("read outputs") as connection:
            rows = [
                row
                for kind in sorted(set(kinds))
                for row in connection.execute(queries.OUTPUTS, {"kind": kind, "agent": agent_id, "limit": most})
            ]
        return [self._output(body, output_id) for output_id, body in sorted(rows, reverse=True)[:most]]

    def prune(self, *, before: float, kinds: Sequence[str]) -> int:
        with self._database.reading("read the numbers of the snapshots") as connection:
            saved = _meta(connection, "snapshot_seq") or 0
            point = prune_point(snapshots.kept(connection), before=before, saved=saved)
        bounds = {"before": before, "saved": saved, "point": point, "limit": PRUNE_BATCH}
        gone = sum(
            self._forget(queries.FORGET_FACTS, {**bounds, "kind": kind}, noting=queries.NOTE_FORGOTTEN)
            for kind in sorted(set(kinds))
        )
        with self._writing("forget old snapshots", "owner") as connection:
            connection.execute(queries.FORGET_SNAPSHOTS, bounds)
        self._forget(queries.FORGET_OUTPUTS, bounds)
        self._give_space_back()
        return gone

    def close(self) -> None:
        if self._audit:
            self._audit.close()
        self._database.close()

    def _forget(self, sql: str, bounds: Mapping[str, object], *, noting: str = "") -> int:
        """Delete in transactions of a bounded size, each with the note of it, until one finds less than it could take."""
        gone = 0
        while True:
            with self._writing("forget old rows", "owner") as connection:
                deleted = connection.execute(sql, bounds).rowcount
                if deleted and noting:
                    connection.execute(noting, bounds)
            gone += deleted
            if deleted < PRUNE_BATCH:
                return gone

    def _give_space_back(self) -> None:
        with self._database.alone("give space back") as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            (free,) = connection.execute("PRAGMA freelist_count").fetchone()
            surplus = free - pages // FREE_SHARE
            if surplus > 0:
                # `execute` would stop after the first page: the pragma gives back one page a step, without a column.
                connection.executescript(f"PRAGMA incremental_vacuum({surplus})")

    @contextmanager
    def _writing(self, doing: str, *allowed: Mode) -> Iterator[sqlite3.Connection]:
        if self._mode not in allowed:
            raise StoreError(
                f"{self._database.path}: could not {doing}: it was opened in mode {self._mode}. "
                f"Remedy: open it in mode {allowed[0]}."
            )
        with self._database.writing(doing) as connection:
            yield connection

    def _decoded(self, body: str, place: object) -> AnyEvent:
        try:
            return decode(body)
        except BadEvent as error:
            raise StoreError(
                f"{self._database.path}: fact {place} could not be read: {error}. "
                "Remedy: upgrade Fleawatch when a newer release wrote it, else restore a backup."
            ) from error

    def _fact(self, kind: type[_Fact], body: str, place: object) -> _Fact:
        event: Event = self._decoded(body, place)
        if not isinstance(event, kind):
            raise StoreError(f"{self._database.path}: fact {place} was no {kind.__name__}. Remedy: restore a backup.")
        return event

    def _output(self, body: str, output_id: int) -> AnyOutput:
        try:
            return decode_output(body)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"{self._database.path}: output {output_id} could not be read: {error}. "
                "Remedy: upgrade Fleawatch when a newer release wrote it, else restore a backup."
            ) from error


def _meta(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute(queries.META, (name,)).fetchone()
    return None if row is None else int(row[0])
