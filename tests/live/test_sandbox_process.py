"""The process: two lines of output, books on disk, frozen servers, a clean exit."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from fleawatch.sandbox import World, books

pytestmark = pytest.mark.live


@contextmanager
def process(*arguments, stdin=subprocess.DEVNULL):
    """A sandbox process that is gone when the block ends."""
    command = [sys.executable, "-m", "fleawatch.sandbox", "--seed", "7", "--agents", "6", *arguments]
    running = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        running.kill()
        for stream in (running.stdin, running.stdout, running.stderr):
            if stream is not None:
                stream.close()
        running.wait()


def get(base, path, key=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(base + path, headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def stop(running, number=signal.SIGTERM):
    running.send_signal(number)
    out, err = running.communicate(timeout=10)
    return running.returncode, out, err


def test_a_run_from_start_to_finish(tmp_path):
    """Ready line, exact horizon, second line, books equal to the same world in process, frozen servers, exit 0."""
    path = tmp_path / "books.db"
    with process("--speed", "400", "--for", "1.5", "--books", str(path)) as running:
        ready = json.loads(running.stdout.readline())
        assert set(ready) == {"bases", "control", "seed", "origin", "speed", "started", "end", "agents"}
        assert set(ready["bases"]) == {
            "casino", "escrow", "faucet", "trading", "wallet", "domains", "gateway", "agents",
        }  # fmt: skip
        assert ready["end"] == ready["origin"] + 600.0
        assert abs(ready["started"] - time.time()) < 5
        agent = ready["agents"][0]
        assert set(agent) == {
            "agent_id", "strategy", "character", "environment", "capital_usd", "keys", "platform_ids", "addresses",
            "health_url",
        }  # fmt: skip
        assert get(agent["health_url"], "/metrics")["balance"] > 0
        ended = json.loads(running.stdout.readline())
        assert (ended["ended"], ended["simulated"], ended["books"]) == (True, 600.0, str(path))
        frozen = [get(ready["bases"]["casino"], "/api/v1/auth/balance", agent["keys"]["casino"]) for _ in range(2)]
        time.sleep(0.2)
        frozen.append(get(ready["bases"]["casino"], "/api/v1/auth/balance", agent["keys"]["casino"]))
        assert frozen[0] == frozen[1] == frozen[2]
        assert stop(running) == (0, "", "")
    world = World(7, 6)
    world.advance(600.0)
    books.write(world, tmp_path / "again.db")
    assert dump(path) == dump(tmp_path / "again.db")
    assert books.truth(path)[agent["agent_id"]]["balance"] == world.account(world.fleet[0]).exact
    assert ended["bets"] == sum(numbers["bets"] for numbers in books.truth(path).values())


def dump(path):
    with sqlite3.connect(path) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def test_faults_of_the_plan_are_followed_and_leave_no_trace_on_stderr():
    """Every service is asked all the time while the plan runs; the process says nothing and ends well."""
    with process("--speed", "100", "--for", "2.5", "--faults") as running:
        ready = json.loads(running.stdout.readline())
        key = ready["agents"][0]["keys"]["casino"]
        outcomes = set()
        while time.time() < ready["started"] + 2.2:
            try:
                outcomes.add(type(get(ready["bases"]["casino"], "/api/v1/auth/balance", key)).__name__)
            except (OSError, ValueError) as error:
                outcomes.add(getattr(error, "code", type(error).__name__))
        assert json.loads(running.stdout.readline())["ended"]
        assert "dict" in outcomes
        assert outcomes & {500, 429}
        assert stop(running) == (0, "", "")


def test_interrupted_before_the_end_it_leaves_quietly(tmp_path):
    """SIGINT in the middle of a run: exit 0, no traceback, no half-written books."""
    with process("--for", "60", "--books", str(tmp_path / "books.db")) as running:
        json.loads(running.stdout.readline())
        assert stop(running, signal.SIGINT) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_it_ends_with_the_pipe_that_feeds_it():
    """When the parent goes and its pipe closes, so does the sandbox."""
    with process("--for", "60", stdin=subprocess.PIPE) as running:
        json.loads(running.stdout.readline())
        running.stdin.close()
        assert running.wait(timeout=10) == 0


def test_books_that_cannot_be_written_are_an_error(tmp_path):
    """Exit 1 and a message that names the file."""
    with process("--for", "0.2", "--books", str(tmp_path / "missing" / "books.db")) as running:
        out, err = running.communicate(timeout=20)
        assert running.returncode == 1
        assert len(out.splitlines()) == 1
        assert "books.db" in err
        assert "Traceback" not in err


def test_a_taken_port_is_an_error():
    """Exit 1 and a message, no traceback."""
    with process("--for", "60") as first:
        port = json.loads(first.stdout.readline())["bases"]["casino"].rpartition(":")[2]
        with process("--for", "60", "--ports", f"casino={port}") as second:
            _, err = second.communicate(timeout=20)
            assert second.returncode == 1
            assert port in err
            assert "Traceback" not in err
