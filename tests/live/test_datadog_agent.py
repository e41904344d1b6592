"""Datadog for real: what its own test agent received from its own tracer, and over OTLP, read back."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from fleawatch import Telemetry

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".venv-ddapm" / "bin"
CHILD = Path(__file__).parent / "datadog_agent_child.py"
LOGS = Path(__file__).parent / "datadog_logs_child.py"


def free_ports(count):
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


class Agent:
    """A running test agent: ports for traces, OTLP over HTTP, OTLP over gRPC."""

    def __init__(self):
        self.traces_port, self.http_port, self.grpc_port = free_ports(3)

    def read(self, port, path):
        """What it answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return json.load(answer)

    def spans(self):
        """Every span it got from a tracer, by operation name; each name here is used once, failures apart."""
        return [span for trace in self.read(self.traces_port, "/test/session/traces") for span in trace]

    def otlp(self):
        """Every resource it got over OTLP."""
        requests = self.read(self.http_port, "/test/session/traces")
        return [resource for request in requests for resource in request["resource_spans"]]


@pytest.fixture
def agent(tmp_path):
    """A test agent of Datadog, that knows nothing yet."""
    program = BIN / "ddapm-test-agent"
    if not program.exists():
        if os.environ.get("CI"):
            pytest.fail("ddapm-test-agent is missing: make install-test")
        pytest.skip("ddapm-test-agent is missing: make install-test")
    found = Agent()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--port", str(found.traces_port), "--otlp-http-port", str(found.http_port), "--otlp-grpc-port", str(found.grpc_port)],
            stdout=log, stderr=log, cwd=tmp_path,
        )  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        try:
            found.read(found.traces_port, "/info")
            break
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                process.kill()
                pytest.fail((tmp_path / "log").read_text())
            time.sleep(0.1)
    yield found
    process.terminate()
    process.wait(20)


def environment(agent):
    """Of a program under the tracer; nothing of ours but who the agent is."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PF_", "OTEL_", "DD_", "PYTEST"))
    }
    return clean | {
        "PYTHONPATH": str(ROOT / "src"), "DD_TRACE_OTEL_ENABLED": "true",
        "DD_TRACE_AGENT_URL": f"http://127.0.0.1:{agent.traces_port}", "DD_SERVICE": "momentum-agent", "DD_ENV": "prod",
        "DD_VERSION": "1.2", "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false", "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    }  # fmt: skip


@pytest.mark.parametrize(
    "command",
    [[BIN / "ddtrace-run", BIN / "python", CHILD], [BIN / "python", CHILD, "auto"]],
    ids=["ddtrace-run", "ddtrace.auto"],
)
def test_the_tracer_gets_the_agents_spans(agent, command):
    """Under the catalog's operation names, as children of the program's spans, with env, service and version once."""
    ran = subprocess.run(
        [str(part) for part in command],
        env=environment(agent),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["raised as ever", "current: None", "shut down: True {}"]
    spans = agent.spans()
    named = {(span["name"], span["error"]): span for span in spans}
    assert sorted(named) == [
        ("agent.escrow.create", 0), ("agent.order.execute", 0), ("agent.order.execute", 1), ("agent.signal.compute", 0),
        ("http.request", 0), ("pf.decision_cycle", 0), ("pf.escrow.release", 0), ("web.request", 0), ("web.response", 0),
    ]  # fmt: skip
    request, cycle, order = (named[name, 0] for name in ("web.request", "pf.decision_cycle", "agent.order.execute"))
    assert (cycle["parent_id"], order["parent_id"]) == (request["span_id"], cycle["span_id"])
    assert named["http.request", 0]["parent_id"] == order["span_id"]
    assert named["web.response", 0]["parent_id"] == request["span_id"]
    assert order["resource"] == "pf.trade.execute"
    assert (order["meta"]["pf.market"], order["metrics"]["pf.fee_usd"]) == ("BTC-USD", 0.5)
    (event,) = json.loads(order["meta"]["events"])
    assert event["name"] == "order_filled"
    assert order["start"] <= event["time_unix_nano"] <= order["start"] + order["duration"]
    failed = named["agent.order.execute", 1]
    (error,) = json.loads(failed["meta"]["events"])
    assert (error["name"], error["attributes"]) == (
        "exception", {"exception.type": "ValueError", "exception.message": "no funds"},
    )  # fmt: skip
    assert (failed["parent_id"], failed["meta"]["error.type"], failed["meta"]["error.message"]) == (
        0, "ValueError", "no funds",
    )  # fmt: skip
    assert {(span["service"], span["meta"]["env"], span["meta"]["version"]) for span in spans} == {
        ("momentum-agent", "prod", "1.2")
    }
    assert not [
        tag for tag in order["meta"] if tag in ("service.name", "deployment.environment.name", "pf.environment")
    ]


def test_an_escrow_is_linked_and_no_child(agent):
    """Its creation to the decision, its release to its creation: traces of their own."""
    command = [str(BIN / "python"), str(CHILD), "auto"]
    subprocess.run(command, env=environment(agent), capture_output=True, timeout=120, check=True)
    named = {span["name"]: span for span in agent.spans()}
    cycle, create, release = (named[name] for name in ("pf.decision_cycle", "agent.escrow.create", "pf.escrow.release"))
    assert (create["parent_id"], release["parent_id"]) == (0, 0)
    assert len({span["trace_id"] for span in (cycle, create, release)}) == 3
    for span, linked in ((create, cycle), (release, create)):
        (link,) = json.loads(span["meta"]["_dd.span_links"])
        assert int(link["span_id"], 16) == linked["span_id"]
        assert int(link["trace_id"][16:], 16) == linked["trace_id"]


@pytest.mark.parametrize("wide", ["true", "false"], ids=["128 bits", "64 bits"])
@pytest.mark.parametrize("otel", ["true", "false"], ids=["spans in the tracer", "spans apart"])
def test_lines_of_the_log_name_the_active_span(agent, tmp_path, otel, wide):
    """Both forms, of ids of either length, and each id once; a tracer that knows no operations is named beside them."""
    env = environment(agent) | {"DD_TRACE_OTEL_ENABLED": otel, "DD_TRACE_128_BIT_TRACEID_GENERATION_ENABLED": wide}
    command = [str(BIN / "ddtrace-run"), str(BIN / "python"), str(LOGS), str(tmp_path / "facts.log")]
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(said) == 7
    for one in said:
        line, active, own = one["line"], one["dd"], one["own"]
        assert not [name for name in line if name.startswith(("field.", "dd.service", "dd.env", "dd.version"))]
        assert (line["service"], line["env"], line["version"]) == ("momentum-agent", "prod", "1.2")
        trace_id, span_id = active or own or (0, 0)
        if not trace_id:
            assert not {"trace_id", "span_id", "dd.trace_id", "dd.span_id"} & line.keys()
            continue
        assert (line["dd.trace_id"], line["dd.span_id"]) == (str(trace_id % 2**64), str(span_id))
        named = own if own and otel == "false" else (trace_id, span_id)
        assert (line["trace_id"], line["span_id"]) == (f"{named[0]:032x}", f"{named[1]:016x}")
    received = {span["span_id"] for span in agent.spans()}
    assert {int(one["line"]["dd.span_id"]) for one in said if one["dd"]} <= received
    facts = [json.loads(line) for line in (tmp_path / "facts.log").read_text().splitlines()]
    if otel == "true":
        assert {int(line["dd.span_id"]) for line in facts if line["event"] == "trade_executed"} <= received


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_otlp_brings_the_same_spans(agent, protocol, monkeypatch):
    """Over OTLP to the same agent: names of the catalog, and DD_* in the resource."""
    for name in [name for name in os.environ if name.startswith(("PF_", "OTEL_", "DD_"))]:
        monkeypatch.delenv(name)
    for name, value in (("DD_SERVICE", "momentum-agent"), ("DD_ENV", "prod"), ("DD_VERSION", "1.2")):
        monkeypatch.setenv(name, value)
    port = agent.grpc_port if protocol == "grpc" else agent.http_port
    telemetry = Telemetry("a-1", otlp=f"http://127.0.0.1:{port}", otlp_protocol=protocol, heartbeat_s=None)
    with telemetry.cycle(), telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
        order.filled("o-1", price=100)
    assert telemetry.shutdown(20)
    assert telemetry.dropped == {}
    (resource,) = agent.otlp()
    said = {one["key"]: one["value"]["string_value"] for one in resource["resource"]["attributes"]}
    assert (said["service.name"], said["deployment.environment.name"], said["service.version"]) == (
        "momentum-agent", "prod", "1.2",
    )  # fmt: skip
    (scope,) = resource["scope_spans"]
    assert {span["name"] for span in scope["spans"]} == {"pf.decision_cycle", "pf.trade.execute"}
    assert scope["scope"]["name"] == "fleawatch"


def test_the_tracer_is_not_loaded_by_us():
    """Nothing of Datadog's is imported by an agent that does not use it."""
    code = "import sys, fleawatch; fleawatch.Telemetry; print(any(name.startswith('ddtrace') for name in sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.strip() == "False"
