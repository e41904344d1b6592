"""The examples run as they are against the sandbox, and tell what they did."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from live_fleet import binary, free_port

from fleawatch.sinks.recorder import Recorder

pytestmark = pytest.mark.live

EXAMPLES = Path(__file__).parents[2] / "examples"
TOKEN = "example-token-" + "e" * 32


@pytest.fixture(scope="module", name="ready")
def _ready():
    """A platform with agents that hold money and positions."""
    command = [
        sys.executable,
        "-m",
        "fleawatch.sandbox",
        "--seed",
        "7",
        "--agents",
        "8",
        "--speed",
        "1",
        "--for",
        "3600",
    ]
    sandbox = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield json.loads(sandbox.stdout.readline())
    sandbox.stdin.close()
    sandbox.terminate()
    sandbox.wait(10)
    sandbox.stdout.close()


def of(ready, name):
    """An agent of the platform."""
    return next(agent for agent in ready["agents"] if agent["agent_id"] == name)


def environment(ready, directory, name="momentum-01", **more):
    """What an example's program is told; keys are in files."""
    keys = of(ready, name)["keys"]
    for service, key in keys.items():
        (directory / f"{service}.key").write_text(key)
    found = {f"{service.upper()}_URL": base for service, base in ready["bases"].items()}
    found |= {f"{service.upper()}_KEY_FILE": str(directory / f"{service}.key") for service in keys}
    return {**os.environ, **found, "AGENT_ID": name, "PYTEST_CURRENT_TEST": "", **more}


def asked(url, body=None, token=""):
    """Status and text of an answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def finished(example, cwd, env):
    """The output of an example that ends by itself."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / example], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def server(ready, tmp_path):
    """The agent's server, and the directory it runs in."""
    (tmp_path / "token").write_text(TOKEN)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "agent:create_app", "--factory", "--port", str(port), "--log-level", "warning",
         "--app-dir", EXAMPLES / "fastapi_agent"],
        cwd=tmp_path, env=environment(ready, tmp_path, AGENT_TOKEN_FILE="token", PF_LOGS="agent.log"),
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        time.sleep(0.1)
        assert process.poll() is None
        try:
            asked(f"{url}/-/healthy")
            break
        except OSError:
            continue
    yield url
    process.terminate()
    assert process.wait(15) in (0, -signal.SIGTERM)


def samples(url):
    """What a scrape reads, by the name with its labels."""
    text = asked(f"{url}/metrics/")[1]
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def test_the_agents_server_trades_hires_decides_and_is_stopped(server, ready, tmp_path):
    """Each is seen in the metrics and the log; without a token nothing is spent; a HALT file ends it."""
    trade = {"coin": "BTC", "side": "long", "size_usd": 60}
    assert asked(f"{server}/trade", trade)[0] == 401
    assert asked(f"{server}/trade", trade, "wrong")[0] == 401
    assert asked(f"{server}/trade", {**trade, "size_usd": -1}, TOKEN)[0] == 422
    assert asked(f"{server}/trade", trade, TOKEN)[0] == 200
    status, text = asked(f"{server}/trade", {**trade, "size_usd": 900}, TOKEN)
    assert (status, "order_notional" in text) == (409, True)
    worker = of(ready, "worker-03")["platform_ids"]["casino"]
    task = {"counterparty": worker, "description": "Summarise", "amount_usd": 1}
    assert asked(f"{server}/escrow", task)[0] == 401
    assert asked(f"{server}/escrow", task, TOKEN)[0] == 200
    assert json.loads(asked(f"{server}/cycle", {}, TOKEN)[1]) == {"result": "no_action"}
    assert asked(f"{server}/health")[0] == 200

    time.sleep(0.5)  # what was told is counted within milliseconds, by another thread
    found = samples(server)
    assert sum(float(value) for name, value in found.items() if name.startswith("pf_orders_total{")) == 1
    routes = {name.split('endpoint="')[1].split('"')[0] for name in found if name.startswith("pf_api_requests_total{")}
    assert routes == {"trade/open", "escrow/create", "auth/balance", "trade/positions"}

    (tmp_path / "momentum-01.HALT").touch()
    for _ in range(10):
        time.sleep(0.5)
        status, text = asked(f"{server}/trade", {**trade, "size_usd": 10}, TOKEN)
        if status == 409:
            break
    assert (status, "halted" in text) == (409, True)
    log = (tmp_path / "agent.log").read_text()
    events = {json.loads(line)["event"] for line in log.splitlines()}
    assert {"trade_executed", "escrow_transaction"} <= events
    keys = of(ready, "momentum-01")["keys"].values()
    assert not [secret for secret in (*keys, TOKEN) if secret in log]


@pytest.fixture
def hire(monkeypatch):
    """The example as a module."""
    monkeypatch.syspath_prepend(EXAMPLES / "hire")
    return importlib.import_module("hire")


def hiring(ready, directory):
    """What the example of two agents is told."""
    (directory / "handoff.key").write_text("k" * 64)
    (directory / "worker.key").write_text(of(ready, "worker-03")["keys"]["casino"])
    return environment(
        ready, directory, "hirer-02",
        HANDOFF_KEY_FILE=str(directory / "handoff.key"), REQUESTER_KEY_FILE=str(directory / "casino.key"),
        WORKER_KEY_FILE=str(directory / "worker.key"), WORKER_ID=of(ready, "worker-03")["platform_ids"]["casino"],
    )  # fmt: skip


def test_two_agents_share_an_escrow(ready, tmp_path):
    """The worker is paid what the platform leaves of five dollars."""
    said = finished("hire/hire.py", tmp_path, hiring(ready, tmp_path))
    assert said["paid_usd"] == 4.95


def test_the_traces_of_two_agents_are_linked(ready, tmp_path, hire):
    """The worker's task and the end of its work name the request, each in a trace of its own; so does the release."""
    env = hiring(ready, tmp_path)
    seen = {"lead": Recorder(), "worker": Recorder()}
    lead = hire.Party("lead-01", env["REQUESTER_KEY_FILE"], env, sinks=[seen["lead"]])
    worker = hire.Party("worker-01", env["WORKER_KEY_FILE"], env, sinks=[seen["worker"]])
    escrow_id = hire.ask(lead, env["WORKER_ID"])
    hire.work(worker, escrow_id)
    assert hire.pay(lead, escrow_id) == 4.95
    lead.close()
    worker.close()
    asked_for = {span.name: span for span in seen["lead"].spans}
    done = {span.name: span for span in seen["worker"].spans}
    request = asked_for["pf.task.create"]
    for span in (done["pf.task.execute"], done["pf.escrow.complete"]):
        assert span.trace_id != request.trace_id
        assert request.trace_id in [link.trace_id for link in span.links]
    release = asked_for["pf.escrow.release"]
    assert asked_for["pf.escrow.create"].span_id in [link.span_id for link in release.links]


def test_a_batch_pushes_and_leaves_what_it_was_told_to_leave(ready, tmp_path):
    """The Pushgateway has the closing orders of the run that kept them; another run finds nothing to do."""
    port = free_port()
    gateway = subprocess.Popen(
        [binary("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            time.sleep(0.1)
            try:
                asked(f"{url}/-/ready")
                break
            except OSError:
                continue
        env = environment(ready, tmp_path, "referrer-06", PF_PUSHGATEWAY=url, PF_PUSHGATEWAY_KEEP="1")
        bearer = of(ready, "referrer-06")["keys"]["trading"]
        opened = asked(
            f"{ready['bases']['trading']}/v1/trade/open", {"coin": "BTC", "side": "long", "size_usd": 50}, bearer
        )
        assert opened[0] == 200
        first = finished("batch/rebalance.py", tmp_path, env)
        assert first["closed"] >= 1
        kept = [line for line in asked(f"{url}/metrics")[1].splitlines() if line.startswith("pf_orders_total{")]
        assert sum(float(line.rsplit(" ", 1)[1]) for line in kept) == first["closed"]
        assert finished("batch/rebalance.py", tmp_path, env)["closed"] == 0
        assert finished("batch/rebalance.py", tmp_path, {**env, "PF_PUSHGATEWAY_KEEP": ""})["closed"] == 0
        assert 'job="rebalance"' not in asked(f"{url}/metrics")[1]
    finally:
        gateway.terminate()
        gateway.wait()
