"""Whatever is done to an audit log, verification names the first entry that is not what was written there."""

# ruff: noqa: S608 - the statements are made of words in this file

import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.store import SqliteStore
from fleawatch.store.audit import anchors, chain, reading
from fleawatch.store.audit.declared import Draft
from fleawatch.store.audit.files import beside, read_key
from fleawatch.store.audit.log import INSERT
from fleawatch.store.audit.verify import verify
from fleawatch.testing.audit_contract import cycle, delivery, fired, halt_ordered, order, silenced
from fleawatch.testing.store_contract import bet

COMMITS = 8
LAST = 1 + COMMITS * 5


def fill(store, commits):
    for number in commits:
        at = 10.0 * number + 1
        store.commit(
            [order(10 * number), bet(number), cycle(10 * number), halt_ordered(f"h-{number}", at=at)],
            [fired(f"f-{number}", at=at), delivery(f"d-{number}", at=at)],
        )


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A directory with a closed store whose log has `LAST` entries."""
    directory = tmp_path_factory.mktemp("sound")
    store = SqliteStore(directory / "fleawatch.db")
    fill(store, range(COMMITS))
    store.close()
    return directory


@pytest.fixture(scope="module")
def table(sound):
    """The log in a connection of its own, to be changed and put back."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    source = sqlite3.connect(sound / "fleawatch.db")
    source.backup(connection)
    source.close()
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def judge(sound, table):
    """Judges the table as it is now."""
    files = beside(sound / "fleawatch.db")
    key = read_key(files.key)
    anchored = anchors.read(files.anchors, key)
    return lambda: verify(
        reading._rows(table), key, anchored, lambda after: reading._facts(table, after)
    )  # fmt: skip


@pytest.fixture
def change(table):
    """Does something to the table until the end of the test."""
    table.execute("BEGIN")
    yield table.execute
    table.execute("ROLLBACK")


def bad(verdict):
    assert not verdict.sound
    return verdict.first_bad.seq, verdict.first_bad.reason


def test_what_was_written_is_sound(judge):
    """An untouched log is sound to its last entry, which is anchored."""
    verdict = judge()
    assert (verdict.sound, verdict.first_bad) == (True, None)
    assert (verdict.entries, verdict.last, verdict.anchored, verdict.after_anchor) == (LAST, LAST, LAST, 0)
    assert (verdict.facts_compared, verdict.facts_gone) == (3 * COMMITS, 0)


OTHERS = ("NULL", "'x'", "0", "17", "-1.5", "''", "x'00'", "CAST({} AS BLOB)", "{} || ' '", "{} + 1", "upper({})")


@pytest.mark.parametrize("column", chain.COLUMNS[1:])
def test_every_edit_of_every_column_of_every_entry_is_named(table, judge, column):
    """Any other value or type in any column of any entry makes that entry the first bad one."""
    tried = 0
    for seq in range(1, LAST + 1):
        for other in OTHERS:
            table.execute("BEGIN")
            table.execute(f"UPDATE audit_log SET {column} = {other.format(column)} WHERE seq = {seq}")
            same = table.execute(
                f"SELECT a.{column} IS b.{column} AND typeof(a.{column}) = typeof(b.{column}) "
                f"FROM audit_log a, (SELECT * FROM untouched) b WHERE a.seq = b.seq AND a.seq = {seq}"
            ).fetchone()[0]
            found = judge()
            table.execute("ROLLBACK")
            if not same:
                tried += 1
                assert bad(found) == (seq, "altered"), (column, seq, other)
    assert tried > 5 * LAST


@pytest.fixture(scope="module", autouse=True)
def _untouched(table):
    table.execute("CREATE TABLE untouched AS SELECT * FROM audit_log")


def test_every_deletion_is_named(table, judge):
    """Without an entry, with or without the numbers behind it closed up, its place is the first bad one."""
    for seq in range(1, LAST + 1):
        for closed_up in (False, True):
            table.execute("BEGIN")
            table.execute("DELETE FROM audit_log WHERE rowid = ?", (seq,))
            if closed_up:
                table.execute("UPDATE audit_log SET seq = -(seq - 1) WHERE seq > ?", (seq,))
                table.execute("UPDATE audit_log SET seq = -seq WHERE seq < 0")
            found = judge()
            table.execute("ROLLBACK")
            assert bad(found) == (seq, "altered" if closed_up and seq < LAST else "missing")


def test_every_swap_is_named(table, judge):
    """Two entries that change places: the earlier place is the first bad one."""
    for first in range(1, LAST):
        for second in {first + 1, min(LAST, first + 7), LAST}:
            table.execute("BEGIN")
            for old, new in ((first, -1), (second, first), (-1, second)):
                table.execute("UPDATE audit_log SET rowid = ? WHERE rowid = ?", (new, old))
            found = judge()
            table.execute("ROLLBACK")
            assert bad(found) == (first, "altered")


def test_every_truncation_is_named(table, judge):
    """A log without its last entries, down to none, ends before the first one that is missing."""
    for kept in range(LAST):
        table.execute("BEGIN")
        table.execute("DELETE FROM audit_log WHERE seq > ?", (kept,))
        found = judge()
        table.execute("ROLLBACK")
        assert bad(found) == (kept + 1, "missing")


def test_every_insertion_is_named(table, judge):
    """A copy of an entry put anywhere, with the others moved up, is the first bad one."""
    columns = ", ".join(chain.COLUMNS[1:])
    for place in range(1, LAST + 2):
        for copied in (1, place - 1, LAST // 2):
            if not 1 <= copied < place:
                continue
            table.execute("BEGIN")
            table.execute("UPDATE audit_log SET seq = -(seq + 1) WHERE seq >= ?", (place,))
            table.execute("UPDATE audit_log SET seq = -seq WHERE seq < 0")
            table.execute(
                f"INSERT INTO audit_log (seq, {columns}) SELECT ?, {columns} FROM audit_log WHERE seq = ?",
                (place, copied),
            )
            found = judge()
            table.execute("ROLLBACK")
            assert bad(found) == (place, "altered")


@pytest.mark.parametrize("number", [0, -5])
def test_an_entry_before_the_first_is_named(change, judge, number):
    """Numbers begin with 1."""
    change("INSERT INTO audit_log SELECT ?, at, kind, agent_id, source, ref, fact, body, sha256, chain "
           "FROM untouched WHERE seq = 3", (number,))  # fmt: skip
    assert bad(judge()) == (number, "inserted")


def test_a_tail_written_with_another_key_is_named(change, judge):
    """Entries that are chained correctly, but with a key that is not the log's, are bad from the first on."""
    change("DELETE FROM audit_log WHERE seq > 20")
    last = change("SELECT chain FROM audit_log WHERE seq = 20").fetchone()[0]
    drafts = [row[1:-1] for row in change("SELECT * FROM untouched WHERE seq > 20").fetchall()]
    forged, _ = chain.extend(bytes(32), chain.Head(20, bytes.fromhex(last)), [Draft(*draft) for draft in drafts])
    for entry in forged:
        change(INSERT, entry)
    assert bad(judge()) == (21, "altered")


def test_a_whole_log_written_with_another_key_is_named(change, judge):
    """A replaced table is bad from its first entry on."""
    change("DELETE FROM audit_log")
    drafts = [row[1:-1] for row in change("SELECT * FROM untouched").fetchall()]
    forged, _ = chain.extend(bytes(32), chain.root(bytes(32)), [Draft(*draft) for draft in drafts])
    for entry in forged:
        change(INSERT, entry)
    assert bad(judge()) == (1, "altered")


def test_text_that_is_no_text_is_named(change, judge):
    """A column whose bytes are no UTF-8 makes its entry bad, and is not an accident of the reader."""
    change("UPDATE audit_log SET body = CAST(x'ff00fe' AS TEXT) WHERE seq = 9")
    assert bad(judge()) == (9, "altered")


def test_a_fact_that_was_changed_is_named_by_its_entry(change, judge):
    """The digest in an entry binds the row that it is of."""
    seq, number = change("SELECT seq, fact FROM audit_log WHERE kind = 'order_placed' AND seq > 9 LIMIT 1").fetchone()
    change("UPDATE facts SET body = replace(body, '100.10', '1.10') WHERE seq = ?", (number,))
    assert bad(judge()) == (seq, "fact_altered")


def test_a_fact_without_an_entry_is_named(change, judge):
    """A fact of an audited kind that was slipped in beside the log shows, wherever it was put."""
    change("INSERT INTO facts (seq, fact_id, kind, agent_id, at, seen_at, source, body) "
           "VALUES (900, 'x', 'resumed', 'a-1', 1.0, 1.0, 'x', '{}')")  # fmt: skip
    assert bad(judge()) == (LAST + 1, "fact_not_audited")


def test_a_fact_that_is_gone_leaves_its_entry_sound(change, judge):
    """The log outlives facts: what is gone is counted."""
    change("DELETE FROM facts WHERE kind = 'halt_ordered'")
    verdict = judge()
    assert (verdict.sound, verdict.facts_gone) == (True, COMMITS)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_several_changes_at_once_name_the_first(table, judge, data):
    """Of any set of edits and deletions the one with the lowest number is named."""
    victims = data.draw(
        st.dictionaries(st.integers(1, LAST), st.sampled_from(["edit", "delete"]), min_size=1, max_size=6)
    )
    table.execute("BEGIN")
    for seq, how in victims.items():
        if how == "edit":
            table.execute("UPDATE audit_log SET body = body || ' ' WHERE seq = ?", (seq,))
        else:
            table.execute("DELETE FROM audit_log WHERE seq = ?", (seq,))
    found = judge()
    table.execute("ROLLBACK")
    assert bad(found)[0] == min(victims)


def copied(sound, tmp_path):
    directory = tmp_path / "state"
    shutil.copytree(sound, directory)
    return directory / "fleawatch.db"


def judged(file):
    return reading.verify_log(file, beside(file))


def test_an_old_database_with_newer_anchors_is_named(sound, tmp_path):
    """A database that was put back to an earlier time ends before what was anchored."""
    file = copied(sound, tmp_path)
    store = SqliteStore(file)
    fill(store, range(COMMITS, COMMITS + 3))
    store.close()
    assert judged(file).sound
    shutil.copy(sound / "fleawatch.db", file)
    assert bad(judged(file)) == (LAST + 1, "missing")


def test_an_old_database_that_a_service_went_on_with_is_named(sound, tmp_path):
    """A service that starts on it goes on behind what was anchored: the gap stays for ever."""
    file = copied(sound, tmp_path)
    store = SqliteStore(file)
    fill(store, range(COMMITS, COMMITS + 3))
    store.close()
    shutil.copy(sound / "fleawatch.db", file)
    for again in range(2):
        store = SqliteStore(file)
        fill(store, [COMMITS + 5 + again])
        entries = store.audit(after=LAST)
        store.close()
        assert entries[0].kind == "audit_broken"
        assert entries[0].seq == LAST + 16
        assert bad(judged(file)) == (LAST + 1, "missing")


def test_a_fork_of_the_same_log_is_named(sound, tmp_path):
    """Two continuations with the same key: the one that was not anchored is bad from the fork on."""
    file = copied(sound, tmp_path)
    other = copied(sound, tmp_path / "fork")
    for path, commits in ((file, (20, 21)), (other, (30, 31, 32))):
        store = SqliteStore(path)
        fill(store, commits)
        store.close()
        assert judged(path).sound
    shutil.copy(other, file)
    seq, reason = bad(judged(file))
    assert (seq, reason) == (LAST + 1, "replaced")


def test_lost_anchors_are_told(sound, tmp_path):
    """Without anchors the end proves nothing; a service that starts then says so for ever."""
    file = copied(sound, tmp_path)
    beside(file).anchors.unlink()
    assert bad(judged(file)) == (LAST + 1, "no_anchors")
    store = SqliteStore(file)
    fill(store, [COMMITS])
    store.close()
    assert bad(judged(file)) == (LAST + 1, "reported")


def test_forged_anchors_are_told(sound, tmp_path):
    """An anchor that was not written with the key is not believed."""
    file = copied(sound, tmp_path)
    path = beside(file).anchors
    path.write_text(path.read_text().replace(f'"seq":{LAST}', f'"seq":{LAST - 1}'))
    assert bad(judged(file))[1] == "anchor_forged"


def test_a_log_cut_while_the_service_runs_is_told(sound, tmp_path):
    """The service notices with its next entry, keeps the gap open, and goes on watching."""
    file = copied(sound, tmp_path)
    store = SqliteStore(file)
    fill(store, [COMMITS])
    other = sqlite3.connect(file)
    other.execute("DELETE FROM audit_log WHERE seq > 12")
    other.commit()
    other.close()
    fill(store, [COMMITS + 1])
    assert store.audit(after=12)[0].kind == "audit_broken"
    store.close()
    assert bad(judged(file)) == (13, "missing")


def test_an_entry_put_where_the_next_belongs_stops_nothing(sound, tmp_path):
    """A forged entry at the end cannot make the service's own commits fail."""
    file = copied(sound, tmp_path)
    store = SqliteStore(file)
    other = sqlite3.connect(file)
    other.execute("INSERT INTO audit_log (seq, kind) VALUES (?, 'x')", (LAST + 1,))
    other.commit()
    other.close()
    fill(store, [COMMITS])
    store.close()
    assert bad(judged(file)) == (LAST + 1, "altered")


def test_verification_leaves_nothing_behind(sound):
    """A stopped store has the same files, with the same bytes and times, after it was verified."""

    def seen():
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in Path(sound).iterdir()}

    before = seen()
    assert judged(sound / "fleawatch.db").sound
    assert seen() == before


def test_verification_works_while_a_service_writes(sound, tmp_path):
    """Between any two commits of a running service the log is sound, and its store is not disturbed."""
    file = copied(sound, tmp_path)
    store = SqliteStore(file)
    for number in range(COMMITS, COMMITS + 5):
        fill(store, [number])
        assert judged(file).last == LAST + 5 * (number - COMMITS + 1)
    store.commit([silenced(1, at=1.0)], [])
    assert judged(file).sound
    store.close()
