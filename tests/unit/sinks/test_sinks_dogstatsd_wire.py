"""DogStatsD on the wire: whatever the deployment and the agent are called, what arrives is of the protocol, whole and once."""

import re
import subprocess
import sys

import pytest
from datadog.dogstatsd import base
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fleawatch import Telemetry
from fleawatch.testing.dogstatsd import LARGEST_UNIX, LONGEST_TAG, DogStatsDServer

HOSTILE = 'Pro|d,x:y@0.5\n#z\r\t \\"{}é☃' + "v" * 300
FORKS = """
import os, sys
from fleawatch import Telemetry
telemetry = Telemetry("a-1", statsd=sys.argv[1], environ={}, heartbeat_s=None)
def tell(count):
    for number in range(count):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
            pass
tell(10)
if "waiting" not in sys.argv:
    telemetry.flush()
child = os.fork()
tell(3 if child == 0 else 20)
if child == 0:
    telemetry.shutdown()
    os._exit(0)
os.waitpid(child, 0)
if "exit" not in sys.argv:
    telemetry.shutdown()
"""

BESIDE = """
import os, sys
from fleawatch import Telemetry
telemetry = Telemetry("a-1", statsd=sys.argv[1], environ={}, heartbeat_s=None)
from datadog.dogstatsd import DogStatsd
from urllib.parse import urlsplit
where = urlsplit(sys.argv[1])
theirs = [DogStatsd(where.hostname, where.port, disable_buffering=False, flush_interval=0.05) for number in range(8)]
child = os.fork()
if child == 0:
    import time
    for number, client in enumerate(theirs):
        client.increment(f"theirs.{number}")
    time.sleep(1)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """An environment that says nothing of Datadog."""
    for name in ("ENV", "SERVICE", "VERSION", "AGENT_HOST", "DOGSTATSD_URL", "ENTITY_ID", "EXTERNAL_ENV", "TAGS"):
        monkeypatch.delenv(f"DD_{name}", raising=False)
    monkeypatch.delenv("DATADOG_TAGS", raising=False)


def told(server, orders=1, **more):
    with Telemetry("a-1", statsd=server.address, environ={}, heartbeat_s=None, **more) as telemetry:
        for number in range(orders):
            with telemetry.order(market="BTC-USD", side="buy", notional_usd=500, order_type="limit") as order:
                order.filled(f"o-{number}", price=100, trade_id=f"t-{number}")
        telemetry.flush()
    return server.points()


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(text=HOSTILE)
@example(text="\U00020000" * 300)
@given(text=st.text(min_size=1, max_size=300))
def test_names_of_the_deployment_cannot_break_a_datagram(text):
    """Separators, line feeds, controls and length: replaced or cut, and no field is taken for another one."""
    with DogStatsDServer() as server:
        points = told(server, environment=text, version=text, service_name=text, strategy=text)
    assert points
    for point in points:
        assert point.rate == 1.0
        assert (point.tags["agent_id"], point.container, point.at) == ("a-1", "", None)
        for key in ("env", "version", "service"):
            value = point.tags.get(key, "")
            assert re.fullmatch(r"[\w./:-]*", value)
            assert len(f"{key}:{value}") <= LONGEST_TAG


def test_tags_of_the_environment_do_not_speak_for_the_agent(monkeypatch):
    """`DATADOG_TAGS` adds what is the host's, and cannot say again who the agent is or what a value is about."""
    monkeypatch.setenv(
        "DATADOG_TAGS", "team:risk,agent_id:other,strategy:theirs,market:all,status:fine,Currency:x,region:eu"
    )
    with DogStatsDServer() as server:
        points = told(server, strategy="momentum")
    assert {point.tags["agent_id"] for point in points} == {"a-1"}
    assert {point.tags["strategy"] for point in points} == {"momentum"}
    assert {(point.tags["team"], point.tags["region"]) for point in points} == {("risk", "eu")}
    assert "all" not in {point.tags.get("market") for point in points}


@pytest.mark.parametrize("environment", ["prod", "生产环境" * 10])
def test_a_long_run_keeps_to_the_size_of_a_unix_datagram(tmp_path, environment):
    """A thousand orders in datagrams of at most 8,192 bytes, whatever an environment is called, and each value whole."""
    with DogStatsDServer(tmp_path / "dsd.sock") as server:
        points = told(server, orders=1000, environment=environment)
        sizes = [len(datagram) for datagram in server.datagrams]
    assert sum(point.name == "agent.order.latency_ms" for point in points) == 1000
    assert sum(point.value for point in points if point.name == "agent.order.executions_total") == 1000
    assert LARGEST_UNIX / 5 < max(sizes) <= LARGEST_UNIX


def test_where_it_runs_is_a_field_and_no_tag(monkeypatch):
    """The container's id, what Datadog's admission controller says, and the pod's id, each where the protocol has it."""
    monkeypatch.setattr(base, "Cgroup", type("In", (), {"container_id": "ci-" + "ab" * 32}))
    monkeypatch.setenv("DD_EXTERNAL_ENV", "it-false,cn-agent,pu-1234")
    monkeypatch.setenv("DD_ENTITY_ID", "pod-7")
    with DogStatsDServer() as server:
        points = told(server)
    assert {point.container for point in points} == {"ci-" + "ab" * 32}
    assert {point.tags["dd.internal.entity_id"] for point in points} == {"pod-7"}
    monkeypatch.setenv("DD_ORIGIN_DETECTION_ENABLED", "false")
    with DogStatsDServer() as server:
        assert {point.container for point in told(server)} == {""}


@pytest.mark.parametrize("before", ["sent", "waiting"])
@pytest.mark.parametrize("end", ["shutdown", "exit"])
def test_a_fork_loses_nothing_and_says_nothing_twice(before, end):
    """What was told before it is the parent's, what the child tells is the child's; both say it when they end."""
    with DogStatsDServer() as server:
        command = [sys.executable, "-c", FORKS, server.address, before, end]
        subprocess.run(command, check=True, timeout=60)
        points = server.points()
    assert sum(point.value for point in points if point.name == "agent.order.executions_total") == 33
    assert sum(point.name == "agent.order.latency_ms" for point in points) == 33


def test_a_fork_leaves_the_clients_of_the_program_to_it():
    """In the child of a fork the program's own clients send by themselves as they would without us, and nothing is complained of."""
    with DogStatsDServer() as server:
        command = [sys.executable, "-c", BESIDE, server.address]
        done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
        names = {point.name for point in server.points()}
    assert done.stderr == ""
    assert {f"theirs.{number}" for number in range(8)} <= names
