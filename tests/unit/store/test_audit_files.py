"""The key and the anchors of an audit log: made once, refused when they are not what they were, never in the way."""

import errno
import os
import stat

import pytest

from fleawatch.errors import StoreError
from fleawatch.store import FILE_NAME, SqliteStore, open_store
from fleawatch.store.audit.anchors import WIDTH, Anchor, AnchorFile
from fleawatch.store.audit.files import beside
from fleawatch.store.audit.reading import verify_log
from fleawatch.testing.audit_contract import cycle, order
from fleawatch.testing.store_contract import bet


@pytest.fixture
def path(tmp_path):
    return tmp_path / FILE_NAME


def judged(path):
    return verify_log(path, beside(path))


def test_the_key_is_made_once_and_is_the_services_own(path):
    """The first start makes it with mode 0600; later ones keep it; it is nowhere in the database."""
    SqliteStore(path).close()
    key = beside(path).key
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    text = key.read_text().strip()
    store = SqliteStore(path)
    store.commit([order(1)], [])
    store.close()
    assert key.read_text().strip() == text
    assert text.encode() not in path.read_bytes()
    assert bytes.fromhex(text) not in path.read_bytes()


def test_a_log_without_its_key_is_not_gone_on_with(path):
    """With entries and no key the store refuses to open: a second chain would hide the end of the first."""
    store = SqliteStore(path)
    store.commit([order(1)], [])
    store.close()
    beside(path).key.unlink()
    with pytest.raises(StoreError, match=r"audit\.key: could not read the key.*Remedy: restore it"):
        SqliteStore(path)
    with pytest.raises(StoreError, match=r"audit\.key: could not read the key"):
        judged(path)


@pytest.mark.parametrize("text", ["", "beef", "z" * 64, "0" * 65])
def test_what_is_no_key_is_refused(path, text):
    """A key is 64 hexadecimal digits."""
    SqliteStore(path).close()
    beside(path).key.write_text(text)
    with pytest.raises(StoreError, match="is no key of an audit log"):
        SqliteStore(path)


def test_a_refused_start_lets_the_next_one_in(path):
    """The lock is let go when the log cannot be opened."""
    SqliteStore(path).close()
    key = beside(path).key
    text = key.read_text()
    key.unlink()
    with pytest.raises(StoreError):
        SqliteStore(path)
    key.write_text(text)
    SqliteStore(path).close()


def test_key_and_anchors_may_be_elsewhere(tmp_path):
    """With both files named, none is made beside the database."""
    (tmp_path / "safe").mkdir()
    key, anchors = tmp_path / "safe" / "k", tmp_path / "safe" / "a"
    store = open_store(str(tmp_path / "state"), audit_key=key, audit_anchors=anchors)
    store.commit([order(1)], [])
    store.close()
    assert sorted(file.name for file in (tmp_path / "state").glob("*audit*")) == []
    file = tmp_path / "state" / FILE_NAME
    assert verify_log(file, beside(file, key, anchors)).sound


def test_databases_in_one_directory_have_files_of_their_own(tmp_path):
    """A database of another name has its name before those of its key and anchors."""
    for name in ("one.db", "two.db"):
        store = SqliteStore(tmp_path / name)
        store.commit([order(1)], [])
        store.close()
    assert judged(tmp_path / "one.db").sound
    assert judged(tmp_path / "two.db").sound
    assert (tmp_path / "one.db-audit.key").read_text() != (tmp_path / "two.db-audit.key").read_text()


def test_a_store_from_before_the_log_begins_one(path):
    """Facts that were recorded before are not missed; those after are."""
    store = SqliteStore(path)
    store.commit([order(1), bet(1)], [])
    connection = store._database._connection
    connection.execute("DELETE FROM audit_log")
    store.close()
    beside(path).anchors.unlink()
    store = SqliteStore(path)
    store.commit([cycle(2)], [])
    store.close()
    verdict = judged(path)
    assert (verdict.sound, verdict.entries, verdict.facts_compared) == (True, 2, 1)


def test_a_disk_that_refuses_the_anchor_stops_no_commit(path, monkeypatch, caplog):
    """The facts are recorded, the complaint is logged once, and the next anchor covers all."""
    store = SqliteStore(path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        store.commit([order(1)], [])
        store.commit([order(2)], [])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert judged(path).after_anchor == 3
    store.commit([order(3)], [])
    assert judged(path).after_anchor == 0
    store.close()


def test_a_full_database_leaves_neither_fact_nor_entry(path):
    """A commit that does not fit is undone whole, and the chain goes on from the last one that did."""
    store = SqliteStore(path)
    store.commit([order(0)], [])
    (pages,) = store._database._connection.execute("PRAGMA page_count").fetchone()
    store._database._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    facts = [order(number) for number in range(1, 400)]
    with pytest.raises(StoreError, match="full"):
        store.commit(facts, [])
    store._database._connection.execute("PRAGMA max_page_count = 1000000")
    assert len(store.audit()) == 2
    store.commit(facts, [])
    store.close()
    verdict = judged(path)
    assert (verdict.sound, verdict.entries) == (True, 401)


def test_an_anchor_that_is_cut_short_is_taken_back(tmp_path, monkeypatch):
    """When only a part of a line fits, the anchors before it stay whole."""
    file, key = tmp_path / "anchors", bytes(32)
    anchors = AnchorFile(file, key)
    anchors.write(Anchor(0, "00", 0, 0.0))
    real = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda descriptor, line, place: real(descriptor, line[:100], place))
        with pytest.raises(OSError, match="only 100 of 256"):
            anchors.write(Anchor(500, "01", 500, 1.0))
    assert file.stat().st_size == WIDTH
    anchors.write(Anchor(501, "02", 501, 2.0))
    anchors.close()
    again = AnchorFile(file, key)
    assert (again.last, file.stat().st_size) == (Anchor(501, "02", 501, 2.0), 2 * WIDTH)
    again.close()


def test_the_last_anchor_moves_and_some_stay(tmp_path):
    """Many entries in a short time leave few lines, and a start leaves the line before it."""
    file, key = tmp_path / "anchors", bytes(32)
    anchors = AnchorFile(file, key)
    for seq in range(200):
        anchors.write(Anchor(seq, "00", seq, 0.0))
    anchors.close()
    lines = file.stat().st_size // WIDTH
    assert 3 <= lines <= 6
    anchors = AnchorFile(file, key)
    anchors.write(Anchor(200, "00", 200, 0.0))
    anchors.close()
    assert file.stat().st_size // WIDTH == lines + 1
