"""How soon an order to halt closes gates in other processes, over loopback and a real store.

    python -m benchmarks.reaction [--json]

`one` times a halt from the moment its request is sent to the service until a gate in another process has closed: the
fact is committed to SQLite, the lease pushed over the gate's stream, taken and latched. `fleet` times a halt of a thousand
agents whose leases are held in four processes, until the last of them has it. Clocks are the machine's monotonic one,
which processes share.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from benchmarks.harness import Target, at_most, report, wants_json

TOKEN = "benchmark-token-" + "b" * 24
TRIALS = 200
AGENTS = 1_000
PROCESSES = 4
MOST_MEDIAN_S = 5e-3
MOST_P99_S = 50e-3
MOST_FLEET_S = 2.0
READY_S = 60.0

GATE = """
import sys, time
from fleawatch import Gate
def told(change):
    sys.stdout.write(f"{change.after} {time.monotonic()}\\n"); sys.stdout.flush()
gate = Gate("agent-0000", service=sys.argv[1], token=sys.argv[2], state_file="memory:", on_change=told)
sys.stdin.read()
gate.close()
"""


class Service:
    """A service of `agents` agents as a process of its own."""

    def __init__(self, folder: Path, agents: int) -> None:
        with socket.socket() as trial:
            trial.bind(("127.0.0.1", 0))
            self.port: int = trial.getsockname()[1]
        (folder / "token").write_text(TOKEN)
        listed = "".join(f"  - {{id: agent-{n:04d}, health_url: 'http://127.0.0.1:9'}}\n" for n in range(agents))
        (folder / "fleawatch.yaml").write_text(
            f"listen: {{port: {self.port}}}\nstore: {{path: state}}\ncollect: {{interval_s: 600.0, max_age_s: 3600.0}}\n"
            "access: {tokens: [{name: benchmark, role: operator, token: {file: token}}]}\n"
            f"agents:\n{listed}"
        )
        self._log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("fleawatch"), "run", "--config", folder / "fleawatch.yaml"],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        deadline = time.monotonic() + READY_S
        while not self._healthy():
            if time.monotonic() > deadline:
                raise RuntimeError("the service did not start")
            time.sleep(0.1)
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, document: dict[str, Any]) -> None:
        """Do something on a connection that is kept open."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        self._connection.request("POST", path, json.dumps(document), headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status >= http.client.MULTIPLE_CHOICES:
            raise RuntimeError(body.decode())

    def close(self) -> None:
        """End it."""
        self._connection.close()
        self.process.terminate()
        self.process.wait(30)
        self._log.close()

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/healthy", timeout=1):  # noqa: S310 - loopback
                return True
        except OSError:
            return False


@contextlib.contextmanager
def service(agents: int) -> Iterator[Service]:
    """A service for the length of a block."""
    with tempfile.TemporaryDirectory() as folder:
        running = Service(Path(folder), agents)
        try:
            yield running
        finally:
            running.close()


def one(trials: int = TRIALS) -> list[float]:
    """Seconds from sending a halt to a closed gate in another process, for each trial but the first ten."""
    taken = []
    with service(1) as running:
        child = subprocess.Popen(
            [sys.executable, "-c", GATE, running.url, TOKEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if child.stdout is None:
            raise RuntimeError("the gate has no output")
        try:
            _until(child.stdout, "active")
            for number in range(trials + 10):
                begun = time.monotonic()
                running.ask("/api/v1/halt", {"scope": "agent", "target": "agent-0000", "reason": "benchmark"})
                closed = _until(child.stdout, "halted")
                if number >= 10:
                    taken.append(closed - begun)
                running.ask("/api/v1/resume", {"scope": "agent", "target": "agent-0000", "reason": "next trial"})
                _until(child.stdout, "active")
        finally:
            child.communicate()
    return taken


def fleet(agents: int = AGENTS, processes: int = PROCESSES) -> float:
    """Seconds from sending a halt of the fleet until every lease, held in `processes` processes, says so."""
    with service(agents) as running:
        children = [
            subprocess.Popen(
                [sys.executable, "-m", "benchmarks.reaction", "--hold", running.url, str(first), str(agents), str(processes)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for first in range(processes)
        ]  # fmt: skip
        try:
            for child in children:
                _until(child.stdout, "held")
            begun = time.monotonic()
            running.ask("/api/v1/halt", {"scope": "fleet", "reason": "benchmark"})
            return max(_until(child.stdout, "closed") for child in children) - begun
        finally:
            for child in children:
                child.communicate()


def hold(url: str, first: int, agents: int, step: int) -> None:
    """Hold the leases of every `step`-th agent; say when all are held, and when all say halted."""
    selector = selectors.DefaultSelector()
    port = int(url.rpartition(":")[2])
    waiting, held = set(), set()
    for number in range(first, agents, step):
        stream = socket.create_connection(("127.0.0.1", port))
        path = f"/api/v1/agents/agent-{number:04d}/lease/stream"
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        selector.register(stream, selectors.EVENT_READ, number)
        waiting.add(number)
    total = len(waiting)
    while waiting:
        for key, _ in selector.select():
            data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]  # sockets were registered
            if b'"state":"active"' in data and key.data not in held:
                held.add(key.data)
                if len(held) == total:
                    _say("held")
            if b'"state":"halted"' in data:
                waiting.discard(key.data)
    _say("closed")


def _say(word: str) -> None:
    sys.stdout.write(f"{word} {time.monotonic()}\n")
    sys.stdout.flush()


def _until(lines: IO[str] | None, word: str) -> float:
    for line in lines or ():
        said, _, at = line.partition(" ")
        if said == word:
            return float(at)
    raise RuntimeError(f"a child ended before it said {word}")


def main() -> int:
    """Measure, print, and say by the exit code whether the bounds hold."""
    if sys.argv[1:2] == ["--hold"]:
        hold(sys.argv[2], *map(int, sys.argv[3:6]))
        return 0
    as_json = wants_json(__doc__ or "")
    alone, together = sorted(one()), fleet()
    targets: dict[str, Target] = {
        "halt_to_closed_gate_median_s": at_most(statistics.median(alone), MOST_MEDIAN_S),
        "halt_to_closed_gate_p99_s": at_most(alone[int(0.99 * len(alone))], MOST_P99_S),
        "halt_to_1000_leases_s": at_most(together, MOST_FLEET_S),
    }
    return report("reaction", {"trials": len(alone), "agents": AGENTS, "processes": PROCESSES}, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
