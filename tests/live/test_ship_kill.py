"""Facts of an agent reach a real service, whoever is killed on the way: none is lost, and no money counts twice."""

from __future__ import annotations

import json
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

BETS = 1_200
KILLS = 12


def service_in(folder, port):
    """Start the service and wait until it answers."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("fleawatch"), "run", "--config", folder / "fleawatch.yaml"],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    for _ in range(300):
        time.sleep(0.1)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/healthy", timeout=2):
                return process
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
    pytest.fail("the service did not start")
    return process


def configured(folder):
    """A service that watches one agent, which only reports itself; its port."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    (folder / "token").write_text("agent-token-" + "a" * 32)
    config = {
        "listen": {"port": port},
        "store": {"path": "state"},
        "access": {"tokens": [{"name": "bettor", "role": "agent", "agent": "bettor-01", "token": {"file": "token"}}]},
        "agents": [{"id": "bettor-01", "health_url": "http://127.0.0.1:9"}],
    }
    (folder / "fleawatch.yaml").write_text(json.dumps(config))
    return port


class Bettor:
    """An agent's process, and how far its facts were kept."""

    def __init__(self, folder, port, kept):
        self.kept = kept
        child = Path(__file__).with_name("ship_child.py")
        self.process = subprocess.Popen(
            [
                sys.executable,
                child,
                f"http://127.0.0.1:{port}",
                folder / "token",
                folder / "spool",
                str(kept + 1),
                str(BETS),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

    def hear(self, lines):
        """Hear of so many more bets that are in its spool."""
        for _ in range(lines):
            said = self.process.stdout.readline().strip()
            if not said.isdigit():
                return
            self.kept = int(said)

    def kill(self):
        """End it as a power cut of its process would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.live
def test_kills_on_both_sides_lose_no_fact_and_double_no_money(tmp_path):
    """Agent and service are killed twelve times; then the store has every bet once and the service the exact result."""
    random_ = random.Random(7)
    port = configured(tmp_path)
    service, bettor = service_in(tmp_path, port), Bettor(tmp_path, port, 0)
    try:
        for kill in range(KILLS):
            bettor.hear(random_.randint(1, 6))
            time.sleep(random_.uniform(0, 0.2))
            if kill % 3 == 2:
                service.kill()
                service.wait()
                bettor.hear(2)
                service = service_in(tmp_path, port)
            else:
                bettor.kill()
                bettor = Bettor(tmp_path, port, bettor.kept)
        said, _ = bettor.process.communicate(timeout=150)
        assert said.split()[-1] == "done"
        assert list((tmp_path / "spool").glob("*.facts")) == []
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
    finally:
        bettor.kill()
        service.terminate()
        assert service.wait(20) == 0
    with closing(sqlite3.connect(tmp_path / "state" / "fleawatch.db")) as database:
        bodies = [json.loads(body) for (body,) in database.execute("SELECT body FROM facts WHERE kind = 'bet_settled'")]
    assert sorted(int(one["bet_id"].removeprefix("bet-")) for one in bodies) == list(range(1, BETS + 1))
    expected = Decimal("0.97") * (BETS // 2) - BETS // 2
    assert sum(Decimal(one["payout"]) - Decimal(one["stake"]) for one in bodies) == expected
    wagered = [line for line in metrics.splitlines() if line.startswith("pf_casino_wagered_usdc_total{")]
    assert sum(float(line.split()[-1]) for line in wagered) == BETS
