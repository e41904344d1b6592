"""uvicorn with four workers: totals on /metrics are exact after load, and after workers were killed."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from live_fleet import binary, free_port
from prometheus_client.openmetrics.parser import text_string_to_metric_families

pytestmark = pytest.mark.live

REQUESTS = 400
WRITTEN_S = 1.0


def get(port, path, accept=""):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return answer.read().decode()
    finally:
        connection.close()


def scrape(port, path="/metrics"):
    body = get(port, path, "application/openmetrics-text; version=1.0.0")
    found = {}
    for family in text_string_to_metric_families(body):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + (
                0.0 if sample.name.endswith("_bucket") else sample.value
            )
    found["exemplars"] = body.count(" # {trace_id=")
    return found


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture(name="agent")
def _agent(tmp_path):
    """The port of the agent, that of its own metrics server, and its journal."""
    port, own = free_port(), free_port()
    journal = tmp_path / "journal"
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PF_", "DD_", "OTEL_"))},
        "TEST_FOLDER": str(tmp_path / "metrics"), "TEST_JOURNAL": str(journal), "TEST_METRICS": f"127.0.0.1:{own}",
    }  # fmt: skip
    environ.pop("PYTEST_CURRENT_TEST", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "metrics_agent:app", "--workers", "4", "--port", str(port), "--log-level", "error"],
        env=environ, cwd=Path(__file__).parent, start_new_session=True,
    )  # fmt: skip
    try:
        until(lambda: get(port, "/metrics") is not None)
        yield port, own, journal
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def load(port, numbers):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: get(port, f"/trade/{number}"), numbers))


def told(journal):
    return Counter(line.split()[0] for line in journal.read_text().splitlines())


def exact(found, requests):
    numbers = range(requests)
    assert found["pf_orders_total"] == 2 * requests
    assert found["pf_order_latency_seconds_count"] == 2 * requests
    assert found["pf_trade_volume_usdc_total"] == 100 * requests
    assert found["pf_trade_fees_usdc_total"] == 0.25 * requests
    assert found["pf_casino_wagered_usdc_total"] == 2 * requests
    assert found["pf_casino_paid_usdc_total"] == sum(3 for number in numbers if number % 2)
    assert found["pf_trade_pnl_usdc"] == sum(1 if number % 2 else -2 for number in numbers) - 0.25 * requests


def test_totals_are_exact_under_load_and_after_kills(agent):
    """Whichever worker answers; money to the cent. Workers that are killed stay counted, and new ones are added."""
    port, own, journal = agent
    load(port, range(REQUESTS))
    until(lambda: scrape(port)["pf_orders_total"] == 2 * REQUESTS)
    found = scrape(port)
    exact(found, REQUESTS)
    assert len(told(journal)) >= 3, "the load reached too few workers to tell"
    killed = list(told(journal))[:2]
    for pid in killed:
        os.kill(int(pid), signal.SIGKILL)
    for _ in range(10):
        until(lambda: scrape(port) is not None)
        exact(scrape(port), REQUESTS)
    until(lambda: get(own, "/-/healthy") == "ok\n")
    exact(scrape(own), REQUESTS)
    load(port, range(REQUESTS, REQUESTS + 100))
    until(lambda: scrape(own)["pf_orders_total"] == 2 * (REQUESTS + 100))
    exact(scrape(port), REQUESTS + 100)
    there = {path.name.split(".")[1] for path in (journal.parent / "metrics").glob("*.worker")}
    assert not there & set(killed)


def test_a_kill_in_the_midst_loses_no_more_than_was_not_yet_written(agent):
    """Everything that was done a second before the kill is counted, and nothing is counted that was not done."""
    port, _, journal = agent
    load(port, range(200))
    victim = next(iter(told(journal)))
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(get, port, f"/trade/{number}") for number in range(200, 600)]
        time.sleep(0.2)
        killed_at = time.time()
        os.kill(int(victim), signal.SIGKILL)
        for answer in answers:
            answer.exception()
    time.sleep(WRITTEN_S)
    rows = [line.split() for line in journal.read_text().splitlines()]
    late = sum(pid == victim and float(at) > killed_at - WRITTEN_S for pid, _, at in rows)
    counted = scrape(port)["pf_orders_total"]
    assert 2 * (len(rows) - late) <= counted <= 2 * (len(rows) + 1)


def test_promtool_accepts_what_several_workers_say(agent):
    """The text format, merged."""
    program = binary("promtool")
    port, _, _ = agent
    load(port, range(50))
    body = get(port, "/metrics")
    done = subprocess.run([program, "check", "metrics"], input=body, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    assert "error" not in done.stderr
