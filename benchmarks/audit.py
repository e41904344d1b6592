"""The audit log at a million entries: what an entry costs to write, how long and in how much memory it is verified.

    python -m benchmarks.audit [--json]

The entries are decision cycles, committed through the store; verification compares every one with its recorded fact.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import at_most, report, wants_json
from fleawatch.store import FILE_NAME, SqliteStore
from fleawatch.store.audit import chain
from fleawatch.store.audit.declared import of_facts
from fleawatch.store.audit.files import beside
from fleawatch.store.audit.reading import verify_log
from fleawatch.store.batch import ready
from fleawatch.testing.audit_contract import cycle

ENTRIES = 1_000_000
BATCH = 2_000
MOST_SECONDS = 30.0
MOST_MIB = 64.0
MOST_MICROSECONDS = 50.0


def write(path: Path) -> float:
    """Commit the facts; seconds."""
    store = SqliteStore(path)
    begun = time.perf_counter()
    for first in range(0, ENTRIES, BATCH):
        store.commit([cycle(number) for number in range(first, first + BATCH)], [])
    seconds = time.perf_counter() - begun
    store.close()
    return seconds


def entry_microseconds() -> float:
    """What drafting and chaining one entry costs, without the database."""
    batch = ready([cycle(number) for number in range(BATCH)])
    key = bytes(32)
    begun = time.perf_counter()
    for _ in range(10):
        chain.extend(key, chain.root(key), of_facts(batch, 0))
    return (time.perf_counter() - begun) / (10 * BATCH) * 1e6


def peak_mib() -> float:
    """Most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure, print, and say whether the targets hold."""
    as_json = wants_json(__doc__ or "")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / FILE_NAME
        written = write(path)
        before, begun = peak_mib(), time.perf_counter()
        verdict = verify_log(path, beside(path))
        seconds, grown = time.perf_counter() - begun, peak_mib() - before
        anchors = beside(path).anchors.stat().st_size
    if not verdict.sound or verdict.facts_compared != ENTRIES:
        raise SystemExit(f"the log was not sound: {verdict}")
    one = entry_microseconds()
    figures = {
        "entries": float(verdict.entries),
        "commit_us_per_fact": written / ENTRIES * 1e6,
        "entry_us": one,
        "verify_s": seconds,
        "verify_memory_mib": grown,
        "anchors_bytes": float(anchors),
    }
    targets = {
        "verify_s": at_most(seconds, MOST_SECONDS),
        "verify_memory_mib": at_most(grown, MOST_MIB),
        "entry_us": at_most(one, MOST_MICROSECONDS),
    }
    return report("audit", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
