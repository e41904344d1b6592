"""Brings a database file to the schema of this release, one numbered SQL file after the other.

A file that was applied must never change, or two installations of one version would differ: its checksum is kept in
the database and compared on every opening.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from fleawatch.errors import StoreError


class Migration(NamedTuple):
    """One step of the schema. `name` is its file name, `number` the digits that it begins with."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> tuple[Migration, ...]:
    """The SQLite migrations of this release, in order."""
    folder = resources.files("fleawatch.store") / "migrations" / "sqlite"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in files)


def pending(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> tuple[Migration, ...]:
    """The migrations that the database still lacks. Writes nothing.

    Raises:
        StoreError: the file holds something else, was written by a newer release, or under a migration that has
            changed since.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "migrations" not in tables:
        if tables:
            raise StoreError(
                f"{path}: is a database of something else (tables {', '.join(sorted(tables)[:5])}). "
                "Remedy: give the store a file of its own."
            )
        return tuple(migrations)
    shipped_by_number = {migration.number: migration for migration in migrations}
    applied = connection.execute("SELECT number, name, checksum FROM migrations ORDER BY number").fetchall()
    for number, name, checksum in applied:
        known = shipped_by_number.get(number)
        if known is None:
            raise StoreError(
                f"{path}: was written by a newer release (migration {name}). "
                "Remedy: upgrade Fleawatch, or open a copy from before the upgrade."
            )
        if known.checksum != checksum:
            raise StoreError(
                f"{path}: migration {name} has changed since it was applied here. "
                f"Remedy: restore the released {known.name} (reinstall Fleawatch) and put changes in a new migration."
            )
    done = {number for number, _, _ in applied}
    return tuple(migration for migration in migrations if migration.number not in done)


def apply(connection: sqlite3.Connection, migration: Migration) -> None:
    """Run one migration and note it, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL) STRICT"
        )
        for statement in _statements(migration.sql):
            connection.execute(statement)
        connection.execute("INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)",
                           (migration.number, migration.name, migration.checksum))  # fmt: skip
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(sql: str) -> Iterator[str]:
    """The statements of a script, one at a time: `executescript` would commit the transaction around them."""
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
