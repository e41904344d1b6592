"""An agent's own metrics: what is told, by whom, in which form, and how they are served."""

import asyncio
import gzip
import http.client
import os
import socket
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from fleawatch import Telemetry
from fleawatch.errors import BadConfig
from fleawatch.sdk.telemetry.context import Ids


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """An environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(("PF_", "OTEL_", "DD_"))]:
        monkeypatch.delenv(name)


def telemetry_of(**chosen):
    return Telemetry("a-1", strategy="momentum", heartbeat_s=None, ids=Ids(seed=7), **chosen)


@pytest.fixture
def telemetry():
    with telemetry_of(metrics="127.0.0.1:0") as found:
        yield found


def trade(telemetry, number=1):
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        order.filled(f"ord-{number}", trade_id=f"trd-{number}", price=100)
    return order


def families(body):
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def ask(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read()
    finally:
        connection.close()


def test_latencies_carry_the_trace_of_the_last_sampled_operation(telemetry):
    """In OpenMetrics, on the bucket it fell into: orders, signals and cycles; the text format has none."""
    with telemetry.cycle(market="BTC-USD"):
        with telemetry.signal("BTC-USD", model_version="m-1"):
            pass
        first, last = trade(telemetry), trade(telemetry, 2)
    telemetry.flush(10)
    found = families(telemetry.metrics(openmetrics=True))
    traces = {
        name: [sample.exemplar.labels["trace_id"] for sample in found[name].samples if sample.exemplar]
        for name in ("pf_order_latency_seconds", "pf_signal_compute_duration_seconds", "pf_decision_cycle_duration_seconds")
    }  # fmt: skip
    assert traces["pf_order_latency_seconds"][-1] == last.trace_id
    assert first.trace_id == last.trace_id
    assert all(traces.values())
    assert b"trace_id" not in telemetry.metrics()


def test_what_is_not_sampled_is_no_exemplar():
    """A trace that nobody can open helps nobody."""
    with telemetry_of(sample=0.0) as telemetry:
        telemetry.ids = Ids(0.0, seed=7)
        trade(telemetry)
        telemetry.flush(10)
        body = telemetry.metrics(openmetrics=True)
    assert b"pf_order_latency_seconds_count" in body
    assert b"trace_id" not in body


def test_with_a_service_only_what_the_agent_alone_knows_is_told(tmp_path):
    """Volume is the monitor's to tell then, so that no sum counts it twice; without a service the agent tells both."""
    told = {}
    for service in (None, "http://127.0.0.1:9"):
        with telemetry_of(service=service, spool=str(tmp_path / "spool")) as telemetry:
            trade(telemetry)
            telemetry.projector.work([])
            telemetry._pipeline.flush(10)
            told[service] = families(telemetry.metrics(openmetrics=True))
    assert {"pf_orders", "pf_trade_volume_usdc"} <= told[None].keys()
    assert "pf_orders" in told["http://127.0.0.1:9"]
    assert "pf_trade_volume_usdc" not in told["http://127.0.0.1:9"]


def test_a_registry_of_the_official_client_takes_them_in(telemetry):
    """Beside what the program counts itself; nothing is registered for those who did not ask."""
    registry = CollectorRegistry()
    registry.register(telemetry.collector())
    trade(telemetry)
    telemetry.flush(10)
    text = generate_latest(registry).decode()
    assert 'pf_orders_total{agent_id="a-1",market="BTC-USD",order_type="market",status="success"} 1.0' in text


def test_the_server_answers_reading_alone(telemetry):
    """Metrics in the format that is asked for, a sign of life, and no for everything else."""
    port = telemetry.metrics_port
    trade(telemetry)
    telemetry.flush(10)
    status, kind, body = ask(port, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert (status, kind.split(";")[0], body.endswith(b"# EOF\n")) == (200, "application/openmetrics-text", True)
    assert ask(port, "/metrics?name=pf")[1].startswith("text/plain; version=0.0.4")
    assert ask(port, "/-/healthy")[0] == 200
    assert [ask(port, "/metrics", method)[0] for method in ("POST", "PUT", "DELETE")] == [405] * 3
    assert ask(port, "/etc/passwd")[0] == 404
    assert ask(port, "/metrics", "HEAD")[2] == b""


def test_it_listens_on_this_machine_unless_told_otherwise():
    """An address without a host is this machine's own, and one that is taken is told with its remedy."""
    with telemetry_of(metrics=":0") as telemetry:
        assert telemetry._server._server.server_address[0] == "127.0.0.1"
        with pytest.raises(BadConfig, match="name a free host:port"):
            telemetry_of(metrics=f"127.0.0.1:{telemetry.metrics_port}")


def test_more_clients_than_it_has_places_for_are_turned_away(telemetry):
    """Connections that say nothing fill eight places; the ninth is closed, and the agent has no more threads."""
    silent = [socket.create_connection(("127.0.0.1", telemetry.metrics_port), 5) for _ in range(8)]
    try:
        time.sleep(0.3)
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            ask(telemetry.metrics_port, "/metrics")
    finally:
        for one in silent:
            one.close()


def wsgi(app, path="/metrics", method="GET", accept=""):
    seen = []
    body = b"".join(
        app({"PATH_INFO": path, "REQUEST_METHOD": method, "HTTP_ACCEPT": accept}, lambda *found: seen.append(found))
    )
    return seen[0][0], body


async def asgi(app, path="/metrics", root="", method="GET"):
    sent = []

    async def send(message):
        sent.append(message)

    await app({"type": "http", "path": path, "root_path": root, "method": method, "headers": []}, None, send)
    return sent[0]["status"], sent[1]["body"]


def test_wsgi_and_asgi_say_the_same(telemetry):
    """Mounted under a path, or as a whole application."""
    trade(telemetry)
    telemetry.flush(10)
    line = b'pf_orders_total{agent_id="a-1",market="BTC-USD",order_type="market",status="success"} 1.0'
    status, body = wsgi(telemetry.metrics_wsgi())
    assert (status, line in body) == ("200 OK", True)
    assert wsgi(telemetry.metrics_wsgi(), method="POST")[0] == "405 Method Not Allowed"
    app = telemetry.metrics_app()
    for path, root in (("/metrics", ""), ("/metrics/", "/metrics"), ("/metrics", "/metrics")):
        status, body = asyncio.run(asgi(app, path, root))
        assert (status, line in body) == (200, True)
    assert asyncio.run(asgi(app, "/x"))[0] == 404
    assert asyncio.run(asgi(app, method="DELETE"))[0] == 405


def test_whoever_reads_gzip_gets_it_from_all_three(telemetry):
    """Compressed only for a client that says so, with the length of what is sent, and the same body inside."""
    for number in range(30):
        trade(telemetry, number)
    telemetry.flush(10)
    connection = http.client.HTTPConnection("127.0.0.1", telemetry.metrics_port, timeout=5)
    connection.request("GET", "/metrics", headers={"Accept-Encoding": "gzip, deflate"})
    answer = connection.getresponse()
    served = dict(answer.getheaders()), answer.read()
    connection.close()
    seen, sent = [], []
    environ = {"PATH_INFO": "/metrics", "REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
    body = b"".join(telemetry.metrics_wsgi()(environ, lambda *found: seen.append(found)))
    mounted = dict(seen[0][1]), body

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": "/metrics", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    asyncio.run(telemetry.metrics_app()(scope, None, send))
    named = {name.decode().title(): value.decode() for name, value in sent[0]["headers"]}
    line = b'pf_orders_total{agent_id="a-1",market="BTC-USD",order_type="market",status="success"} 30.0'
    for headers, packed in (served, mounted, (named, sent[1]["body"])):
        assert headers["Content-Encoding"] == "gzip"
        assert headers["Vary"] == "Accept, Accept-Encoding"
        assert int(headers["Content-Length"]) == len(packed)
        assert line in gzip.decompress(packed)
    assert line in ask(telemetry.metrics_port, "/metrics", **{"Accept-Encoding": "identity"})[2]


def test_a_scrape_leaves_the_event_loop_free(telemetry):
    """While the worker is busy, other tasks of the agent go on; given up, the scrape is a 503 and the worker lives."""

    async def run():
        turns = 0
        telemetry._pipeline.put(Slow())
        await asyncio.sleep(0.1)
        asked = asyncio.create_task(asgi(telemetry.metrics_app()))
        while not asked.done():
            turns += 1
            await asyncio.sleep(0.01)
        return turns, await asked

    turns, (status, _) = asyncio.run(run())
    assert (status, turns > 10) == (200, True)


class Slow:
    """Something whose facts take the worker a while to make."""

    def drafts(self):
        time.sleep(0.6)
        return []


def test_a_scrape_of_telemetry_that_has_ended_is_no_success(telemetry):
    """The scraper is told, so that `up` is 0."""
    app = telemetry.metrics_wsgi()
    telemetry.shutdown()
    assert wsgi(app)[0] == "503 Service Unavailable"


@pytest.mark.parametrize("served", ["metrics_app", "metrics_wsgi", "collector"])
def test_what_is_pushed_is_not_served(served):
    """However it would be scraped."""
    telemetry = telemetry_of(pushgateway="http://127.0.0.1:9", pushgateway_keep=True)
    with pytest.raises(BadConfig, match="push what ends"):
        getattr(telemetry, served)()
    telemetry.shutdown()
