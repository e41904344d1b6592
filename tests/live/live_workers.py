"""What the live tests of several workers share: a program with workers, load that reaches all of them, and its totals."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import NamedTuple

from live_fleet import free_port
from prometheus_client.openmetrics.parser import text_string_to_metric_families

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
WORKERS = 4
AT_ONCE = 16


class Row(NamedTuple):
    """What a worker noted about a request: itself, which one, when, and the traces of its order and its bet."""

    pid: int
    number: int
    at: float
    order: str
    bet: str


class Program:
    """A running program with several workers.

    Attributes:
        port: where its workers listen.
        own: where one of its processes serves the metrics by itself.
        pid: of the process that looks after the workers.
    """

    def __init__(self, port, own, folder, process):
        self.port, self.own, self.pid = port, own, process.pid
        self.folder = folder
        self._numbers = count()

    def rows(self):
        """What was done, by all workers that ever lived."""
        path = self.folder / "journal"
        return [
            Row(int(pid), int(number), float(at), order, bet)
            for pid, number, at, order, bet in map(str.split, path.read_text().splitlines() if path.exists() else ())
        ]

    def files(self):
        """Of processes that keep their metrics for each other."""
        return list((self.folder / "metrics").glob("*.worker"))

    def children(self):
        """Pids of its workers that live now."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def load(self, requests):
        """Send requests, a connection each; the pids that answered. A worker that ends may leave one unanswered."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return set(pool.map(self._trade, [next(self._numbers) for _ in range(requests)])) - {None}

    def load_until(self, condition, seconds=60.0):
        """Send requests until `condition` holds of the pids that have answered; these.

        A worker that is not ready yet answers nothing, and of those that wait the kernel wakes whom it likes, so no
        number of requests is sure to reach all.
        """
        answered, end = set(), time.monotonic() + seconds
        while True:
            answered |= self.load(5 * AT_ONCE)
            if condition(answered):
                return answered
            assert time.monotonic() < end, f"only {answered} answered"
            time.sleep(0.1)  # Or load of this kind keeps a worker on a small machine from ever getting ready.

    def _trade(self, number):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return json.loads(get(self.port, f"/trade/{number}")[0])["pid"]
        return None

    def scrape(self, port=None):
        """Sums by sample, buckets apart; the traces on buckets, and who answered."""
        body, pid = get(port or self.port, "/metrics", OPENMETRICS)
        found = {"traces": set(), "pid": pid}
        for family in text_string_to_metric_families(body):
            for sample in family.samples:
                if sample.exemplar is not None:
                    found["traces"].add(sample.exemplar.labels["trace_id"])
                if not sample.name.endswith("_bucket"):
                    found[sample.name] = found.get(sample.name, 0.0) + sample.value
        return found

    def settle(self):
        """Wait until all that was done is counted; how many requests that was."""
        until(lambda: self.scrape()["pf_orders_total"] >= 2 * len(self.rows()))
        return len(self.rows())

    def assert_exact(self, port=None):
        """Every total is what the workers noted."""
        numbers, found = [row.number for row in self.rows()], self.scrape(port)
        assert len(set(numbers)) == len(numbers)
        assert found["pf_orders_total"] == 2 * len(numbers)
        assert found["pf_order_latency_seconds_count"] == 2 * len(numbers)
        assert found["pf_trade_volume_usdc_total"] == 100 * len(numbers)
        assert found["pf_trade_fees_usdc_total"] == 0.25 * len(numbers)
        assert found["pf_casino_wagered_usdc_total"] == 2 * len(numbers)
        assert found["pf_casino_paid_usdc_total"] == sum(3 for number in numbers if number % 2)
        pnl = sum(1 if number % 2 else -2 for number in numbers) - 0.25 * len(numbers)
        assert found["pf_trade_pnl_usdc"] == pnl
        return found


def get(port, path, accept=""):
    """Body, and the process that answered where it says so."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status != 200:
            raise OSError(f"{answer.status}: {body[:200]}")
        return body, int(answer.getheader("X-Pid", "0"))
    finally:
        connection.close()


def until(condition, seconds=20.0):
    """Ask again until it holds; what cannot be asked for the moment does not hold."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException, KeyError):
            if condition():
                return
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@contextlib.contextmanager
def running(folder, *command):
    """The program that `command` starts; `{port}` in it is where it shall listen."""
    port, own = free_port(), free_port()
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PF_", "DD_", "OTEL_"))},
        "TEST_FOLDER": str(folder / "metrics"), "TEST_JOURNAL": str(folder / "journal"), "TEST_METRICS": f"127.0.0.1:{own}",
    }  # fmt: skip
    environ.pop("PYTEST_CURRENT_TEST", None)
    process = subprocess.Popen(
        [part.format(port=port) for part in command], env=environ, cwd=Path(__file__).parent, start_new_session=True
    )
    try:
        until(lambda: get(port, "/metrics"), 60)
        yield Program(port, own, folder, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
