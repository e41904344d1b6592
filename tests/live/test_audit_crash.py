"""The service is killed at any instant around an audited commit: the log it leaves is sound, and goes on soundly."""

import json
import random
import subprocess
import sys

import pytest

from fleawatch.errors import StoreError
from fleawatch.store import SqliteStore
from fleawatch.store.audit.files import beside
from fleawatch.store.audit.reading import verify_log

pytestmark = pytest.mark.live

FORKER = """
import json, os, signal, sys, time
from fleawatch.store import SqliteStore
from fleawatch.store.audit.anchors import AnchorFile
from fleawatch.testing.audit_contract import cycle, order

def die():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)

def child(point):
    if point["at"] in ("before_anchor", "after_anchor"):
        left, write = [point["count"]], AnchorFile.write
        def killing(self, anchor):
            left[0] -= 1
            if point["at"] == "after_anchor":
                write(self, anchor)
            if left[0] <= 0:
                die()
            if point["at"] == "before_anchor":
                write(self, anchor)
        AnchorFile.write = killing
    store = SqliteStore(point["path"])
    if point["at"] == "step":
        left = [point["count"]]
        def step():
            left[0] -= 1
            if left[0] <= 0:
                die()
        store._database._connection.set_progress_handler(step, 20)
    first = store.commit([], [])
    for number in range(first, first + 10_000):
        store.commit([cycle(number)], [])

for line in sys.stdin:
    point = json.loads(line)
    pid = os.fork()
    if pid == 0:
        try:
            child(point)
        finally:
            os._exit(1)
    if point["at"] == "time":
        time.sleep(point["after_s"])
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    print(os.WTERMSIG(status), flush=True)
"""


@pytest.fixture(scope="module")
def killed():
    """Runs a service that commits until it is killed at the point named."""
    process = subprocess.Popen(
        [sys.executable, "-c", FORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip

    def kill(**point):
        process.stdin.write(json.dumps(point) + "\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "9"

    yield kill
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()


def points(seed):
    """A point for each way to die, the same for the same seed."""
    rng = random.Random(seed)
    yield {"at": "before_anchor", "count": rng.randint(1, 90)}
    yield {"at": "after_anchor", "count": rng.randint(1, 90)}
    yield {"at": "step", "count": rng.randint(1, 400)}
    yield {"at": "time", "after_s": rng.uniform(0.0, 0.03)}


def test_a_log_killed_again_and_again_is_sound(killed, tmp_path):
    """SIGKILL between commit and anchor, inside either, at the first start and at later ones: never a bad entry."""
    path, after_anchor, last = tmp_path / "fleawatch.db", set(), 0
    for seed in range(30):
        for point in points(seed):
            killed(path=str(path), **point)
            if not beside(path).key.exists() or not path.exists():
                continue
            try:
                verdict = verify_log(path, beside(path))
            except StoreError:
                if last:
                    raise
                continue  # killed before the first migration was through
            if verdict.first_bad and verdict.first_bad.reason == "no_log":
                assert last == 0
                continue
            assert verdict.sound, (seed, point, verdict)
            assert verdict.last >= last
            last = verdict.last
            after_anchor.add(verdict.after_anchor)
    assert last > 300
    assert {0, 1} <= after_anchor  # deaths on both sides of the anchor
    store = SqliteStore(path)
    assert [entry.seq for entry in store.audit(limit=last + 1)] == list(range(1, last + 1))
    store.close()


@pytest.mark.parametrize("count", [1, 2])
def test_a_log_killed_at_its_beginning_is_sound(killed, tmp_path, count):
    """Killed at the first anchor, before which there is nothing, or at the next, a service starts again and is sound."""
    path = tmp_path / "fleawatch.db"
    killed(path=str(path), at="before_anchor", count=count)
    killed(path=str(path), at="before_anchor", count=3)
    assert verify_log(path, beside(path)).sound
