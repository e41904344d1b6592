"""A batch agent at Debian's Pushgateway: seen while it runs, replaced by its next run, gone when it has ended well."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.request

import pytest
from live_fleet import binary, free_port

from fleawatch import Telemetry

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", name="address")
def _address():
    port = free_port()
    process = subprocess.Popen(
        [binary("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    )
    address = f"http://127.0.0.1:{port}"
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/-/ready", timeout=2).close()
            break
        assert time.monotonic() < end, "the Pushgateway did not start"
        time.sleep(0.05)
    yield address
    process.terminate()
    process.wait()


def groups(address):
    with urllib.request.urlopen(f"{address}/api/v1/metrics", timeout=5) as answer:
        return {
            (one["labels"]["job"], one["labels"]["agent_id"]): one["last_push_successful"]
            for one in json.load(answer)["data"]
        }


def lines(address):
    with urllib.request.urlopen(f"{address}/metrics", timeout=5) as answer:
        return answer.read().decode().splitlines()


def batch(address, agent, orders, **chosen):
    """A program that makes a few orders; open, flushed."""
    telemetry = Telemetry(
        agent, strategy="momentum", pushgateway=address, service_name="desk/eu", heartbeat_s=None, **chosen
    )
    for number in range(orders):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=100) as order:
            order.filled(f"{agent}-{number}", trade_id=f"{agent}-{number}", price=100)
    assert telemetry.flush(10)
    return telemetry


def test_it_is_there_while_it_runs_and_gone_afterwards(address):
    """Two agents of one job are two groups; each removes its own."""
    one, two = batch(address, "one", 3), batch(address, "two", 5)
    assert groups(address) == {("desk/eu", "one"): True, ("desk/eu", "two"): True}
    found = [line for line in lines(address) if line.startswith("pf_orders_total{")]
    assert sorted(line.rpartition(" ")[2] for line in found) == ["3", "5"]
    assert all('job="desk/eu"' in line for line in found)
    one.shutdown()
    assert groups(address) == {("desk/eu", "two"): True}
    two.shutdown()
    assert groups(address) == {}
    assert (one.dropped, two.dropped) == ({}, {})


def test_what_is_kept_is_replaced_by_the_next_run(address):
    """Series and all: nothing of the run before stays."""
    first = batch(address, "one", 3, pushgateway_keep=True)
    with first.bet("dice", 1) as bet:
        bet.settled("bet-1", 0)
    first.shutdown()
    assert any(line.startswith("pf_casino_rounds_total{") for line in lines(address))
    second = batch(address, "one", 1, pushgateway_keep=True)
    second.shutdown()
    assert not any(line.startswith("pf_casino_rounds_total{") for line in lines(address))
    batch(address, "one", 1).shutdown()
    assert groups(address) == {}
