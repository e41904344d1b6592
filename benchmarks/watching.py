"""What the benchmark of reactions runs beside itself: a service, gates in other processes, Prometheus and Alertmanager.

Times are of the machine's monotonic clock, which processes share.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Self

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import BalanceRead, encode, reading_id
from fleawatch.render.halts import alertmanager_config, halt_rules
from fleawatch.sdk.gate.answer import Changed
from fleawatch.sdk.gate.gate import Gate

OPERATOR: Final = "benchmark-token-" + "b" * 24
READY_S: Final = 60.0
SETTLED_S: Final = 8.0
"""Seconds until Prometheus has scraped, and has found its Alertmanager, which it looks for every five."""
IDLE_S: Final = 3.0
"""Seconds after which a kept connection is not used again: the service ends it after five."""
OTHERS: Final = tuple(name for name in CATALOG.alerts if name != "PFDrawdownHalt")
"""Alerts that are not judged: one rule is timed, and others would stop the agent a moment before it or after."""
GUARDED: Final = ("drawdown_warning", "drawdown_critical", "drawdown_halt", "drawdown_stop", "daily_loss_ratio")


def named(number: int) -> str:
    """The id of an agent."""
    return f"agent-{number:04d}"


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Service:
    """A service of `agents` agents as a process of its own, in a directory that ends with it.

    Args:
        agents: how many.
        blind: it judges nothing and sends no limits, so that only others halt.
        judging: it judges by every alert; otherwise by the one that is timed.
    """

    def __init__(self, agents: int, *, blind: bool = False, judging: bool = False) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = folder = Path(self._folder.name)
        self.port = free_port()
        (folder / "fleawatch.yaml").write_text(json.dumps(self._config(agents, blind=blind, judging=judging)))
        self._log = (folder / "log").open("wb")
        self.process = self._started()
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self._used = 0.0

    def _config(self, agents: int, *, blind: bool, judging: bool) -> dict[str, Any]:
        (self.folder / "token").write_text(OPERATOR)
        tokens: list[dict[str, Any]] = [{"name": "benchmark", "role": "operator", "token": {"file": "token"}}]
        for number in range(agents):
            (self.folder / named(number)).write_text(token_of(number))
            tokens.append(
                {"name": named(number), "role": "agent", "agent": named(number), "token": {"file": named(number)}}
            )
        return {
            "listen": {"port": self.port},
            "store": {"path": "state"},
            "collect": {"interval_s": 600.0, "max_age_s": 3_600.0},
            "access": {"tokens": tokens},
            "alerts": {"disabled": list(CATALOG.alerts) if blind else [] if judging else list(OTHERS)},
            "limits": dict.fromkeys(GUARDED) if blind else {},
            "agents": [{"id": named(number), "health_url": "http://127.0.0.1:9"} for number in range(agents)],
        }

    def _started(self) -> subprocess.Popen[bytes]:
        program, file = Path(sys.executable).with_name("fleawatch"), self.folder / "fleawatch.yaml"
        command: list[str | Path] = [program, "run", "--config", file]
        process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        deadline = time.monotonic() + READY_S
        while not answers(f"{self.url}/-/healthy"):
            if time.monotonic() > deadline:
                raise RuntimeError("the service did not start")
            time.sleep(0.1)
        return process

    def end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it, as a supervisor does or otherwise; its state stays."""
        self.process.send_signal(by)
        self.process.wait(60)

    def start(self) -> None:
        """Start it anew over the same state."""
        self.process = self._started()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self.port}"

    def act(self, what: str, document: dict[str, Any]) -> bool:
        """Halt or resume on a connection that is kept open; whether it was done, False where it is not allowed yet."""
        body = json.dumps({"reason": "benchmark", **document}).encode()
        status = self._post(f"/api/v1/{what}", body, OPERATOR)
        if status not in (http.client.OK, http.client.ACCEPTED, http.client.CREATED, http.client.CONFLICT):
            raise RuntimeError(f"{what} was answered with {status}")
        return status != http.client.CONFLICT

    def tell(self, number: int, balance: int) -> None:
        """An agent tells of its balance in USD, which is all that it has."""
        at, amount = time.time(), Decimal(balance)
        fact = BalanceRead(
            fact_id=reading_id("sdk", "balance_read", named(number), at), agent_id=named(number), at=at, seen_at=at,
            source="sdk", service="casino", currency="USDC", amount=amount, value_usd=amount,
        )  # fmt: skip
        status = self._post("/api/v1/facts", encode(fact), token_of(number))
        if status != http.client.OK:
            raise RuntimeError(f"the fact was answered with {status}")

    def _post(self, path: str, body: bytes, token: str) -> int:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if time.monotonic() - self._used > IDLE_S:
            self._connection.close()
        self._connection.request("POST", path, body, headers)
        answer = self._connection.getresponse()
        answer.read()
        self._used = time.monotonic()
        return answer.status

    def ordered(self) -> dict[str, float]:
        """When halts were ordered, unix seconds, by agent."""
        with urllib.request.urlopen(f"{self.url}/api/v1/events?kind=halt_ordered&limit=500", timeout=10) as answer:  # noqa: S310 - loopback
            facts = [one["fact"] for one in json.load(answer)["events"]]
        return {fact["agent_id"]: float(fact["at"]) for fact in facts}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self.process.terminate()
        self.process.wait(60)
        self._log.close()
        self._folder.cleanup()


class Gates:
    """Real gates of some agents, in a process of their own that tells of every change.

    Args:
        url: of the service.
        agents: whose gates they are, by number.
    """

    def __init__(self, url: str, agents: range) -> None:
        self.agents = agents
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.watching", url, *map(str, (agents.start, agents.stop, agents.step))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._seen: dict[tuple[str, str], float] = {}

    def until(self, state: str, agents: range | None = None) -> float:
        """When the last of these gates, or of all, came into a state; what it told before that is forgotten."""
        wanted = {(named(number), state) for number in (self.agents if agents is None else agents)}
        while not wanted <= self._seen.keys():
            line = self._process.stdout.readline() if self._process.stdout else ""
            if not line:
                raise RuntimeError(f"the gates ended before they were {state}")
            who, what, at = line.split()
            self._seen[who, what] = float(at)
        return max(self._seen.pop(key) for key in wanted)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def hold(url: str, agents: range) -> None:
    """Hold gates until standard input ends, and say on standard output, with the time, when one changes."""
    logging.getLogger("fleawatch").setLevel(logging.CRITICAL)  # what a gate logs of itself is told on standard output
    threading.stack_size(256 * 1024)

    def told(number: int, change: Changed) -> None:
        at = time.monotonic()
        with speaking:
            sys.stdout.write(f"{named(number)} {change.after} {at}\n")
            sys.stdout.flush()

    def gate(number: int) -> Gate:
        return Gate(
            named(number),
            service=url,
            token=OPERATOR,
            state_file="memory:",
            on_change=lambda change: told(number, change),
        )

    speaking = threading.Lock()
    gates = [gate(number) for number in agents]
    sys.stdin.read()
    sys.stdout.close()
    os._exit(0 if gates else 1)


@contextlib.contextmanager
def prometheus(service: Service, interval_s: float) -> Iterator[None]:
    """Prometheus with the rendered rules and Alertmanager with the rendered route, at one interval for scrapes and rules."""
    every = f"{round(interval_s * 1000)}ms"
    with tempfile.TemporaryDirectory() as name:
        folder, asked, told = Path(name), free_port(), free_port()
        (folder / "rules.yml").write_text(halt_rules(CATALOG, interval_s=interval_s))
        (folder / "alertmanager.yml").write_text(
            alertmanager_config(CATALOG, url=f"{service.url}/halt", credentials_file=str(service.folder / "token"))
        )
        config = {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [str(folder / "rules.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{told}"]}]}]},
            "scrape_configs": [
                {"job_name": "fleawatch", "static_configs": [{"targets": [f"127.0.0.1:{service.port}"]}]}
            ],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))
        running = [
            subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder / 'am'}",
                 f"--web.listen-address=127.0.0.1:{told}", "--cluster.listen-address=", "--log.level=error"]
            ),
            subprocess.Popen(
                ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
                 f"--web.listen-address=127.0.0.1:{asked}", "--log.level=error"]
            ),
        ]  # fmt: skip
        try:
            deadline = time.monotonic() + READY_S
            while not (answers(f"http://127.0.0.1:{told}/-/ready") and answers(f"http://127.0.0.1:{asked}/-/ready")):
                if time.monotonic() > deadline:
                    raise RuntimeError("Prometheus or Alertmanager did not start")
                time.sleep(0.1)
            time.sleep(SETTLED_S)
            yield
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 - loopback
            return True
    except OSError:
        return False


def token_of(number: int) -> str:
    """The token of an agent."""
    return f"benchmark-{named(number)}-".ljust(40, "a")


if __name__ == "__main__":
    hold(sys.argv[1], range(*map(int, sys.argv[2:5])))
