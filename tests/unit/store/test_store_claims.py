"""One output, one holder: several connections and threads after the same rows."""

import threading

import pytest

from fleawatch.store import SqliteStore
from fleawatch.testing.store_contract import notice


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fleawatch.db"


@pytest.fixture
def owner(path):
    store = SqliteStore(path)
    yield store
    store.close()


def test_two_connections_share_the_outputs_without_overlap(path, owner):
    """What one connection holds the other does not get; after the lease it may."""
    owner.commit([], [notice(f"k{number}") for number in range(6)])
    worker = SqliteStore(path, mode="worker")
    first = {claim.id for claim in owner.claim(now=1.0, limit=4, lease_s=10.0)}
    second = {claim.id for claim in worker.claim(now=2.0, limit=4, lease_s=10.0)}
    assert (len(first), len(second), first & second) == (4, 2, set())
    assert {claim.id for claim in worker.claim(now=11.0, limit=9, lease_s=10.0)} == first
    worker.close()


def test_threads_that_claim_at_once_never_get_the_same_output(path, owner):
    """Under contention every output goes to exactly one thread."""
    total, workers = 600, 4
    owner.commit([], [notice(f"k{number}") for number in range(total)])
    taken = [[] for _ in range(workers)]
    start = threading.Barrier(workers)

    def work(place):
        store = SqliteStore(path, mode="worker", busy_timeout_s=30.0)
        start.wait()
        while claims := store.claim(now=1.0, limit=5, lease_s=1_000.0):
            taken[place] += [claim.id for claim in claims]
            for claim in claims:
                store.finish(claim.id, now=2.0)
        store.close()

    threads = [threading.Thread(target=work, args=(place,)) for place in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    everything = [output_id for ids in taken for output_id in ids]
    assert (len(everything), len(set(everything)), owner.pending()) == (total, total, 0)


def test_a_late_failure_does_not_end_the_lease_of_the_next_holder(path, owner):
    """Who lost its lease and then reports a failure does not free the output that another works on now."""
    owner.commit([], [notice("k1")])
    worker = SqliteStore(path, mode="worker")
    (stale,) = worker.claim(now=1.0, limit=1, lease_s=10.0)
    (current,) = owner.claim(now=20.0, limit=1, lease_s=10.0)
    worker.fail(stale.id, now=21.0, error="timeout", retry_at=22.0)
    assert worker.claim(now=25.0, limit=1, lease_s=10.0) == []
    owner.fail(current.id, now=26.0, error="HTTP 503", retry_at=27.0)
    assert [claim.attempts for claim in worker.claim(now=27.0, limit=1, lease_s=10.0)] == [3]
    worker.close()
