"""The questions that are asked of the SQLite tables. Each is answered from an index; none reads all the facts."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Final, NamedTuple, get_args

from fleawatch.events import KINDS, Service

LOOKED_UP: Final = 500
"""Facts that one question of `booked_sql` is about, at most."""

BODY: Final = "SELECT body FROM facts WHERE seq = ?"

LEDGER: Final = "SELECT seq FROM ledger WHERE agent_id = :agent AND service = :service ORDER BY seq DESC LIMIT :limit"

AGENTS: Final = "SELECT agent_id, body FROM agents WHERE retired_at IS NULL ORDER BY agent_id"

META: Final = "SELECT value FROM meta WHERE name = ?"

_CLAIM: Final = """
UPDATE outputs SET claimed_until = :until, attempts = attempts + 1
WHERE id IN (
    SELECT id FROM outputs AS due
    WHERE finished_at IS NULL AND failed_at IS NULL AND (claimed_until IS NULL OR claimed_until <= :now)
        {chosen}
        AND (channel IS NULL OR NOT EXISTS (
            SELECT 1 FROM outputs AS older
            WHERE older.channel = due.channel AND older.lane = due.lane AND older.id < due.id
                AND older.finished_at IS NULL AND older.failed_at IS NULL
        ))
    ORDER BY id LIMIT :limit
)
RETURNING id, body, attempts
"""

CHANNELS: Final = """
SELECT DISTINCT channel FROM outputs
WHERE channel IS NOT NULL AND finished_at IS NULL AND failed_at IS NULL ORDER BY channel
"""

DEAD: Final = """
SELECT id, body, attempts, failed_at, coalesce(error, '') FROM outputs WHERE failed_at IS NOT NULL
ORDER BY failed_at DESC, id DESC LIMIT :limit
"""

OUTPUTS: Final = """
SELECT id, body FROM outputs WHERE kind = :kind AND agent_id = coalesce(:agent, agent_id)
ORDER BY id DESC LIMIT :limit
"""

FINISH: Final = "UPDATE outputs SET finished_at = coalesce(finished_at, :now), failed_at = NULL WHERE id = :id"

# A report on an older attempt than the row's must not end the lease of the one who works on it now.
FAIL: Final = """
UPDATE outputs
SET error = :error, claimed_until = :retry_at, failed_at = CASE WHEN :retry_at IS NULL THEN :now END
WHERE id = :id AND finished_at IS NULL AND failed_at IS NULL AND attempts = coalesce(:attempts, attempts)
"""

PENDING: Final = "SELECT count(*) FROM outputs WHERE finished_at IS NULL AND failed_at IS NULL"

FORGET_FACTS: Final = """
DELETE FROM facts WHERE seq IN
    (SELECT seq FROM facts WHERE kind = :kind AND seen_at < :before AND seq <= :point LIMIT :limit)
"""

NOTE_FORGOTTEN: Final = "UPDATE meta SET value = max(value, :point) WHERE name = 'forgotten_seq'"

FORGET_SNAPSHOTS: Final = """
DELETE FROM kept_snapshots WHERE seq < max(:point, (SELECT value FROM meta WHERE name = 'forgotten_seq'))
"""

FORGET_OUTPUTS: Final = """
DELETE FROM outputs WHERE id IN
    (SELECT id FROM outputs WHERE finished_at IS NOT NULL AND finished_at < :before AND seq <= :saved LIMIT :limit)
"""

_LAST: Final = 2**63 - 1

_SERVICES: Final = get_args(Service)


class Page(NamedTuple):
    """Which facts are asked for: `after < seq < before`, at most `limit`, of everyone or one agent, of all kinds or some."""

    after: int
    before: int | None
    limit: int
    agent_id: str | None
    kinds: Sequence[str] | None
    newest_first: bool


@lru_cache(maxsize=16)
def claim_sql(*, kinds: int | None, channel: bool) -> str:
    """The claim of outputs: of every kind or of so many (`:kind0`, `:kind1` ...), on every channel or on `:channel`."""
    chosen = ""
    if kinds is not None:
        chosen += f"AND kind IN ({', '.join(f':kind{number}' for number in range(kinds))}) "
    if channel:
        chosen += "AND channel = :channel"
    return _CLAIM.format(chosen=chosen)


@lru_cache(maxsize=8)
def facts_sql(*, agent: bool, kind: bool, newest_first: bool) -> str:
    """One page of facts by number: of everyone or one agent, of every kind or one.

    Of one kind only the numbers are read, so that the pages of several kinds can be merged before any body is.
    """
    return " ".join(
        [
            "SELECT seq FROM facts WHERE" if kind else "SELECT seq, body FROM facts WHERE",
            "agent_id = :agent AND" if agent else "",
            "kind = :kind AND" if kind else "",
            "seq > :after AND seq < :before ORDER BY seq",
            "DESC" if newest_first else "",
            "LIMIT :limit",
        ]
    )


@lru_cache(maxsize=16)
def booked_sql(count: int) -> str:
    """The question for the facts of `count` ids: each that is recorded, as it is booked now."""
    return f"SELECT fact_id, coalesce(current, body) FROM facts WHERE fact_id IN ({', '.join('?' * count)})"  # noqa: S608 - marks only, values are bound


def read_page(connection: sqlite3.Connection, asked: Page) -> list[tuple[int, str]]:
    """Numbers and bodies of the facts asked for, in the order asked for. Needs a transaction around it."""
    parameters: dict[str, object] = {
        "after": asked.after,
        "before": _LAST if asked.before is None else asked.before,
        "limit": asked.limit,
        "agent": asked.agent_id,
    }
    one_kind = asked.agent_id is not None or asked.kinds is not None
    sql = facts_sql(agent=asked.agent_id is not None, kind=one_kind, newest_first=asked.newest_first)
    if not one_kind:
        return connection.execute(sql, parameters).fetchall()
    kinds = KINDS if asked.kinds is None else set(asked.kinds)
    parts = [{**parameters, "kind": kind} for kind in kinds]
    return _merged(connection, sql, parts, newest_first=asked.newest_first, limit=asked.limit)


def read_ledger(
    connection: sqlite3.Connection, agent_id: str, service: str | None, limit: int
) -> list[tuple[int, str]]:
    """Numbers and bodies of an agent's newest ledger rows, last recorded first. Needs a transaction around it."""
    services = _SERVICES if service is None else (service,)
    parts = [{"agent": agent_id, "service": name, "limit": limit} for name in services]
    return _merged(connection, LEDGER, parts, newest_first=True, limit=limit)


def _merged(
    connection: sqlite3.Connection,
    sql: str,
    parts: Iterable[Mapping[str, object]],
    *,
    newest_first: bool,
    limit: int,
) -> list[tuple[int, str]]:
    """The first `limit` facts of several ordered lists of numbers, of which no more is read than is needed."""
    with ExitStack() as cursors:
        lists = [cursors.enter_context(closing(connection.execute(sql, part))) for part in parts]
        merged = heapq.merge(*lists, key=itemgetter(0), reverse=newest_first)
        return [(seq, connection.execute(BODY, (seq,)).fetchone()[0]) for (seq,) in islice(merged, limit)]
