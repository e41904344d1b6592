"""A service that is killed at any moment loses nothing and counts nothing twice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleawatch.cli.recorded import recorded_state, replayed_state
from fleawatch.cli.simulator import Simulator, write_config
from fleawatch.service.report import digest
from fleawatch.store.audit.files import beside
from fleawatch.store.audit.reading import verify_log

KILLS = 200


@pytest.mark.live
def test_two_hundred_kills_leave_the_books_equal_to_the_cent(tmp_path):
    """Killed 200 times while facts flow, the service ends with the numbers of the platform's own books, and a sound audit log."""

    async def run():
        books = tmp_path / "books.sqlite"
        simulator = await Simulator.start(seed=11, agents=10, speed=20.0, seconds=180.0, books=books, faults=False)
        try:
            (tmp_path / "ready.json").write_text(json.dumps(simulator.ready))
            config = write_config(simulator.ready, tmp_path / "state", 0)
            child = Path(__file__).with_name("service_kill_child.py")
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(child),
                str(config),
                str(tmp_path / "ready.json"),
                "5",
                str(KILLS),
                str(books),
                stdout=subprocess.PIPE,
            )
            output, _ = await asyncio.wait_for(process.communicate(), 500)
            assert process.returncode == 0
            return json.loads(output)
        finally:
            await simulator.stop()

    result = asyncio.run(run())
    assert result["mismatches"] == []
    assert sum(result["killed"].values()) == KILLS
    assert min(result["killed"].values()) > 0, result["killed"]
    assert sum(result["compared"].values()) >= 10 * 16

    live = recorded_state(tmp_path / "state", progress=False)
    replayed = replayed_state(tmp_path / "state", progress=False)
    assert digest(live.state) == digest(replayed.state)

    file = tmp_path / "state" / "fleawatch.db"
    verdict = verify_log(file, beside(file))
    assert (verdict.first_bad, verdict.facts_gone) == (None, 0)
    assert verdict.facts_compared > 50
