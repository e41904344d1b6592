"""What happens when the disk, the file or another process says no."""

import sqlite3

import pytest

from fleawatch.errors import StoreError
from fleawatch.ports import Snapshot
from fleawatch.store import SqliteStore
from fleawatch.testing.store_contract import bet, ledger_row, notice


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fleawatch.db"


@pytest.fixture
def store(path):
    store = SqliteStore(path, busy_timeout_s=0.02)
    yield store
    store.close()


def run(store, sql):
    return store._database._connection.execute(sql).fetchall()


def test_a_full_disk_loses_nothing_and_is_survived(store):
    """A commit that does not fit is undone whole; when there is space again the same commit goes through."""
    store.commit([bet(0)], [])
    (pages,) = run(store, "PRAGMA page_count")[0]
    run(store, f"PRAGMA max_page_count = {pages + 2}")
    facts, outputs = [bet(number) for number in range(1, 600)], [notice("k1")]
    with pytest.raises(StoreError, match=r"fleawatch\.db: could not record facts: .*full.*Remedy: free space"):
        store.commit(facts, outputs)
    assert ([seq for seq, _ in store.facts()], store.pending()) == ([1], 0)
    run(store, "PRAGMA max_page_count = 1000000")
    assert store.commit(facts, outputs) == 600


def test_a_full_disk_keeps_the_old_snapshot(store):
    """A snapshot that does not fit leaves the one before in force."""
    store.commit([bet(1)], [])
    store.save(Snapshot(0, {"": b"old"}))
    (pages,) = run(store, "PRAGMA page_count")[0]
    run(store, f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StoreError, match="could not save the snapshot"):
        store.save(Snapshot(1, {"": b"new", "a-1": bytes(100_000)}))
    assert store.snapshot() == Snapshot(0, {"": b"old"})


def test_a_locked_file_is_reported_and_usable_afterwards(path, store):
    """When another program holds the file longer than the timeout, the call fails; later it goes through."""
    store.commit([bet(0)], [notice("k1")])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for call in (lambda: store.commit([bet(1)], []), lambda: store.claim(now=1.0, limit=1, lease_s=1.0)):
        with pytest.raises(StoreError, match=r"fleawatch\.db: .*locked.*Remedy: another process holds it"):
            call()
    assert [event for _, event in store.facts()] == [bet(0)]  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    assert store.commit([bet(1)], []) == 2


def test_a_file_that_became_read_only_is_reported(store):
    """A write that SQLite refuses as read-only names the file and what to make writable."""
    run(store, "PRAGMA query_only = ON")
    with pytest.raises(
        StoreError, match=r"fleawatch\.db: .*readonly.*Remedy: make the file and its directory writable"
    ):
        store.commit([bet(1)], [])
    run(store, "PRAGMA query_only = OFF")
    assert store.commit([bet(1)], []) == 1


def test_a_file_that_is_no_database_is_refused_untouched(path):
    """A file of anything else is neither read as a store nor written to, and its lock is let go."""
    path.write_bytes(b"this is a letter, not a database\n" * 300)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"fleawatch\.db: could not open.*not a database.*Remedy: .*backup"):
            SqliteStore(path)
    assert path.read_bytes() == b"this is a letter, not a database\n" * 300


def test_a_damaged_file_closes_the_store(path):
    """When pages turn out to be garbage the call fails, and every later call says why the store is closed."""
    store = SqliteStore(path)
    store.commit([bet(number) for number in range(3_000)], [])
    store.close()
    content = bytearray(path.read_bytes())
    content[40 * 4096 :] = b"\xa5" * (len(content) - 40 * 4096)
    path.write_bytes(content)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=r"fleawatch\.db: could not read facts.*malformed.*Remedy: stop the service"):
        store.facts(limit=3_000)
    with pytest.raises(StoreError, match="it was closed when the file turned out to be damaged"):
        store.commit([bet(9_000)], [])
    store.close()


def test_a_fact_that_was_tampered_with_is_named(store):
    """A body that is no fact of this release is an error with its number, never a wrong fact."""
    store.commit([bet(1)], [])
    run(store, """UPDATE facts SET body = replace(body, '"1.50"', '"NaN"')""")
    with pytest.raises(StoreError, match=r"fact 1 could not be read.*\n.*stake.*Remedy"):
        store.facts()


def test_an_output_that_was_tampered_with_is_named(store):
    """An output body that cannot be read is an error with its number."""
    store.commit([], [notice("k1")])
    run(store, "UPDATE outputs SET body = '{}'")
    with pytest.raises(StoreError, match=r"output 1 could not be read.*Remedy"):
        store.claim(now=1.0, limit=1, lease_s=1.0)


def test_a_number_too_large_for_the_file_is_refused(store):
    """A ledger position beyond any account is refused, and nothing of its commit stays."""
    with pytest.raises(StoreError, match=r"(?s)could not be recorded.*beyond any account"):
        store.commit([bet(1), ledger_row(2**70)], [])
    assert store.facts() == []
