"""A batch agent at Debian's Pushgateway: seen while it runs, replaced by its next run, gone when it has ended well."""

from __future__ import annotations

import base64
import contextlib
import json
import ssl
import subprocess
import time
import urllib.request

import pytest
from live_fleet import binary, free_port

from fleawatch import Telemetry

pytestmark = pytest.mark.live


@contextlib.contextmanager
def gateway(scheme, ready, *more):
    """Debian's Pushgateway at its address, once `ready` has been asked without an error of the system."""
    port = free_port()
    process = subprocess.Popen(
        [binary("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", *more]
    )
    address = f"{scheme}://127.0.0.1:{port}"
    end = time.monotonic() + 20
    try:
        while True:
            with contextlib.suppress(OSError):
                ready(f"{address}/-/ready").close()
                break
            assert time.monotonic() < end, "the Pushgateway did not start"
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module", name="address")
def _address():
    with gateway("http", lambda url: urllib.request.urlopen(url, timeout=2)) as address:
        yield address


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


PASSWORD = "hunter2-hunter2"
BCRYPT = "$2b$05$abcdefghijklmnopqrstuuM6LdIRFtSO2kPdsnQR8QqPt6tFqthsy"
"""Of the password, as the gateway's file wants it."""


def test_a_gateway_with_a_password_and_a_certificate_is_used(tmp_path):
    """The real one, with its own configuration of both; whoever has no password, or trusts nobody, pushes nothing."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=a-gateway",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    web, password, authority = tmp_path / "web.yml", tmp_path / "password", str(tmp_path / "cert.pem")
    web.write_text(
        f"tls_server_config:\n  cert_file: {authority}\n  key_file: {tmp_path / 'key.pem'}\n"
        f"basic_auth_users:\n  desk: {BCRYPT}\n"
    )
    password.write_text(PASSWORD)
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority))
    )
    told = {"pushgateway_user": "desk", "pushgateway_password_file": str(password), "pushgateway_ca_file": authority}
    credentials = base64.b64encode(f"desk:{PASSWORD}".encode()).decode()
    opener.addheaders = [("Authorization", f"Basic {credentials}")]
    with gateway("https", lambda url: opener.open(url, timeout=5), f"--web.config.file={web}") as address:

        def pushed():
            with opener.open(f"{address}/metrics", timeout=5) as answer:
                return [line for line in answer.read().decode().splitlines() if line.startswith("pf_orders_total{")]

        telemetry = batch(address, "one", 3, **told)
        assert [line.rpartition(" ")[2] for line in pushed()] == ["3"]
        telemetry.shutdown()
        assert (pushed(), telemetry.dropped) == ([], {})
        for missing in ("pushgateway_ca_file", "pushgateway_password_file"):
            chosen = {name: value for name, value in told.items() if name != missing}
            if missing == "pushgateway_password_file":
                chosen["pushgateway_password"] = "another"
            telemetry = Telemetry("one", pushgateway=address, service_name="desk/eu", heartbeat_s=None, **chosen)
            telemetry.faucet_claim("success", 1)
            assert not telemetry.flush(10)
            telemetry.shutdown()
            assert telemetry.dropped["sink_pushgateway"] >= 1
            assert not pushed()
