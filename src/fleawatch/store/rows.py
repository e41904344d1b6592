"""Facts and outputs as rows of the SQLite tables, and the statements that write them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from fleawatch.events import AgentDeclared, AgentRetired, Amended, LedgerEntry, encode
from fleawatch.flow.outputs import AnyOutput, Delivery
from fleawatch.store.audit.declared import is_audited
from fleawatch.store.batch import Ready, recorded_twice, seen_at

_FACT: Final = """
INSERT INTO facts (seq, fact_id, kind, agent_id, at, seen_at, source, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

_LEDGER: Final = """
INSERT INTO ledger (agent_id, service, currency, position, at, amount, balance_after,
                    entry, reference, level, fee, reason, seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

# Only what was recorded before the amendment is amended by it.
_AMEND: Final = "UPDATE facts SET current = ? WHERE fact_id = ? AND seq < ?"

_DECLARE: Final = """
INSERT INTO agents (agent_id, body, seq) VALUES (?, ?, ?)
ON CONFLICT (agent_id) DO UPDATE SET body = excluded.body, seq = excluded.seq, retired_at = NULL
"""

_RETIRE: Final = "UPDATE agents SET retired_at = ?, seq = ? WHERE agent_id = ?"

# Not ON CONFLICT DO NOTHING, which would use up an id for every output that is left out.
_OUTPUT: Final = """
INSERT INTO outputs (key, agent_id, at, kind, body, seq, created_at, channel, lane)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (SELECT 1 FROM outputs WHERE key = ?1)
"""


def write_facts(connection: sqlite3.Connection, batch: Sequence[Ready], last: int) -> int:
    """Record the facts after number `last`, with what is kept beside them; the number of the last one now.

    Raises:
        StoreError: a fact is recorded already.
        sqlite3.Error: as SQLite found; the caller's transaction is then to be undone.
    """
    if not batch:
        return last
    rows = [
        (
            seq, event.fact_id, event.__struct_config__.tag, event.agent_id, event.at, event.seen_at, event.source,
            body,
        )
        for seq, (event, body) in enumerate(batch, last + 1)
    ]  # fmt: skip
    try:
        connection.executemany(_FACT, rows)
    except sqlite3.IntegrityError:
        twice = _recorded(connection, batch, last)
        if twice:
            raise recorded_twice(twice) from None
        raise
    _write_beside(connection, batch, last)
    connection.execute("UPDATE meta SET value = ? WHERE name = 'last_seq'", (last + len(batch),))
    return last + len(batch)


def _recorded(connection: sqlite3.Connection, batch: Sequence[Ready], last: int) -> list[str]:
    """The facts of the batch that an earlier commit recorded."""
    known = "SELECT 1 FROM facts WHERE fact_id = ? AND seq <= ?"
    return [
        event.fact_id for event, _ in batch if connection.execute(known, (event.fact_id, last)).fetchone() is not None
    ]


def _write_beside(connection: sqlite3.Connection, batch: Sequence[Ready], last: int) -> None:
    ledger: list[tuple[object, ...]] = []
    for seq, (event, body) in enumerate(batch, last + 1):
        if isinstance(event, LedgerEntry):
            ledger.append(_ledger_row(event, seq))
        elif isinstance(event, Amended):
            connection.execute(_AMEND, (encode(event.after).decode(), event.after.fact_id, seq))
        elif isinstance(event, AgentDeclared):
            connection.execute(_DECLARE, (event.agent_id, body, seq))
        elif isinstance(event, AgentRetired):
            connection.execute(_RETIRE, (event.at, seq, event.agent_id))
    if ledger:
        connection.executemany(_LEDGER, ledger)


def _ledger_row(entry: LedgerEntry, seq: int) -> tuple[object, ...]:
    return (
        entry.agent_id, entry.service, entry.currency, entry.position, entry.at, str(entry.amount),
        str(entry.balance_after), entry.entry, entry.reference, entry.level, str(entry.fee), entry.reason, seq,
    )  # fmt: skip


def new_outputs(
    connection: sqlite3.Connection, outputs: Sequence[tuple[AnyOutput, str]]
) -> list[tuple[AnyOutput, str]]:
    """Those of the outputs that are audited and whose keys are not recorded yet."""
    known = "SELECT 1 FROM outputs WHERE key = ?"
    return [
        (output, body)
        for output, body in outputs
        if is_audited(output) and connection.execute(known, (output.key,)).fetchone() is None
    ]


def write_outputs(
    connection: sqlite3.Connection, outputs: Sequence[tuple[AnyOutput, str]], batch: Sequence[Ready], seq: int
) -> None:
    """Record the outputs whose keys are new, as caused by the facts of the batch, the last of which is number `seq`."""
    rows = [
        (
            output.key, output.agent_id, output.at, output.__struct_config__.tag, body, seq, seen_at(batch, output),
            *_lane(output),
        )
        for output, body in outputs
    ]  # fmt: skip
    connection.executemany(_OUTPUT, rows)


def _lane(output: AnyOutput) -> tuple[str | None, str | None]:
    """The channel of a delivery and the group in which it keeps its turn."""
    return (output.channel, output.group) if isinstance(output, Delivery) else (None, None)
