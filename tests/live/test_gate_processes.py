"""A gate and its process: killed after a breach, forked, imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleawatch.testing.lease_server import LeaseServer

pytestmark = pytest.mark.live

CHILD = Path(__file__).with_name("gate_child.py")
KILLS = 20


def child(*arguments):
    return subprocess.Popen(
        [sys.executable, str(CHILD), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_breach_kill_restart_still_closed(tmp_path):
    """Kill -9 the moment the breach was answered: the next process is closed, and recovery opens nothing."""
    for number in range(KILLS):
        path = tmp_path / f"{number}.json"
        process = child("breach", path)
        assert process.stdout.readline() == "ok\n"
        assert process.stdout.readline() == "drawdown_halt\n"
        process.kill()
        process.communicate()
    for number in (0, KILLS - 1):
        out, _ = child("ask", tmp_path / f"{number}.json").communicate(timeout=60)
        assert out.split() == ["drawdown_halt", "drawdown_halt"]


def test_a_forked_child_has_no_lease_until_it_has_its_own():
    """The parent's permission is not inherited; the child gets its own by itself, and the parent goes on."""
    with LeaseServer("a-1", ttl_s=600.0) as server:
        process = child("fork", server.url)
        assert process.stdout.readline() == "open\n"
        # Nobody answers until the child has said how it stands: how fast it would be answered is not the question.
        server.change("deaf")
        process.stdin.write("fork\n")
        process.stdin.flush()
        assert process.stdout.readline() == "no_lease_yet\n"
        server.change("well")
        out, errors = process.communicate(timeout=60)
    assert out.split() == ["ok", "ok"], errors


def test_a_fork_in_the_middle_of_work_leaves_no_lock_taken(tmp_path):
    """Children of a busy process get answers."""
    out, errors = child("busy", tmp_path / "gate.json").communicate(timeout=120)
    assert out.split() == ["30"], errors


def test_the_front_door_is_light_and_the_gate_loads_nothing_of_the_service():
    """An agent pays for what it uses: no event loop, no database, no web framework, no server."""
    code = (
        "import sys, json, fleawatch\n"
        "light = len([name for name in sys.modules if name.startswith('fleawatch')])\n"
        "fleawatch.Gate\n"
        "print(json.dumps([light, sorted(sys.modules)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    light, loaded = json.loads(done.stdout)
    assert light == 3
    for room in ("store", "notify", "actuate", "service", "web", "cli", "sources", "sinks"):
        assert not [name for name in loaded if name.startswith(f"fleawatch.{room}")]
    assert not {"asyncio", "sqlite3", "aiohttp", "pydantic", "starlette", "structlog", "click", "yaml"} & set(loaded)
