"""What forgetting gives back: transactions of a bounded size, and space to the disk."""

from contextlib import suppress

import pytest

from fleawatch.errors import StoreError
from fleawatch.ports import Snapshot
from fleawatch.store import SqliteStore, sqlite
from fleawatch.testing.store_contract import bet, ledger_row, notice


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fleawatch.db"


@pytest.fixture
def store(path):
    store = SqliteStore(path)
    yield store
    store.close()


def test_pruning_goes_on_over_many_small_transactions(store, monkeypatch):
    """More rows than one transaction takes are forgotten all the same, and counted."""
    monkeypatch.setattr(sqlite, "PRUNE_BATCH", 7)
    store.commit([bet(number) for number in range(50)], [notice(f"k{number}") for number in range(20)])
    for claim in store.claim(now=1.0, limit=20, lease_s=1.0):
        store.finish(claim.id, now=2.0)
    store.save(Snapshot(45, {}), keep_at=1.0)
    assert store.prune(before=999.0, kinds=["bet_settled", "tick"]) == 45
    assert [seq for seq, _ in store.facts()] == [46, 47, 48, 49, 50]


def test_pruning_in_small_transactions_forgets_outputs_too(store, monkeypatch):
    """Finished outputs beyond one transaction's share go as well: their keys are free again."""
    monkeypatch.setattr(sqlite, "PRUNE_BATCH", 7)
    store.commit([bet(1)], [notice(f"k{number}") for number in range(20)])
    for claim in store.claim(now=1.0, limit=20, lease_s=1.0):
        store.finish(claim.id, now=2.0)
    store.save(Snapshot(1, {}))
    store.prune(before=999.0, kinds=[])
    store.commit([], [notice(f"k{number}") for number in range(20)])
    assert store.pending() == 20


def test_the_file_shrinks_when_much_is_forgotten(path, store):
    """Space of forgotten facts goes back to the disk, but for a share that is about to be filled again."""
    store.commit([bet(number) for number in range(5_000)], [])
    store._database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    before = path.stat().st_size
    store.save(Snapshot(5_000, {}), keep_at=1.0)
    store.prune(before=9e9, kinds=["bet_settled"])
    store._database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert path.stat().st_size < before / 4
    assert store._database._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_crash_between_forgetting_and_its_end_leaves_a_base(path, monkeypatch):
    """Whatever transaction of `prune` was the last one, a replay has a state that contains all that is missing."""
    monkeypatch.setattr(sqlite, "PRUNE_BATCH", 3)
    for crash_after in range(8):
        path.unlink(missing_ok=True)
        store = SqliteStore(path)
        store.commit([bet(number, seen_at=1.0) for number in range(20)], [])
        for seq in (4, 9, 20):
            store.save(Snapshot(seq, {"": b"%d" % seq}), keep_at=float(seq))
        transactions = iter(range(crash_after))
        with monkeypatch.context() as patched, suppress(KeyError):
            writing = store._writing

            def failing(doing, *modes, writing=writing, left=transactions):
                if next(left, None) is None:
                    raise KeyError("the process ended")
                return writing(doing, *modes)

            patched.setattr(store, "_writing", failing)
            store.prune(before=9.0, kinds=["bet_settled"])
        store.close()
        store = SqliteStore(path)
        base = store.base()
        begun_after = base.seq if base else 0
        assert [seq for seq, _ in store.facts(after=begun_after)] == list(range(begun_after + 1, 21))
        store.close()


def test_a_kept_snapshot_that_is_damaged_is_refused(path, store):
    """A body that cannot be decompressed is an error with the file and the remedy, not a state without an agent."""
    store.commit([bet(1), bet(2)], [])
    store.save(Snapshot(1, {"": b"fleet"}), keep_at=1.0)
    store.prune(before=9e9, kinds=["bet_settled"])
    store._database._connection.execute("UPDATE kept_bodies SET body = x'00'")
    with pytest.raises(StoreError, match=r"fleawatch\.db: the snapshot kept after fact 1 could not be read.*Remedy"):
        store.base()


def test_ledger_rows_go_with_their_facts(store):
    """No ledger row is left without its fact."""
    store.commit([ledger_row(number) for number in range(10)], [])
    store.save(Snapshot(6, {}), keep_at=1.0)
    assert store.prune(before=9e9, kinds=["ledger_entry"]) == 6
    assert [row.position for row in store.ledger("a-1")] == [6, 7, 8, 9]
    assert store._database._connection.execute("PRAGMA foreign_key_check").fetchall() == []
