"""A service, a gate in another process's place, and the command line: halted, killed, restarted, resumed, for real."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from live_fleet import free_port

from fleawatch import Gate, Order

pytestmark = pytest.mark.live

COMMAND = Path(sys.executable).with_name("fleawatch")
OPERATOR, AGENT = "operator-token-" + "o" * 20, "agent-token-" + "a" * 20
SMALL = Order(market="BTC-USD", notional_usd=1)


class Running:
    """A service as a process, over one state directory; it can be killed and started again on the same port."""

    def __init__(self, directory, port):
        self.directory, self.port = directory, port
        self.url = f"http://127.0.0.1:{port}"
        (directory / "operator").write_text(OPERATOR)
        (directory / "agent").write_text(AGENT)
        (directory / "fleawatch.yaml").write_text(
            f"listen: {{port: {port}}}\n"
            "store: {path: state}\n"
            "access: {lease_ttl_s: 6.0, tokens: [{name: ann, role: operator, token: {file: operator}}, "
            "{name: a-1, role: agent, agent: a-1, token: {file: agent}}]}\n"
            "agents: [{id: a-1, health_url: 'http://127.0.0.1:9'}]\n"
        )
        self.process = None
        self.start()

    def start(self):
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [COMMAND, "run", "--config", self.directory / "fleawatch.yaml"],
                stdout=log,
                stderr=log,
                cwd=self.directory,
            )
        until(lambda: self.get("/-/healthy") is not None, 30)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.read()
        except OSError:
            return None

    def facts(self, kind):
        return [one["fact"] for one in json.loads(self.get(f"/api/v1/events?kind={kind}"))["events"]]

    def command(self, *arguments, code=0):
        done = subprocess.run(
            [COMMAND, *arguments, "--url", self.url, "--json"], capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "FLEAWATCH_TOKEN": OPERATOR},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        assert OPERATOR not in done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr


def until(condition, within_s=15.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@pytest.fixture
def service(tmp_path):
    """A running service."""
    running = Running(tmp_path, free_port())
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.wait(20)


@pytest.fixture
def gate(service, tmp_path):
    """A gate of a-1 that has its first lease."""
    gate = Gate("a-1", service=service.url, token=AGENT, state_file=tmp_path / "gate.json")
    until(lambda: gate.may_open(SMALL).allowed)
    yield gate
    gate.close()


def test_a_halt_closes_the_gate_survives_a_kill_and_ends_by_a_resume_only(service, gate):
    """Ordered on the command line, told by the stream, acknowledged; a killed service that comes back says the same."""
    found = service.command("halt", "a-1", "--reason", "drill of everything")
    until(lambda: not gate.may_open(SMALL).allowed)
    assert gate.may_open(SMALL).state == "halted"
    until(lambda: service.facts("halt_acknowledged"))
    assert service.facts("halt_acknowledged")[0]["halt_id"] == found["halt_id"]
    service.kill()
    assert not gate.may_open(SMALL).allowed
    service.start()
    until(lambda: gate.status().reason != "lease_lost")
    assert gate.may_open(SMALL).state == "halted"
    assert [fact["actor"] for fact in service.facts("halt_ordered")] == ["ann"]
    assert service.command("resume", "a-1", "--reason", "over") == {"resumed": ["a-1"]}
    until(lambda: gate.may_open(SMALL).allowed)


def test_a_gate_that_closed_by_itself_is_known_and_opened_by_a_resume(service, gate):
    """The agent's own halt becomes one of the service, with the gate as actor."""
    gate.halt("the agent itself")
    until(lambda: service.facts("halt_ordered"))
    assert service.facts("halt_ordered")[0]["actor"] == "gate"
    until(lambda: service.facts("halt_acknowledged"))
    assert service.command("resume", "a-1", "--reason", "looked at it") == {"resumed": ["a-1"]}
    until(lambda: gate.may_open(SMALL).allowed)


def test_a_service_that_is_gone_for_less_than_a_lease_stops_nobody(service, gate):
    """And one that is gone for longer closes the gate by itself; when it is back, so is the permission."""
    service.kill()
    service.start()
    assert gate.may_open(SMALL).allowed
    service.kill()
    until(lambda: not gate.may_open(SMALL).allowed)
    assert gate.may_open(SMALL).reason == "lease_lost"
    service.start()
    until(lambda: gate.may_open(SMALL).allowed)


def test_a_drill_says_who_could_be_halted(service, gate):
    """The gate answers and goes on; without it nobody does, and the command says so by its code."""
    (probe,) = service.command("drill")["probes"]
    assert (probe["agent_id"], probe["ok"]) == ("a-1", True)
    assert gate.may_open(SMALL).allowed
    gate.close()
    (probe,) = service.command("drill", code=1)["probes"]
    assert (probe["ok"], probe["reason"] in ("no_gate_listens", "no_answer")) == (False, True)


def test_a_halt_file_closes_the_gate(service, gate):
    """In the service's state directory, without a token or a network."""
    (service.directory / "state" / "HALT").write_text("now")
    until(lambda: not gate.may_open(SMALL).allowed)
    assert "HALT" in service.command("resume", "--fleet", "--reason", "too early", code=1)
    (service.directory / "state" / "HALT").unlink()
    service.command("resume", "--fleet", "--reason", "over")
    until(lambda: gate.may_open(SMALL).allowed)


def test_a_command_without_a_right_says_what_to_do(service):
    """No token, a wrong one, nobody of that name."""
    run = [COMMAND, "halt", "a-1", "--reason", "x", "--url", service.url]
    clean = {name: value for name, value in os.environ.items() if name != "FLEAWATCH_TOKEN"}
    for environment, said in (({}, "--token-file"), ({"FLEAWATCH_TOKEN": "w" * 32}, "access.tokens")):
        done = subprocess.run(run, capture_output=True, text=True, check=False, env={**clean, **environment})
        assert done.returncode == 1
        assert said in done.stderr
    assert "which no agent is" in service.command("halt", "nobody", "--reason", "x", code=1)
