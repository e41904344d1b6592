"""`fleawatch audit` and `fleawatch evidence` as an operator meets them."""

import json
import sqlite3

import pytest
from click.testing import CliRunner

from fleawatch.cli.root import cli
from fleawatch.store import open_store
from fleawatch.testing.audit_contract import cycle, delivery, fired, halt_ordered, order


@pytest.fixture
def state(tmp_path):
    store = open_store(str(tmp_path / "state"))
    store.commit([order(1), cycle(2)], [])
    store.commit([halt_ordered("h-1", at=3.0)], [fired("f", at=3.0), delivery("d", at=3.0)])
    store.close()
    return tmp_path / "state"


def run(*arguments, code=0):
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


def spoil(state, sql):
    connection = sqlite3.connect(state / "fleawatch.db")
    connection.execute(sql)
    connection.commit()
    connection.close()


def test_a_sound_log_is_told_with_its_counts(state):
    """Exit 0, and how many entries of each kind there are."""
    document = json.loads(run("audit", "verify", "--state", state, "--json").stdout)
    assert (document["sound"], document["first_bad"], document["gaps"], document["last"]) == (True, None, 0, 6)
    assert document["by_kind"] == {
        "alert_change": 1, "audit_opened": 1, "decision_cycle": 1, "delivery": 1, "halt_ordered": 1, "order_placed": 1,
    }  # fmt: skip
    assert run("audit", "verify", "--state", state).stdout.startswith("sound: 6 entries")


@pytest.mark.parametrize(
    ("sql", "seq", "reason", "gaps"),
    [
        ("UPDATE audit_log SET agent_id = 'b' WHERE rowid = 3", 3, "altered", 0),
        ("DELETE FROM audit_log WHERE rowid = 2", 2, "missing", 1),
        ("DELETE FROM audit_log WHERE rowid > 4", 5, "missing", 0),
        ("DELETE FROM audit_log", 1, "missing", 0),
        ("DROP TABLE audit_log", 1, "no_log", 0),
    ],
)
def test_the_first_bad_entry_is_named(state, sql, seq, reason, gaps):
    """Exit 1, with the entry's number in the text and in the document."""
    spoil(state, sql)
    assert f"entry {seq} is bad ({reason})" in run("audit", "verify", "--state", state, code=1).stdout
    document = json.loads(run("audit", "verify", "--state", state, "--json", code=1).stdout)
    assert (document["first_bad"]["seq"], document["first_bad"]["reason"], document["gaps"]) == (seq, reason, gaps)


def test_without_store_or_key_it_fails_with_a_remedy(state, tmp_path):
    """A mistake is one line."""
    for arguments in (("--state", tmp_path / "nowhere"), ("--state", state, "--key", tmp_path / "no.key")):
        done = run("audit", "verify", *arguments, code=1)
        assert "Remedy" in done.stderr
        assert done.stdout == ""


def test_a_table_that_lost_a_column_is_an_error_and_no_success(state):
    """What cannot be read cannot be sound."""
    spoil(state, "ALTER TABLE audit_log DROP COLUMN body")
    assert "no such column" in run("audit", "verify", "--state", state, code=1).stderr


def test_entries_are_listed(state):
    """By kind, agent and time, as text and as JSON."""
    lines = run("audit", "log", "--state", state, "--kind", "halt_ordered").stdout.splitlines()
    assert len(lines) == 2
    assert "halt_id=h-1 mode=halt" in lines[1]
    for arguments, seqs in (
        (("--agent", "a-1", "--limit", "2"), [2, 3]),
        (("--since", "2.5"), [4, 5, 6]),
        (("--since", "1970-01-01T00:00:03Z", "--kind", "delivery", "--kind", "alert_change"), [5, 6]),
    ):
        document = json.loads(run("audit", "log", "--state", state, "--json", *arguments).stdout)
        assert [entry["seq"] for entry in document["entries"]] == seqs
    assert "Remedy" in run("audit", "log", "--state", state, "--since", "noon", code=1).stderr


def test_evidence_is_written_and_verified(state, tmp_path):
    """One file, which proves itself, and names what it could not prove without the key."""
    file = tmp_path / "e.zip"
    made = json.loads(run("evidence", "--incident", "h-1", "--state", state, "--out", file, "--json").stdout)
    assert (made["log_sound"], made["entries"]) == (True, 6)
    assert "not checked: seal" in run("evidence", "verify", file).stdout
    proven = json.loads(run("evidence", "verify", file, "--key", state / "audit.key", "--json").stdout)
    assert (proven["sound"], proven["unchecked"]) == (True, [])
    file.write_bytes(file.read_bytes()[:-30])
    assert "Remedy" in run("evidence", "verify", file, code=1).stderr


def test_evidence_has_a_file_of_its_own_name(state, tmp_path, monkeypatch):
    """Without --out it is written here, under the name of the incident."""
    monkeypatch.chdir(tmp_path)
    run("evidence", "--incident", "h-1", "--state", state)
    assert "sound" in run("evidence", "verify", "evidence-h-1.zip").stdout


def test_evidence_asks_for_what_it_needs(state, tmp_path):
    """Without an incident or a file it is a mistake of the command line; an unknown incident names known ones."""
    run("evidence", "--state", state, code=2)
    done = run("evidence", "--incident", "h-9", "--state", state, "--out", tmp_path / "e", code=1)
    assert "h-1" in done.stderr
    assert not (tmp_path / "e").exists()


def test_a_long_verification_says_how_far_it_is(state, monkeypatch):
    """On standard error, and not beside a document."""
    monkeypatch.setattr("fleawatch.store.audit.reading.TELL_EVERY", 2)
    assert run("audit", "verify", "--state", state).stderr.split("\n")[:2] == ["  2 entries", "  4 entries"]
    assert run("audit", "verify", "--state", state, "--json").stderr == ""
