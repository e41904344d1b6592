"""Variables of OpenTelemetry and Datadog that somebody else has set: they say what they say elsewhere, and stop no agent."""

import contextlib
import logging
import socket
import struct
import subprocess
import sys
import threading

import pytest

from fleawatch import Telemetry
from fleawatch.errors import BadConfig
from fleawatch.sdk.telemetry.backends import otlp as backend
from fleawatch.sdk.telemetry.environment import NAMES
from fleawatch.sdk.telemetry.settings import settings
from fleawatch.testing.otlp_grpc import OtlpGrpcServer

AGENT = {"PF_AGENT_ID": "a-1"}
MISSING = {"statsd": "datadog.dogstatsd.base", "otlp": "fleawatch.sinks.otlp"}
ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.fixture
def warned(caplog):
    """What was told to the log, so far."""
    caplog.set_level(logging.WARNING, "fleawatch")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "fleawatch"]


def made(environ, **chosen):
    """The names of the sinks of an agent that can trade."""
    telemetry = Telemetry(environ=AGENT | environ, heartbeat_s=None, **chosen)
    try:
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            order.filled("o-1", price=1)
        return {sink.name for sink in telemetry.projector.sinks}
    finally:
        telemetry.shutdown(0.1)


@pytest.mark.parametrize(
    ("environ", "setting", "remedy"),
    [
        ({"DD_AGENT_HOST": "127.0.0.1"}, "statsd", "pip install 'fleawatch[datadog]'"),
        ({"DD_DOGSTATSD_URL": "udp://127.0.0.1:8125"}, "statsd", "pip install 'fleawatch[datadog]'"),
        (ENDPOINT, "otlp", "pip install 'fleawatch[otel]'"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:1"}, "otlp", "pip install 'fleawatch[otel]'"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "otlp", "pip install 'fleawatch[otel-grpc]'"),
    ],
)
def test_a_library_that_is_missing_is_done_without(monkeypatch, warned, environ, setting, remedy):
    """Where only the cluster asked: one warning with variable, setting and remedy, and the agent trades."""
    monkeypatch.setitem(sys.modules, MISSING[setting], None)
    assert not {"dogstatsd", "otlp"} & made(environ)
    (text,) = warned()
    assert text.startswith(next(iter(environ)))
    assert f"{setting} is left out" in text
    assert remedy in text


@pytest.mark.parametrize(
    ("chosen", "environ", "setting"),
    [
        ({"statsd": "udp://127.0.0.1:8125"}, {"DD_AGENT_HOST": "127.0.0.1"}, "statsd"),
        ({}, {"PF_STATSD": "udp://127.0.0.1:8125"}, "statsd"),
        ({"otlp": "http://127.0.0.1:9"}, ENDPOINT, "otlp"),
        ({}, {"PF_OTLP": "http://127.0.0.1:9", **ENDPOINT}, "otlp"),
    ],
)
def test_a_library_for_what_was_asked_for_is_demanded(monkeypatch, chosen, environ, setting):
    """By argument or by a variable of our own, whatever the cluster says too."""
    monkeypatch.setitem(sys.modules, MISSING[setting], None)
    with pytest.raises(BadConfig, match=f"{setting}: needs the .*pip install"):
        made(environ, **chosen)


def test_a_library_for_what_a_file_asks_for_is_demanded(monkeypatch, tmp_path):
    """Also where a variable of the cluster names another address."""
    monkeypatch.setitem(sys.modules, MISSING["statsd"], None)
    file = tmp_path / "agent.toml"
    file.write_text('statsd = "udp://127.0.0.1:8125"\n')
    with pytest.raises(BadConfig, match="fleawatch\\[datadog\\]"):
        made({"DD_AGENT_HOST": "127.0.0.1"}, file=file)


@pytest.mark.parametrize(
    ("environ", "variable", "told"),
    [
        ({"DD_DOGSTATSD_URL": "pipe://somewhere"}, "DD_DOGSTATSD_URL", "statsd was no address, so statsd is left out"),
        ({"DD_AGENT_HOST": "h", "DD_DOGSTATSD_PORT": "x"}, "DD_AGENT_HOST", "a port in DD_DOGSTATSD_PORT"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL", "was 'http/json', so otlp is left out"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp was no address"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:hunter2@c"}, "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp is left out"),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_HEADERS": "hunter2"}, "OTEL_EXPORTER_OTLP_HEADERS", "otlp is left out"),
        ({"DD_TRACE_SAMPLE_RATE": "often"}, "DD_TRACE_SAMPLE_RATE", "was 'often', so it is ignored"),
        ({"OTEL_TRACES_SAMPLER": "jaeger_remote"}, "OTEL_TRACES_SAMPLER", "write always_on, always_off or traceidratio"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "7"}, "OTEL_TRACES_SAMPLER_ARG", "from 0 to 1"),
        ({"OTEL_SDK_DISABLED": "yes"}, "OTEL_SDK_DISABLED", "counts as false"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_and_stops_nobody(warned, environ, variable, told):
    """One warning names the variable, what is wrong and what to do; a secret in it is not repeated."""
    found = settings({}, AGENT | environ)
    assert (found.statsd, found.otlp, found.otlp_headers.reveal(), found.sample) == (None, None, "", 1.0)
    (text,) = warned()
    assert text.startswith(f"{variable}: ")
    assert told in text
    assert "hunter2" not in text


def test_parts_of_a_backend_that_nobody_wants_are_not_complained_about(warned):
    """A protocol without an address asks for nothing."""
    settings({}, {**AGENT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json", "OTEL_EXPORTER_OTLP_HEADERS": "none"})
    assert warned() == []


def test_what_was_asked_for_goes_on_without_what_the_cluster_says_of_it(warned):
    """An address that was meant is spoken to as it is by default, and an address in a file stays in force."""
    found = settings({"otlp": "http://c:4318"}, {**AGENT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})
    assert (found.otlp, found.otlp_protocol) == ("http://c:4318", "http/protobuf")
    assert ["it is ignored" in text for text in warned()] == [True]


def test_a_file_stands_where_a_variable_cannot_be_used(warned, tmp_path):
    """Its address is used, and the variable is told about."""
    file = tmp_path / "agent.toml"
    file.write_text('statsd = "udp://127.0.0.1:8125"\n')
    assert settings({}, {**AGENT, "DD_DOGSTATSD_URL": "pipe://x"}, file).statsd == "udp://127.0.0.1:8125"
    assert len(warned()) == 1


@pytest.mark.parametrize("own", [{"PF_STATSD": "pipe://x"}, {"PF_OTLP": "c:4318"}, {"PF_SAMPLE": "often"}])
def test_a_variable_of_our_own_is_refused(own):
    """It was meant, so it is put right before the agent runs."""
    with pytest.raises(BadConfig, match=r"statsd|otlp|sample"):
        settings({}, AGENT | own)


@pytest.mark.parametrize("what", ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"])
def test_what_the_exporter_refuses_by_itself(monkeypatch, warned, what):
    """Variables that only the library reads: done without where the cluster asked, refused by name where it was meant."""
    monkeypatch.setenv(what, "nonsense")
    assert "otlp" not in made({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert ["otlp is left out" in text for text in warned()] == [True]
    with pytest.raises(BadConfig, match="otlp: could not be set up"):
        made({}, otlp="http://127.0.0.1:9", otlp_protocol="grpc")


@pytest.mark.parametrize(
    ("environ", "name", "value"),
    [
        ({"DD_TAGS": "env:prod,service:desk,version:1.2,team:a"}, "environment", "prod"),
        ({"DD_TAGS": "env:prod service:desk version:1.2"}, "service_name", "desk"),
        ({"DD_TAGS": "version:1.2:rc, team"}, "version", "1.2:rc"),
        ({"DD_TAGS": "env:tags", "DD_ENV": "own"}, "environment", "own"),
        ({"DD_TAGS": "env:tags", "PF_ENVIRONMENT": "ours", "DD_ENV": "own"}, "environment", "ours"),
        ({"DD_TAGS": "env:tags", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=otel"}, "environment", "tags"),
        ({"DD_TRACE_SAMPLE_RATE": "0.25"}, "sample", 0.25),
        ({"DD_TRACE_SAMPLE_RATE": "0.25", "OTEL_TRACES_SAMPLER": "always_off"}, "sample", 0.25),
        ({"DD_TRACE_SAMPLE_RATE": "0.25", "PF_SAMPLE": "0.5"}, "sample", 0.5),
        ({"OTEL_TRACES_SAMPLER": "TraceIdRatio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, "sample", 0.25),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, "sample", 1.0),
        ({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "0.25"}, "sample", 1.0),
        ({"PF_OTLP": "http://ours:1", **ENDPOINT}, "otlp", "http://ours:1"),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "TRUE"}, "otlp", None),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "1"}, "otlp", "http://127.0.0.1:9"),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "None"}, "otlp", None),
        ({"PF_OTLP": "http://ours:1", "OTEL_SDK_DISABLED": "true"}, "otlp", "http://ours:1"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "otlp", "c:4317"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "[::1]:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "otlp", "[::1]:4317"),
        ({"DD_DOGSTATSD_URL": "unixstream:///s"}, "statsd", "unixstream:///s"),
        ({"DD_ENV": "  ", "DD_TAGS": "env:prod"}, "environment", "prod"),
        ({"DD_SERVICE": " desk\n"}, "service_name", "desk"),
        ({"OTEL_SERVICE_NAME": " "}, "service_name", "purpleflea-trading-agent"),
        ({"DD_AGENT_HOST": " "}, "statsd", None),
        ({"OTEL_TRACES_SAMPLER": " always_off "}, "sample", 0.0),
    ],
)  # fmt: skip
def test_variables_mean_what_they_mean_elsewhere(environ, name, value):
    """As the documents of Datadog and OpenTelemetry have it, behind what is said to us alone."""
    assert getattr(settings({}, AGENT | environ), name) == value


def test_an_argument_wins_over_a_switch_of_the_environment():
    """Also over the one that turns OpenTelemetry off; a file does not."""
    assert settings({"otlp": "http://c:1"}, {**AGENT, "OTEL_SDK_DISABLED": "true"}).otlp == "http://c:1"


def test_a_switch_of_the_environment_wins_over_a_file(tmp_path):
    """As every variable does."""
    file = tmp_path / "agent.toml"
    file.write_text('otlp = "http://c:1"\n')
    assert settings({}, {**AGENT, "OTEL_SDK_DISABLED": "true"}, file).otlp is None


def test_where_a_setting_comes_from_is_no_setting():
    """It cannot be chosen, and two settings that say the same are equal wherever they come from."""
    with pytest.raises(BadConfig, match="ambient: is no setting"):
        settings({"ambient": {}}, AGENT)
    assert settings({}, {**AGENT, "DD_ENV": "prod"}) == settings({"environment": "prod"}, AGENT)


def test_an_address_without_a_scheme_is_spoken_to_over_grpc(monkeypatch):
    """As gRPC names hosts; whether it is secure is said by the variable that every exporter knows."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
    with OtlpGrpcServer() as server:
        target = server.address.partition("://")[2]
        telemetry = Telemetry("a-1", otlp=target, otlp_protocol="grpc", environ={}, heartbeat_s=None)
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            order.filled("o-1", price=1)
        assert telemetry.shutdown(10)
        assert telemetry.dropped == {}
        assert server.spans


def test_an_address_without_a_scheme_is_secure_unless_somebody_says_otherwise(monkeypatch):
    """As the specification has it."""
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_INSECURE", raising=False)
    found = settings({"otlp": "127.0.0.1:9", "otlp_protocol": "grpc"}, AGENT)
    exporter = backend._grpc(found)
    assert exporter._insecure is False
    exporter.shutdown()


class _Stream:
    """A DogStatsD server on a stream: each message is preceded by its length."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(1)
        self._socket.settimeout(10)
        self.lines = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                self.lines += stream.read(struct.unpack("<I", head)[0]).decode().splitlines()

    def close(self):
        self._thread.join(10)
        self._socket.close()


def test_a_stream_of_datadog_is_spoken_to(tmp_path):
    """The admission controller may name such a socket, and the official client speaks it."""
    server = _Stream(tmp_path / "dsd.sock")
    found = made({"DD_DOGSTATSD_URL": f"unixstream://{tmp_path}/dsd.sock"})
    server.close()
    assert "dogstatsd" in found
    assert [line for line in server.lines if line.startswith("agent.order.latency_ms:")]


@pytest.mark.parametrize(
    ("name", "close"),
    [("PF_STATD", "PF_STATSD"), ("PF_AGENTID", "PF_AGENT_ID"), ("PF_PUSHGATEWAY_USERNAME", "PF_PUSHGATEWAY_USER")],
)
def test_a_mistyped_variable_is_told_with_the_name_it_resembles(warned, name, close):
    """Once, and never with what it holds."""
    settings({}, {**AGENT, name: "hunter2"})
    assert warned() == [f"{name}: nothing in Fleawatch reads it; did you mean {close}?"]


def test_a_variable_that_resembles_none_is_told_too(warned):
    """Somebody may wait for what it should do."""
    settings({}, {**AGENT, "PF_QQQQQ": "hunter2"})
    (text,) = warned()
    assert text.startswith("PF_QQQQQ: nothing in Fleawatch reads it; rename or unset it")


@pytest.mark.parametrize(
    "name",
    [
        "PF_GATE_STATE", "PF_API_KEY", "PF_BASE", "PF_BASE_CASINO", "PF_TRADING_KEY_FILE", "PF_SERVICE_HOST",
        "PF_GATEWAY_SERVICE_PORT_HTTP", "PF_PORT", "PF_GATEWAY_PORT_80_TCP_ADDR", "XPF_STATD", "AGENT_IDS",
    ],
)  # fmt: skip
def test_variables_of_other_parts_are_known(warned, name):
    """Of the gate, of the agent's own way to the platform, and what Kubernetes says of services."""
    settings({}, {**AGENT, name: "x"})
    assert warned() == []


def test_every_variable_that_is_read_is_known(warned):
    """Whatever the table of settings names."""
    own = {place for places in NAMES.values() for place in places if place.startswith("PF_")}
    with contextlib.suppress(BadConfig):
        settings({}, dict.fromkeys(own, "x"))
    assert warned() == []


def test_an_environment_without_mistakes_needs_no_comparison():
    """What looks for resemblance is loaded by the first unknown name."""
    code = (
        "import sys; from fleawatch.sdk.telemetry.settings import settings\n"
        "before = 'difflib' in sys.modules\n"
        "settings({}, {'PF_AGENT_ID': 'a-1'})\n"
        "assert before == ('difflib' in sys.modules) == False\n"
        "settings({}, {'PF_AGENT_ID': 'a-1', 'PF_STATD': 'x'})\n"
        "assert 'difflib' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("name", ["environment", "version", "service_name", "region", "strategy", "services"])
def test_what_is_said_on_everything_has_no_secret(warned, name):
    """A key that a deployment has in the wrong variable is cut before any backend gets it, and somebody is told."""
    found = settings({name: "a,sk_live_0123456789abcdef"}, AGENT)
    assert "sk_live" not in repr(found)
    assert [text.startswith(f"{name}: held what looks like a secret") for text in warned()] == [True]
    assert settings({name: "a\ud800"}, AGENT) == settings({name: "a?"}, AGENT)


@pytest.mark.parametrize("name", ["sample", "addresses", "traces", "metrics", "pushgateway_keep", "otlp_protocol"])
def test_a_complaint_shows_no_secret(name):
    """What stands where something else belongs may be a key."""
    with pytest.raises(BadConfig, match=name) as refused:
        settings({name: "sk_live_0123456789abcdef"}, AGENT)
    assert "0123456789" not in str(refused.value)
