"""The commands as an operator meets them: what they print, how they fail, and their exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("fleawatch")


def fleawatch(*arguments, code=0, cwd=None, **environment):
    """Run a command to its end; the finished process, whose exit code was `code`."""
    done = subprocess.run(
        [COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, **environment},
        check=False,
    )
    assert code is None or done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module", name="recorded")
def _recorded(tmp_path_factory):
    """A finished demo: its state directory, its books and what it printed."""
    directory = tmp_path_factory.mktemp("recorded")
    done = fleawatch(
        "demo", "--agents", "6", "--seed", "5", "--for", "4", "--port", "0", "--json",
        "--state", str(directory / "state"), "--books", str(directory / "books.sqlite"),
    )  # fmt: skip
    return directory, json.loads(done.stdout)


@pytest.mark.live
class TestDemo:
    def test_every_number_equals_the_books(self, recorded):
        """Sixteen kinds of numbers for each agent were compared, and none differs."""
        _, result = recorded
        assert result["agents"] == 6
        assert result["bets"] + result["trades"] + result["escrows"] > 50
        assert set(result["compared"].values()) == {6}
        assert len(result["compared"]) == 16
        assert result["mismatches"] == []

    def test_a_falsified_cent_is_found_by_name(self, tmp_path):
        """One cent changed in one book is exactly one mismatch, and the exit code says so."""
        done = fleawatch(
            "demo",
            "--agents",
            "6",
            "--seed",
            "5",
            "--for",
            "4",
            "--port",
            "0",
            "--json",
            "--falsify",
            code=1,
            cwd=tmp_path,
        )
        [mismatch] = json.loads(done.stdout)["mismatches"]
        assert abs(abs(mismatch["books"] - mismatch["fleawatch"]) - 0.01) < 1e-6
        assert mismatch["agent"]
        assert mismatch["kind"]

    def test_a_taken_port_is_a_clear_error(self, tmp_path):
        """A port that is in use is named with the remedy."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = fleawatch("demo", "--for", "2", "--port", str(port), code=1, cwd=tmp_path)
        assert f"127.0.0.1:{port}" in done.stderr
        assert "Remedy" in done.stderr


@pytest.mark.live
class TestReportAndReplay:
    def test_the_report_of_the_fleet_and_of_an_agent_agree(self, recorded):
        """An agent's report is its part of the fleet's report."""
        directory, _ = recorded
        fleet = json.loads(fleawatch("report", "--state", str(directory / "state"), "--json").stdout)
        one = json.loads(fleawatch("report", "flat-00", "--state", str(directory / "state"), "--json").stdout)
        assert one == next(agent for agent in fleet["agents"] if agent["agent_id"] == "flat-00")
        assert one["performance"]["all_time"]["why"]["sharpe"]

    def test_a_report_for_people_names_reasons(self, recorded):
        """A number that cannot be stated yet is printed with its reason."""
        directory, _ = recorded
        text = fleawatch("report", "flat-00", "--state", str(directory / "state")).stdout
        assert "Sharpe ratio" in text
        assert "nan" not in text.lower()

    def test_an_unknown_agent_names_the_known_ones(self, recorded):
        """A name that is not there is answered with those that are."""
        directory, _ = recorded
        done = fleawatch("report", "nobody", "--state", str(directory / "state"), code=1)
        assert "flat-00" in done.stderr

    def test_replay_prints_the_same_state_as_live(self, recorded, tmp_path):
        """Folding every fact again, from the store or from a text file, ends in the state that the service saved."""
        directory, _ = recorded
        state = directory / "state"
        replayed = json.loads(fleawatch("replay", str(state), "--compare", "--json").stdout)
        assert replayed["equals_live"] is True
        text = tmp_path / "facts.jsonl"
        dump = (
            "import sys, pathlib\nfrom fleawatch.events import encode\nfrom fleawatch.store import open_store\n"
            "store = open_store(f'sqlite:{sys.argv[1]}/fleawatch.db', mode='reader')\nafter = 0\nout = open(sys.argv[2], 'wb')\n"
            "while page := store.facts(after=after):\n    after = page[-1].seq\n    [out.write(encode(f.event) + b'\\n') for f in page]\n"
            "out.close()\nstore.close()\n"
        )
        subprocess.run([sys.executable, "-c", dump, str(state), str(text)], check=True)
        assert json.loads(fleawatch("replay", str(text), "--json").stdout)["digest"] == replayed["digest"]

    def test_a_bad_line_is_named(self, tmp_path):
        """A fact that cannot be read is refused with its line and every problem."""
        path = tmp_path / "facts.jsonl"
        path.write_text('{"kind": "tick", "at": -1}\n')
        done = fleawatch("replay", str(path), code=1)
        assert "line 1" in done.stderr
        assert "seen_at" in done.stderr


@pytest.mark.live
class TestCheck:
    def test_five_mistakes_are_reported_with_key_value_and_remedy(self, tmp_path):
        """A configuration with five mistakes gets five complaints at once."""
        (tmp_path / "fleawatch.yaml").write_text(
            "listen: {port: 99999, adress: 127.0.0.1}\ncollect: {interval_s: soon}\n"
            "agents:\n  - {id: Momentum, keys: {casino: {env: HOME}}}\n  - {id: b, keys: {casino: {file: missing.key}}}\n"
        )
        done = fleawatch("check", "--json", code=1, cwd=tmp_path)
        found = json.loads(done.stdout)
        assert len(found["problems"]) == 5
        assert all(problem["key"] and problem["problem"] and problem["remedy"] for problem in found["problems"])
        assert "5 mistakes" in fleawatch("check", code=1, cwd=tmp_path).stdout

    def test_a_sound_file_says_what_comes_next(self, recorded):
        """A configuration without a mistake is confirmed, and the next command is named."""
        directory, _ = recorded
        text = fleawatch("check", "-c", str(directory / "state" / "fleawatch.yaml")).stdout
        assert "6 agents, no mistakes" in text
        assert "fleawatch doctor" in text


@pytest.mark.live
class TestDoctor:
    def test_every_service_that_is_away_is_named(self, recorded):
        """With the platform gone, each service and key has its own line with what to do, and the exit code is 1."""
        directory, _ = recorded
        done = fleawatch("doctor", "-c", str(directory / "state" / "fleawatch.yaml"), "--json", code=1)
        findings = json.loads(done.stdout)["findings"]
        failed = [finding for finding in findings if not finding["ok"]]
        assert any(finding["what"] == "service casino" for finding in failed)
        assert all(finding["remedy"] for finding in failed)
        assert "sk_live_" not in done.stdout + done.stderr


@pytest.mark.live
class TestRun:
    def test_it_watches_until_it_is_told_to_stop_and_goes_on_where_it_was(self, tmp_path):
        """A service answers while it runs, ends cleanly on SIGTERM, and a second start knows what the first one saw."""
        sandbox = subprocess.Popen(
            [sys.executable, "-m", "fleawatch.sandbox", "--seed", "3", "--agents", "4", "--speed", "60", "--for", "60"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            config = self.configuration(json.loads(sandbox.stdout.readline()), tmp_path)
            first = self.live_through(config)
            second = self.live_through(config)
        finally:
            sandbox.stdin.close()
            sandbox.terminate()
            sandbox.wait(10)
            sandbox.stdout.close()
        assert len(first["agents"]) == len(second["agents"]) == 4
        assert second["facts"] > first["facts"] > 0

    @staticmethod
    def configuration(ready, directory):
        """Write the configuration of a sandbox's fleet; its path."""
        from fleawatch.cli.simulator import write_config  # noqa: PLC0415 - only this test writes one

        return write_config(ready, directory, 0)

    @staticmethod
    def live_through(config):
        """Start a service, ask it, end it; what it said."""
        process = subprocess.Popen(
            [COMMAND, "run", "-c", str(config), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            lines = ""
            while not lines.rstrip().endswith("}"):
                lines += process.stdout.readline()
            url = json.loads(lines)["url"]
            deadline = time.monotonic() + 30
            while True:
                try:
                    with urllib.request.urlopen(f"{url}/-/ready", timeout=2):
                        break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            status = json.loads(fleawatch("status", "--url", url, "--json", code=None).stdout)
            with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        facts = sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("pf_facts_total"))
        return {"agents": status["agents"]["agents"], "facts": facts}


@pytest.mark.live
def test_status_without_a_service_says_what_to_start():
    """Nothing listening is answered with the command that would."""
    done = fleawatch("status", "--url", "http://127.0.0.1:1", code=1)
    assert "fleawatch run" in done.stderr


@pytest.mark.live
def test_every_command_teaches():
    """Each command has help that says what it does, and --json where it prints data."""
    listing = fleawatch("--help").stdout
    for command in ("demo", "run", "check", "doctor", "status", "report", "version", "replay", "render"):
        assert command in listing
        assert "--json" in fleawatch(command, "--help").stdout
    fleawatch("nonsense", code=2)
    assert json.loads(fleawatch("version", "--json").stdout)["fleawatch"]


@pytest.mark.live
def test_a_store_that_is_locked_does_not_keep_the_service_from_ending(tmp_path):
    """SIGTERM ends a service whose store cannot commit, within seconds and without a traceback."""
    config = tmp_path / "fleawatch.yaml"
    config.write_text(
        "listen: {port: 0}\nstore: {path: state, snapshot_s: 1}\ncollect: {interval_s: 1, max_age_s: 10}\n"
        "agents: [{id: a-1, health_url: 'http://127.0.0.1:1'}]\n"
    )
    process = subprocess.Popen(
        [COMMAND, "run", "-c", str(config), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lock = None
    try:
        assert "{" in process.stdout.readline()
        time.sleep(2)
        lock = sqlite3.connect(tmp_path / "state" / "fleawatch.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        time.sleep(3)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        if lock is not None:
            lock.close()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


@pytest.mark.live
class TestAudit:
    def test_the_log_of_a_service_is_sound_and_leaves_no_trace_of_the_look(self, recorded):
        """After a demo every audited fact has its entry, and verification changes no file."""
        state = recorded[0] / "state"
        before = {path: path.read_bytes() for path in state.iterdir() if path.is_file()}
        document = json.loads(fleawatch("audit", "verify", "--state", str(state), "--json").stdout)
        assert (document["sound"], document["gaps"], document["after_anchor"]) == (True, 0, 0)
        assert document["by_kind"]["agent_declared"] == 6
        assert document["by_kind"]["config_changed"] == 1
        assert {path: path.read_bytes() for path in state.iterdir() if path.is_file()} == before
