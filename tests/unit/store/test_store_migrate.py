"""How a database file comes to the schema of this release, and which files are refused."""

import sqlite3

import pytest

from fleawatch.errors import StoreError
from fleawatch.ports import Snapshot
from fleawatch.store import SqliteStore, migrate
from fleawatch.store.migrate import Migration, apply, pending, shipped
from fleawatch.testing.store_contract import bet

RELEASED = [
    (1, "0001_facts.sql", "33fb987ea3490af72897a56ce3f892f808c391ff023a2b71573d192ceb7e353a"),
    (2, "0002_snapshots.sql", "c62a6249c4a92083b0b7a1dffa1600510033585bc843c33c922cef36b8592187"),
    (3, "0003_outputs.sql", "d78e3bf2427b87161a8457e0c5cbcb5a8d47c63627aa95e8e4b049ec7ac437ba"),
    (4, "0004_kept_snapshots.sql", "20c21f297ab17de5b4bf079995147cf6e53b9240d113c48ebed18f96663e71f8"),
    (5, "0005_audit.sql", "9897ff510873ab540de491a0340b8d9837bca10750602b6f23df70cb52b8adef"),
    (6, "0006_deliveries.sql", "bc67be521c44c0a7c5b9aceb12f65d754c57dd4fbfd203faddd4477ec5442d62"),
    (7, "0007_outputs_by_kind.sql", "399a4584c733b53c7eee6138da2963f96be9c838586accbf459b287049b86fbe"),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fleawatch.db"


@pytest.fixture
def connection(path):
    connection = sqlite3.connect(path, isolation_level=None)
    yield connection
    connection.close()


def test_released_migrations_never_change():
    """Each released migration keeps its number, its name and its text; a change of schema is a new file."""
    assert [(step.number, step.name, step.checksum) for step in shipped()] == RELEASED


def test_migrations_are_numbered_without_a_gap():
    """The numbers run from 1, so that the order is the one that was meant."""
    assert [step.number for step in shipped()] == list(range(1, len(shipped()) + 1))


def test_a_new_file_gets_every_migration_once(path):
    """Opening applies what is missing, and opening again applies nothing."""
    SqliteStore(path).close()
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    applied = connection.execute("SELECT number, name, checksum FROM migrations ORDER BY number").fetchall()
    connection.close()
    assert applied == RELEASED


def test_an_older_file_is_brought_forward_with_its_data(path, monkeypatch):
    """A file of an older release keeps its facts and gains what is new."""
    store = SqliteStore(path)
    store.commit([bet(1)], [])
    store.close()
    later = (
        *shipped(),
        Migration(
            len(shipped()) + 1, "9999_more.sql", "CREATE TABLE more (x INTEGER);\nINSERT INTO more VALUES (1);\n"
        ),
    )
    monkeypatch.setattr("fleawatch.store.database.shipped", lambda: later)
    store = SqliteStore(path)
    assert [event for _, event in store.facts()] == [bet(1)]
    assert store._database._connection.execute("SELECT x FROM more").fetchall() == [(1,)]
    store.close()


@pytest.mark.parametrize(
    ("gone", "missing"), [((), 0), ((1,), 1), ((2, 4), 4), ((5,), 5), ((3, 5), 5), ((1, 2, 3, 4, 5), 5)]
)
def test_a_file_that_forgot_before_bases_were_kept_says_so(path, monkeypatch, gone, missing):
    """Facts missing from an older file are found: no replay begins before they are in a kept state."""
    before = shipped()[:3]
    old = sqlite3.connect(path, isolation_level=None)
    for migration in before:
        apply(old, migration)
    row = "INSERT INTO facts (seq, fact_id, kind, agent_id, at, seen_at, source, body) VALUES (?, ?, 'tick', '', 1, 1, 'monitor', '')"
    old.executemany(row, [(seq, str(seq)) for seq in range(1, 6) if seq not in gone])
    old.execute("UPDATE meta SET value = 5 WHERE name = 'last_seq'")
    old.close()
    store = SqliteStore(path)
    if missing:
        with pytest.raises(StoreError, match=rf"fleawatch\.db: facts up to number {missing} were forgotten.*Remedy"):
            store.base()
        store.save(Snapshot(missing - 1, {}), keep_at=1.0)
        with pytest.raises(StoreError, match="were forgotten"):
            store.base()
        store.save(Snapshot(missing, {"": b"state"}), keep_at=2.0)
        assert store.base() == Snapshot(missing, {"": b"state"})
    else:
        assert store.base() is None
    store.close()


def test_a_changed_migration_is_refused(path):
    """A file made under another text of a migration is refused by name, with what to do."""
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE migrations SET checksum = 'other' WHERE number = 2")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"fleawatch\.db: migration 0002_snapshots\.sql has changed.*Remedy"):
        SqliteStore(path)


def test_a_file_of_a_newer_release_is_refused_untouched(path):
    """A migration that this release does not know stops the opening before anything is written."""
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO migrations VALUES (99, '0099_future.sql', 'x')")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"fleawatch\.db: was written by a newer release.*Remedy: upgrade"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_refused_untouched(path, connection):
    """A path given by mistake does not fill another program's database with tables."""
    connection.execute("CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"something else.*customers.*Remedy"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_nothing_behind(path, connection):
    """A step is one transaction: when its last statement fails, its first one is undone and it stays pending."""
    bad = Migration(1, "0001_bad.sql", "CREATE TABLE first (x INTEGER);\nCREATE TABLE first (x INTEGER);\n")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        apply(connection, bad)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    assert pending(connection, path, [bad]) == (bad,)


def test_a_failing_migration_is_reported_with_the_file(path, monkeypatch):
    """The operator learns which file could not be opened; the lock is free again."""
    monkeypatch.setattr("fleawatch.store.database.shipped", lambda: (Migration(1, "0001_bad.sql", "NONSENSE;\n"),))
    with pytest.raises(StoreError, match=r"fleawatch\.db: could not open the store: .*NONSENSE.*Remedy"):
        SqliteStore(path)
    monkeypatch.undo()
    SqliteStore(path).close()


def test_a_semicolon_in_a_text_does_not_end_a_statement():
    """Scripts are cut into statements where SQLite sees the end of one, comments and texts included."""
    script = "INSERT INTO t VALUES ('a;\nb'); -- done;\nSELECT 1;\n"
    assert list(migrate._statements(script)) == ["INSERT INTO t VALUES ('a;\nb'); -- done;\n", "SELECT 1;\n"]
