"""How a store is named, opened, shared and locked."""

import os
import threading

import pytest

from fleawatch.errors import StoreError
from fleawatch.ports import Snapshot
from fleawatch.store import MemoryStore, SqliteStore, open_store
from fleawatch.testing.store_contract import bet, notice


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fleawatch.db"


@pytest.fixture
def owner(path):
    store = SqliteStore(path)
    yield store
    store.close()


def test_memory_is_named_memory():
    """`memory:` is a store without a file."""
    assert isinstance(open_store("memory:"), MemoryStore)


def test_a_file_is_named_with_sqlite(path):
    """`sqlite:PATH` is the database at that path."""
    open_store(f"sqlite:{path}").close()
    assert path.exists()


def test_a_directory_is_made_and_holds_the_database(tmp_path):
    """A plain path is a state directory, made with its parents, with `fleawatch.db` in it."""
    open_store(str(tmp_path / "state" / "fleet")).close()
    assert (tmp_path / "state" / "fleet" / "fleawatch.db").exists()


@pytest.mark.parametrize("url", ["", "sqlite:", "postgres://db/fleawatch", "memory", "Memory:x"])
def test_an_address_is_never_guessed_at(url, tmp_path, monkeypatch):
    """What is no known address is refused with the ones that are; a word alone is a directory."""
    monkeypatch.chdir(tmp_path)
    if url in ("memory", "Memory:x"):
        open_store(url).close()
        assert (tmp_path / url / "fleawatch.db").exists()
        return
    with pytest.raises(StoreError, match="Remedy: write `memory:`, `sqlite:PATH`"):
        open_store(url)


def test_a_file_is_no_directory(path):
    """A plain path to a database file is answered with the address that was meant."""
    open_store(f"sqlite:{path}").close()
    with pytest.raises(StoreError, match=f"Remedy: write `sqlite:{path}`"):
        open_store(str(path))


def test_a_missing_directory_of_a_file_is_named(tmp_path):
    """`sqlite:` makes no directories: a typing error does not become a new empty store."""
    with pytest.raises(StoreError, match=r"typo.*Remedy: check that the directory exists"):
        open_store(f"sqlite:{tmp_path}/typo/fleawatch.db")


@pytest.mark.parametrize("name", ["f?x=1.db", "f#1 ä%20.db"])
def test_any_file_name_is_taken_as_it_is(tmp_path, name):
    """Characters that mean something in an address mean nothing in a file name."""
    store = SqliteStore(tmp_path / name)
    store.commit([bet(1)], [])
    store.close()
    assert (tmp_path / name).exists()


def test_a_second_service_is_refused_with_the_pid_of_the_first(path, owner):
    """One file has one owner; the second is told who holds it, and may come when the first is gone."""
    with pytest.raises(StoreError, match=f"process {os.getpid()} already runs a service on this store.*Remedy"):
        SqliteStore(path)
    owner.commit([bet(1)], [])
    owner.close()
    SqliteStore(path).close()


def test_two_names_of_one_file_are_one_store(path, owner, tmp_path):
    """A link to the database does not get around the lock."""
    (tmp_path / "link.db").symlink_to(path)
    with pytest.raises(StoreError, match="already runs a service"):
        SqliteStore(tmp_path / "link.db")


def test_a_reader_sees_what_the_service_records(path, owner):
    """`fleawatch status` reads beside a running service, and sees each commit once it is made."""
    reader = SqliteStore(path, mode="reader")
    assert reader.facts() == []
    owner.commit([bet(1)], [notice("k1")])
    owner.save(Snapshot(1, {"": b"x"}))
    assert [event for _, event in reader.facts()] == [bet(1)]
    assert (reader.snapshot(), reader.pending()) == (Snapshot(1, {"": b"x"}), 1)
    reader.close()


def test_a_reader_reads_after_the_service_has_gone(path, owner):
    """The file alone is enough to read it."""
    owner.commit([bet(1)], [])
    owner.close()
    reader = SqliteStore(path, mode="reader")
    assert [event for _, event in reader.facts()] == [bet(1)]
    reader.close()


def test_a_reader_and_a_worker_write_no_facts(path, owner):
    """Whoever does not own the store is refused by name of the mode, and the store is as it was."""
    for mode in ("reader", "worker"):
        store = SqliteStore(path, mode=mode)
        for call in (
            lambda store: store.commit([bet(1)], []),
            lambda store: store.save(Snapshot(0, {})),
            lambda store: store.prune(before=1.0, kinds=["bet_settled"]),
        ):
            with pytest.raises(StoreError, match=f"opened in mode {mode}.*Remedy: open it in mode owner"):
                call(store)
        store.close()
    assert owner.facts() == []


def test_a_reader_claims_nothing(path, owner):
    """A reader leaves the outputs alone."""
    owner.commit([], [notice("k1")])
    reader = SqliteStore(path, mode="reader")
    with pytest.raises(StoreError, match="opened in mode reader"):
        reader.claim(now=1.0, limit=1, lease_s=1.0)
    reader.close()


def test_reading_needs_a_store(path):
    """A reader makes no file: a wrong path is named."""
    with pytest.raises(StoreError, match=r"fleawatch\.db: there is no store.*Remedy"):
        SqliteStore(path, mode="reader")
    assert not path.exists()


def test_a_reader_of_an_unfinished_file_is_refused(path):
    """A file without this release's tables is left to the service to bring forward."""
    path.touch()
    with pytest.raises(StoreError, match=r"lacks migration 0001_facts\.sql.*Remedy"):
        SqliteStore(path, mode="reader")


def test_a_store_belongs_to_its_thread(owner):
    """A call from another thread is refused before it can mix into a transaction."""
    errors = []

    def call():
        try:
            owner.commit([bet(1)], [])
        except StoreError as error:
            errors.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert "belongs to the thread that opened it" in errors[0]
    assert owner.facts() == []
