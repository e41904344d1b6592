"""The audit log of a SQLite store, as its one service writes it: entries inside the transaction, the anchor after it.

The end of the chain is kept in memory while the service runs. When the table or the anchors turn out not to be what
they were left as, the service goes on watching, and says so in an entry that no later verification overlooks.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from fleawatch.errors import StoreError
from fleawatch.flow.outputs import AnyOutput
from fleawatch.ports import AuditEntry
from fleawatch.store.audit import chain, declared
from fleawatch.store.audit.anchors import Anchor, AnchorFile
from fleawatch.store.audit.chain import Head
from fleawatch.store.audit.declared import Draft
from fleawatch.store.audit.files import AuditFiles, make_key, read_key
from fleawatch.store.batch import Ready

log = logging.getLogger("fleawatch.audit")

OPENED: Final = "audit_opened"
"""Kind of the first entry: from which fact on the log is complete."""
BROKEN: Final = "audit_broken"
"""Kind of the entry that says that the log was not found as it was left."""

INSERT: Final = f"INSERT INTO audit_log ({', '.join(chain.COLUMNS)}) VALUES ({', '.join('?' * len(chain.COLUMNS))})"  # noqa: S608 - the names of our own columns
_LAST: Final = "SELECT seq, chain FROM audit_log ORDER BY seq DESC LIMIT 1"


class Staged(NamedTuple):
    """What a transaction adds, until it is committed: the new end, how many entries there then are, the last one's time."""

    head: Head
    entries: int
    at: float


class AuditLog:
    """Adds to the log in the transactions of `connection`, which has its table.

    Args:
        connection: open, outside any transaction.
        files: where key and anchors are; both are made when the log begins.

    Raises:
        StoreError: the key is gone or is none, or the files cannot be written.
    """

    def __init__(self, connection: sqlite3.Connection, files: AuditFiles) -> None:
        last = connection.execute(_LAST).fetchone()
        begun = last is not None or (files.anchors.exists() and files.anchors.stat().st_size > 0)
        self._key = read_key(files.key) if begun or files.key.exists() else make_key(files.key)
        self._anchors = AnchorFile(files.anchors, self._key)
        self._complaint = ""
        self._broken = ""
        try:
            self._count = _counted(connection, self._anchors.last)
            self._head = self._found(connection, last)
        except BaseException:
            self.close()
            raise
        if self._broken:
            log.error("the audit log is not as it was left: %s. Remedy: run `fleawatch audit verify`", self._broken)

    def stage(
        self,
        connection: sqlite3.Connection,
        batch: Sequence[Ready],
        outputs: Sequence[tuple[AnyOutput, str]],
        numbers: tuple[int, int],
    ) -> Staged | None:
        """Write the entries of facts and of new outputs; None when there are none.

        Args:
            connection: inside the transaction that records them.
            batch: the facts.
            outputs: the new outputs, with their bodies.
            numbers: of the last fact before the batch, and of its last one.
        """
        drafts = [*declared.of_facts(batch, numbers[0]), *declared.of_outputs(outputs, numbers[1])]
        if not drafts:
            return None
        head, at, after = self._head, drafts[0].at, numbers[0]
        (last,) = connection.execute("SELECT max(seq) FROM audit_log").fetchone()
        broken = self._broken
        if (last or 0) != head.seq and not broken:
            broken = f"the last entry was {last or 0} where the service had written {head.seq}"
            log.error("the audit log was changed while the service runs: %s", broken)
        if not head.seq:
            drafts.insert(0, opened(self._key, at, after))
        if broken:
            head = head._replace(seq=max(last or 0, head.seq))
            drafts.insert(0, _internal(BROKEN, at, after, {"why": broken}))
        entries, head = chain.extend(self._key, head, drafts)
        connection.executemany(INSERT, entries)
        return Staged(head, self._count + len(entries), entries[-1].at)

    def settle(self, staged: Staged | None) -> None:
        """The transaction was committed: move the end, and anchor it. A disk that refuses the anchor is logged once."""
        if staged is None:
            return
        self._head, self._count, _ = staged
        self._broken = ""
        try:
            self._anchors.write(Anchor(staged.head.seq, staged.head.chain.hex(), staged.entries, staged.at))
            self._complaint = ""
        except OSError as error:
            if str(error) != self._complaint:
                log.warning("%s: could not write an anchor of the audit log: %s", self._anchors.path, error)
            self._complaint = str(error)

    def close(self) -> None:
        """Let go of the anchors. May be called twice."""
        self._anchors.close()

    def _found(self, connection: sqlite3.Connection, last: tuple[int, str] | None) -> Head:
        """The end to go on from; `_broken` says what is wrong with it."""
        start = chain.root(self._key)
        anchor = self._anchors.last
        if anchor is None and self._anchors.empty:
            if last is not None:
                self._broken = "the anchors are gone"
            self._write_first(start)
        elif anchor is None:
            self._broken = "the last anchor cannot be read or was not written with this key"
        elif (last[0] if last else 0) < anchor.seq:
            self._broken = f"the last entry was {last[0] if last else 0} where {anchor.seq} was anchored"
            return Head(anchor.seq, bytes.fromhex(anchor.chain))
        elif anchor.seq and not _holds(connection, anchor):
            self._broken = f"entry {anchor.seq} is not the one that was anchored"
        if last is None:
            return start
        return Head(last[0], _value(last[1]))

    def _write_first(self, start: Head) -> None:
        try:
            self._anchors.write(Anchor(0, start.chain.hex(), 0, 0.0))
        except OSError as error:
            raise StoreError(
                f"{self._anchors.path}: could not write the first anchor: {error}. Remedy: free space on its disk."
            ) from error


def opened(key: bytes, at: float, after: int) -> Draft:
    """The first entry of a log that is complete after fact number `after`."""
    what = {"format": 1, "log_id": secrets.token_hex(8), "key_id": chain.key_id(key), "after_fact": after}
    return _internal(OPENED, at, after, what)


def _internal(kind: str, at: float, fact: int, what: dict[str, object]) -> Draft:
    body = msgspec.json.encode(what).decode()
    return Draft(float(at), kind, "", "monitor", f"audit:{kind}:{at:.3f}", fact, body, declared.sha256(body))


def _counted(connection: sqlite3.Connection, anchor: Anchor | None) -> int:
    """How many entries there are: those that were anchored are not counted again, there may be millions."""
    anchored, after = (anchor.entries, anchor.seq) if anchor else (0, -(2**63))
    (more,) = connection.execute("SELECT count(*) FROM audit_log WHERE seq > ?", (after,)).fetchone()
    return anchored + int(more)


def _holds(connection: sqlite3.Connection, anchor: Anchor) -> bool:
    row = connection.execute("SELECT chain FROM audit_log WHERE seq = ?", (anchor.seq,)).fetchone()
    return row is not None and row[0] == anchor.chain


def _value(text: object) -> bytes:
    """A chain value as bytes; of one that is none its text's digest, which nothing fits."""
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return bytes.fromhex(declared.sha256(str(text)))


def page(
    connection: sqlite3.Connection, *, after: int, limit: int, kinds: Sequence[str] | None, agent_id: str | None, since: float
) -> list[AuditEntry]:  # fmt: skip
    """Entries as the port `Store.audit` promises. Needs a transaction around it."""
    where = ["seq > ?", "at >= ?"]
    values: list[object] = [after, since]
    if agent_id is not None:
        where.append("agent_id = ?")
        values.append(agent_id)
    if kinds is not None:
        where.append(f"kind IN ({', '.join('?' * len(kinds))})")
        values += kinds
    sql = f"SELECT {', '.join(chain.COLUMNS)} FROM audit_log WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?"  # noqa: S608 - names of our own, values are bound
    return [AuditEntry(*row) for row in connection.execute(sql, (*values, max(0, limit)))]
