"""uvicorn with four workers: totals on /metrics are exact after load, after kills, and after a graceful restart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from live_fleet import binary
from live_workers import WORKERS, get, running, until

pytestmark = pytest.mark.live

WRITTEN_S = 1.0
UVICORN = (
    sys.executable, "-m", "uvicorn", "metrics_agent:app", "--workers", str(WORKERS), "--port", "{port}", "--log-level", "error",
    "--timeout-worker-healthcheck", "60",
)  # fmt: skip


@pytest.fixture(name="agent")
def _agent(tmp_path):
    with running(tmp_path, *UVICORN) as program:
        yield program


def all_of_them(answered):
    return len(answered) >= WORKERS


def test_totals_are_exact_under_load_after_kills_and_after_a_restart(agent):
    """Whichever worker answers, money to the cent: the killed stay counted, those that replace them are added."""
    answered = agent.load_until(all_of_them)
    assert {row.pid for row in agent.rows()} == answered
    assert len(answered) == WORKERS
    agent.settle()
    agent.assert_exact()
    victim = min(answered)
    os.kill(victim, signal.SIGKILL)
    for _ in range(10):
        until(agent.scrape)
        agent.assert_exact()
    replaced = agent.load_until(lambda found: found - answered)
    agent.settle()
    agent.assert_exact()
    assert victim not in replaced
    until(lambda: get(agent.own, "/-/healthy")[0] == "ok\n")
    agent.assert_exact(agent.own)
    before = answered | replaced
    os.kill(agent.pid, signal.SIGHUP)
    agent.load_until(lambda found: len(found - before) >= WORKERS)
    requests = agent.settle()
    found = agent.assert_exact()
    assert requests == len(agent.rows())
    until(lambda: not ended_files(agent, before))
    assert found["pf_agent_info"] == 1
    assert not [name for name in found if name.startswith("pf_equity")], "none of several knows the agent's money"


def ended_files(agent, ended):
    """Files of ended processes that are there after a scrape."""
    agent.scrape()
    return [path for path in agent.files() if int(path.name.split(".")[1]) in ended]


def test_buckets_carry_traces_of_the_worker_that_answers(agent):
    """Counts are those of all, traces its own: each was reported by that very worker, and no other's is there."""
    agent.load_until(all_of_them)
    agent.settle()
    rows, answered = agent.rows(), set()
    for _ in range(40):
        with ThreadPoolExecutor(8) as pool:
            scrapes = list(pool.map(lambda _: agent.scrape(), range(8)))
        for found in scrapes:
            own = [row for row in rows if row.pid == found["pid"]]
            assert own[-1].order in found["traces"], "the last order of the worker that answers is its bucket's newest"
            assert found["traces"] <= {trace for row in own for trace in (row.order, row.bet)}
            assert found["pf_orders_total"] == 2 * len(rows)
            answered.add(found["pid"])
        if len(answered) == WORKERS:
            return
    assert len(answered) > 1, "scrapes reached too few workers to tell them apart"


def test_a_kill_in_the_midst_loses_no_more_than_was_not_yet_written(agent):
    """Everything that was done a second before the kill is counted, and nothing is counted that was not done."""
    victim = min(agent.load_until(all_of_them))
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(agent.load, 400)
        time.sleep(0.2)
        killed_at = time.time()
        os.kill(victim, signal.SIGKILL)
        load.result()
    time.sleep(WRITTEN_S)
    rows = agent.rows()
    late = sum(row.pid == victim and row.at > killed_at - WRITTEN_S for row in rows)
    assert 2 * (len(rows) - late) <= agent.scrape()["pf_orders_total"] <= 2 * (len(rows) + 1)


def test_promtool_accepts_what_several_workers_say(agent):
    """The text format, merged."""
    program = binary("promtool")
    agent.load(50)
    body, _ = get(agent.port, "/metrics")
    done = subprocess.run([program, "check", "metrics"], input=body, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    assert "error" not in done.stderr
