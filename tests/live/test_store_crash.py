"""The service is killed at any instant: what it recorded is whole, or is not there at all.

A second process forks one child a point. Each child commits batch after batch and is killed with SIGKILL: some at a
chosen step of SQLite's own machine inside a commit, some at a chosen time, wherever they then are.
"""

import json
import random
import sqlite3
import subprocess
import sys

import pytest

from fleawatch.store import SqliteStore
from fleawatch.testing.store_contract import amended, bet, ledger_row, notice

pytestmark = pytest.mark.live

BATCH = 40
"""Facts a commit: bets, ledger rows, and an amendment of a bet of the batch before."""

FORKER = """
import json, os, signal, sys, time
from test_store_crash import batch
from fleawatch.store import SqliteStore
from fleawatch.ports import Snapshot

def child(path, steps, told):
    store = SqliteStore(path)
    if steps:
        left = [steps]
        def step():
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        store._database._connection.set_progress_handler(step, 100)
    for number in range(store.commit([], []) // %(BATCH)d, 100_000):
        last = store.commit(*batch(number))
        os.write(told, f"{last}\\n".encode())
        if number %% 3 == 0:
            store.save(Snapshot(last, {"": b"%%d" %% last, "a-1": b"x" * (last %% 5_000)}))

for line in sys.stdin:
    point = json.loads(line)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            child(point["path"], point.get("steps"), write)
        finally:
            os._exit(1)
    os.close(write)
    if "after_s" in point:
        os.set_blocking(read, True)
        os.read(read, 1)
        time.sleep(point["after_s"])
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    text = b""
    while chunk := os.read(read, 65536):
        text += chunk
    os.close(read)
    told = [int(word) for word in text.split() if word]
    print(json.dumps({"signal": os.WTERMSIG(status), "told": max(told, default=0)}), flush=True)
"""


def batch(number):
    """Commit `number`: its facts and its outputs, a function of the number alone."""
    start = number * BATCH
    facts = [bet(place) for place in range(start, start + BATCH - 11)]
    facts += [ledger_row(place) for place in range(start, start + 10)]
    facts.append(amended(bet(start), strategy="kelly"))
    return facts, [notice(f"{number}-{place}") for place in range(3)]


@pytest.fixture(scope="module")
def forker(request):
    """A process that forks and kills children on demand."""
    code = FORKER % {"BATCH": BATCH}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=request.path.parent,
    )
    yield process
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


def kill_at(forker, **point):
    forker.stdin.write(json.dumps(point) + "\n")
    forker.stdin.flush()
    return json.loads(forker.stdout.readline())


def assert_whole(path, told):
    """Every commit that was told of is there, at most one more, and each with all that belongs to it."""
    store = SqliteStore(path)  # the dead process holds no lock
    last = store.commit([], [])
    assert last % BATCH == 0
    assert told <= last <= told + BATCH
    facts = store.facts(limit=last + 1)
    commits = range(last // BATCH)
    assert [event for _, event in facts] == [fact for number in commits for fact in batch(number)[0]]
    assert [seq for seq, _ in facts] == list(range(1, last + 1))
    assert len(store.ledger("a-1", limit=last)) == 10 * len(commits)
    firsts = [bet(number * BATCH).fact_id for number in commits]
    assert {fact.strategy for fact in store.known(firsts).values()} <= {"kelly"}
    assert len(store.known(firsts)) == len(firsts)
    claims = store.claim(now=1.0, limit=9 * last, lease_s=0.0)
    assert [claim.output for claim in claims] == [output for number in commits for output in batch(number)[1]]
    snapshot = store.snapshot()
    if snapshot is not None:
        assert snapshot.bodies == {"": b"%d" % snapshot.seq, "a-1": b"x" * (snapshot.seq % 5_000)}
        assert snapshot.seq <= last
    store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return last


def test_a_commit_killed_at_any_step_is_there_whole_or_not_at_all(forker, tmp_path):
    """SIGKILL inside the transactions, at steps spread over opening, commits and snapshots, tears none of them."""
    SqliteStore(tmp_path / "empty.db").close()
    lengths = set()
    for seed in range(80):
        path = tmp_path / f"steps-{seed}.db"
        steps = 1 + seed * 7 + random.Random(seed).randrange(7)
        answer = kill_at(forker, path=str(path), steps=steps)
        assert answer["signal"] == 9
        lengths.add(assert_whole(path, answer["told"]))
    assert len(lengths) > 5  # the points were spread over many commits


def test_a_store_killed_again_and_again_goes_on_where_it_was(forker, tmp_path):
    """SIGKILL at any time, restart on the same file, and again: nothing told of is lost, nothing is torn or doubled."""
    path, last = tmp_path / "again.db", 0
    for seed in range(40):
        delay = random.Random(seed).uniform(0.0, 0.02)
        answer = kill_at(forker, path=str(path), after_s=delay)
        assert answer["signal"] == 9
        now = assert_whole(path, max(answer["told"], last))
        assert now > last
        last = now
