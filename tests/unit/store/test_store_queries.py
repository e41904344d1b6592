"""No question of the port reads the whole table of facts."""

import sqlite3
from decimal import Decimal

import pytest

from fleawatch.ports import Snapshot
from fleawatch.store import SqliteStore
from fleawatch.testing.store_contract import bet, declared, ledger_row, notice


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "fleawatch.db")
    store.commit([bet(number) for number in range(400)], [notice(f"k{number}") for number in range(50)])
    store.commit([ledger_row(number, agent_id=f"a-{number % 9}") for number in range(200)], [])
    store.commit([declared("a-1")], [])
    store.save(Snapshot(600, {"": b"x"}))
    yield store
    store.close()


CALLS = {
    "facts": lambda store: store.facts(after=5),
    "facts, newest": lambda store: store.facts(newest_first=True, before=90, limit=3),
    "facts of an agent": lambda store: store.facts(agent_id="a-1", newest_first=True),
    "facts of kinds": lambda store: store.facts(kinds=["bet_settled", "tick"]),
    "facts of an agent and kinds": lambda store: store.facts(agent_id="a-1", kinds=["ledger_entry"], after=3),
    "known": lambda store: store.known([bet(1).fact_id]),
    "ledger": lambda store: store.ledger("a-1"),
    "ledger of a service": lambda store: store.ledger("a-1", service="casino"),
    "agents": lambda store: store.agents(),
    "commit": lambda store: store.commit([bet(1000), ledger_row(900), declared("b-1")], [notice("new")]),
    "snapshot": lambda store: store.snapshot(),
    "kept": lambda store: store.kept(),
    "base": lambda store: store.base(),
    "claim": lambda store: store.claim(now=1.0, limit=3, lease_s=1.0),
    "claim of a kind": lambda store: store.claim(now=1.0, limit=3, lease_s=1.0, kinds=["notice"]),
    "claim of a channel": lambda store: store.claim(now=1.0, limit=3, lease_s=1.0, channel="ops"),
    "channels": lambda store: store.channels(),
    "dead": lambda store: store.dead(),
    "pending": lambda store: store.pending(),
    "prune": lambda store: store.prune(before=10.0, kinds=["bet_settled", "ledger_entry"]),
}


@pytest.mark.parametrize("analyzed", [False, True], ids=["no statistics", "after ANALYZE"])
@pytest.mark.parametrize("name", CALLS)
def test_no_query_scans_the_facts(store, name, analyzed):
    """Every statement that a call runs finds its facts by an index or by number, whatever the statistics say."""
    connection = store._database._connection
    if analyzed:
        connection.execute("ANALYZE")
    plans = plans_of(connection, lambda: CALLS[name](store))
    assert plans
    # `facts_1` and the like are SQLite's names for a second use of the table in one statement.
    assert [plan for plan in plans if plan.startswith(("SCAN facts", "SCAN ledger"))] == []
    assert "SCAN outputs" not in plans  # counting and claiming walk the index of what is open


@pytest.mark.parametrize("name", ["facts of an agent", "facts of kinds", "facts of an agent and kinds"])
def test_filtered_facts_are_found_by_their_index(store, name):
    """A filter is answered from its own index, not by walking the facts by number."""
    plans = plans_of(store._database._connection, lambda: CALLS[name](store))
    index = "facts_by_agent (agent_id=? AND kind=?" if "agent" in name else "facts_by_kind (kind=?"
    assert any(f"USING COVERING INDEX {index}" in plan for plan in plans), plans


def test_a_scan_would_be_noticed(store):
    """The measurement itself: a question without an index shows up as a scan."""
    connection = store._database._connection
    plans = plans_of(connection, lambda: connection.execute("SELECT body FROM facts WHERE source = 'x'").fetchall())
    assert plans == ["SCAN facts"]


def test_the_file_is_written_as_promised(store):
    """Write-ahead log, flushed at checkpoints, with foreign keys on and space that can be given back."""
    asked = ("journal_mode", "synchronous", "foreign_keys", "auto_vacuum", "busy_timeout")
    answers = [store._database._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]
    assert answers == ["wal", 1, 1, 2, 5_000]


def test_amounts_in_sql_are_exact(store):
    """The ledger table shows amounts digit for digit, for whoever reads the file with SQL."""
    row = store._database._connection.execute("SELECT amount, balance_after FROM ledger WHERE position = 0").fetchone()
    assert (Decimal(row[0]), row[1]) == (Decimal("-0.10"), "99.90")


def plans_of(connection, call):
    """The query plan of every statement that the call runs."""
    statements = []
    connection.set_trace_callback(statements.append)
    try:
        call()
    finally:
        connection.set_trace_callback(None)
    plans = []
    for statement in statements:
        if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            try:
                rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            except sqlite3.OperationalError as error:
                raise AssertionError(statement) from error
            plans += [row[3] for row in rows]
    return plans
