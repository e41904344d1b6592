"""Spans over OTLP: what a receiver decodes is what the catalog promises."""

import threading

import pytest
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from fleawatch import Handoff, Telemetry
from fleawatch.catalog.spans import RESOURCE, SPAN_EVENTS, SPANS
from fleawatch.ports import Observed
from fleawatch.sdk.telemetry.backends import otlp as backend
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.otlp import Otlp
from fleawatch.testing.otlp import OtlpServer, plain
from fleawatch.testing.otlp_grpc import OtlpGrpcServer
from fleawatch.testing.telemetry_contract import TelemetrySinkContract, a_span, declared


@pytest.fixture
def server(monkeypatch):
    """A receiver, and an environment that says nothing of another one."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    with OtlpServer() as found:
        yield found


def run(server, **more):
    """One decision that orders, one that fails, and an escrow."""
    telemetry = Telemetry(
        "a-1", strategy="momentum", otlp=server.address, environment="prod", version="1.2", heartbeat_s=None, **more
    )
    with telemetry.cycle(market="BTC-USD"):
        with telemetry.signal("BTC-USD") as signal:
            signal.computed("buy", confidence=0.8)
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=500, expected_price=100) as order:
            order.filled("o-1", price=100.1, fee_usd="0.5")
        with telemetry.escrow_create(amount_usd=10, counterparty="ag_worker") as escrow:
            escrow.created("ag_me", "esc_1", expires_at=2e9)
    with pytest.raises(ValueError, match="no"), telemetry.order(market="BTC-USD", side="sell", notional_usd=5):
        raise ValueError("no")
    assert telemetry.shutdown()
    return telemetry


def test_spans_arrive_as_the_catalog_has_them(server):
    """Names, kinds and attributes are those that are declared, and no other."""
    run(server)
    known = {span.name: span for span in SPANS}
    assert sorted(span.name for span in server.spans) == [
        "pf.decision_cycle", "pf.escrow.create", "pf.signal.analysis", "pf.trade.execute", "pf.trade.execute",
    ]  # fmt: skip
    for span in server.spans:
        declared_span = known[span.name]
        assert plain(span.attributes).keys() <= {*declared_span.attributes, "pf.agent_id"}
        assert span.kind == {"internal": 1, "client": 3, "producer": 4, "consumer": 5}[declared_span.kind]


def test_parents_links_events_and_status(server):
    """Children of the cycle, an escrow linked to it, an event of the fill, and a failure that says what it was."""
    run(server)
    by_name = {}
    for span in server.spans:
        by_name.setdefault(span.name, []).append(span)
    (cycle,) = by_name["pf.decision_cycle"]
    filled, failed = by_name["pf.trade.execute"]
    (escrow,) = by_name["pf.escrow.create"]
    assert (filled.trace_id, filled.parent_span_id) == (cycle.trace_id, cycle.span_id)
    assert escrow.trace_id != cycle.trace_id
    assert [(link.trace_id, link.span_id) for link in escrow.links] == [(cycle.trace_id, cycle.span_id)]
    assert [event.name for event in filled.events] == ["order_filled"]
    assert (filled.status.code, filled.status.message) == (0, "")
    assert (failed.status.code, failed.status.message) == (2, "no")
    assert plain(failed.attributes)["error.type"] == "ValueError"
    assert plain(filled.attributes)["pf.slippage_bps"] == pytest.approx(10)
    assert plain(escrow.attributes)["pf.counterparty"] != "ag_worker"


def test_the_resource_says_what_process_it_is(server, monkeypatch):
    """Of the catalog's resource attributes, with an id of its own for every process, and what the deployment says beside."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=pod%201,service.namespace=theirs")
    run(server, services="trading,escrow")
    resource = server.resource
    assert [value.string_value for value in resource.pop("pf.services").values] == ["trading", "escrow"]
    assert resource.pop("k8s.pod.name") == "pod 1"
    own = {f"telemetry.sdk.{name}" for name in ("name", "language", "version")}
    assert resource.keys() <= {attribute.name for attribute in RESOURCE} | own
    assert (resource["service.name"], resource["service.namespace"], resource["pf.agent_id"]) == (
        "purpleflea-trading-agent", "purpleflea", "a-1",
    )  # fmt: skip
    assert (resource["deployment.environment.name"], resource["service.version"]) == ("prod", "1.2")
    assert len(resource["service.instance.id"]) == 36


def test_what_is_not_sampled_is_not_sent(server):
    """Sampling is by trace: none of it arrives."""
    run(server, sample=0.0)
    assert server.spans == []


def test_headers_and_paths_are_those_of_the_specification(server, monkeypatch):
    """An address for all signals gets the path of traces; one that names the path does not."""
    run(server, otlp_headers="x-key=secret%20word,x-team=money")
    assert {path for path, _ in server.requests} == {"/v1/traces"}
    assert server.headers[0]["x-key"] == "secret word"
    assert backend.traces_endpoint("http://c:4318/") == "http://c:4318/v1/traces"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/own")
    assert backend.traces_endpoint("http://c/own") == "http://c/own"


class Stuck(SpanExporter):
    """A receiver that never answers."""

    def __init__(self):
        self.release = threading.Event()

    def export(self, spans):
        self.release.wait(20)
        return SpanExportResult.FAILURE

    def shutdown(self):
        """Nothing is open."""


def test_a_receiver_that_hangs_holds_up_nobody_and_loses_the_oldest():
    """What waits is bounded, what does not fit is counted, and a flush gives up in time."""
    exporter = Stuck()
    sink, state = Otlp(lambda: exporter, {}, size=10), declared()
    for number in range(1, 101):
        sink.take([Observed(None, a_span(number))], state)
    assert not sink.flush(0.1)
    assert sink.dropped >= 80
    exporter.release.set()
    sink.close(5)
    assert sink.dropped == 100


def test_a_receiver_that_refuses_is_counted(server):
    """A refusal loses the spans of the batch and nothing else."""
    server.status = 400
    telemetry = run(server)
    assert telemetry.dropped["sink_otlp"] == 5


def test_what_was_lost_is_a_metric_of_the_process(server):
    """The counter begins at 0 and grows by what the receiver refused."""
    server.status = 400
    telemetry = Telemetry("a-1", otlp=server.address, heartbeat_s=None)
    with telemetry.cycle():
        pass
    telemetry.flush()
    telemetry._pipeline.call(telemetry.projector.beat, 5)
    assert b"pf_spans_dropped_total 1.0" in telemetry.metrics()
    telemetry._pipeline.call(telemetry.projector.beat, 5)
    assert b"pf_spans_dropped_total 1.0" in telemetry.metrics()
    telemetry.shutdown()


def test_requests_are_compressed_and_time_out_as_the_environment_says(server, monkeypatch):
    """The exporter's own variables hold."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "3")
    run(server)
    assert server.headers[0]["content-encoding"] == "gzip"
    assert len(server.spans) == 5


def test_every_span_and_event_of_the_catalog_is_emitted(server, tmp_path):
    """But for that of the client, which is wrapped; and each attribute that is emitted is declared for its span."""
    (tmp_path / "key").write_text("k" * 64)
    telemetry = Telemetry("a-1", strategy="s", otlp=server.address, heartbeat_s=None)
    handoff = Handoff(telemetry, key_file=str(tmp_path / "key"))
    with telemetry.cycle(market="BTC-USD") as cycle:
        with telemetry.balance_check(wallet_id="w") as check:
            check.cached(hit=False, age_s=0)
            check.read("USD", 5)
        with telemetry.signal("BTC-USD", model_version="1", signal_type="trend", price_count=3) as signal:
            signal.computed("buy", confidence=0.8, value=1.5)
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5, quantity=1, expected_price=5) as order:
            order.filled("o-1", price=5, quantity=1)
        with telemetry.confirmation_poll("o-1") as poll:
            poll.polled("filled")
        with telemetry.bet("dice", 1) as bet:
            bet.settled("b-1", 2)
        with telemetry.faucet_claim() as claim:
            claim.claimed(1)
        cycle.ended("low_balance")
    with telemetry.cycle() as cycle:
        cycle.ended("low_confidence")
    with (
        handoff.create("dig", worker="w-1") as task,
        telemetry.escrow_create(amount_usd=1, counterparty="ag_w", timeout_hours=2) as made,
    ):
        made.created("ag_me", "esc_1", expires_at=2e9)
        text = task.describe("Dig")
    with handoff.execute(text, escrow_id="esc_2"):
        pass
    for operation in (telemetry.escrow_complete, telemetry.escrow_dispute, telemetry.escrow_timeout):
        with operation("esc_1"):
            pass
    with telemetry.escrow_release("esc_1") as release:
        release.released(1, commission_usd=0)
    with pytest.raises(TimeoutError), telemetry.balance_check():
        raise TimeoutError
    assert telemetry.shutdown()
    known = {span.name: span for span in SPANS}
    assert {span.name for span in server.spans} == known.keys() - {"pf.http.request"}
    assert {event.name for span in server.spans for event in span.events} == set(SPAN_EVENTS)
    for span in server.spans:
        assert plain(span.attributes).keys() <= {*known[span.name].attributes}, span.name


def test_names_and_free_text_stay_at_home(server):
    """A counterparty and a wallet leave as digests; conditions, task and reason of an agreement not at all."""
    telemetry = Telemetry("a-1", otlp=server.address, heartbeat_s=None)
    with telemetry.balance_check(wallet_id="wallet-of-mine") as check:
        check.read("USD", 5)
    with telemetry.escrow_create(amount_usd=1, counterparty="ag_w", conditions="secret terms", task="dig") as escrow:
        escrow.created("ag_me", "esc_1", expires_at=2e9)
    with telemetry.escrow_release("esc_1", release_reason="well dug") as release:
        release.released(1, commission_usd=0)
    telemetry.shutdown()
    sent = str(server.requests)
    assert len(server.spans) == 3
    for word in ("wallet-of-mine", "ag_w", "secret terms", "dig", "well dug"):
        assert f'"{word}"' not in sent


def test_grpc_carries_the_same(monkeypatch):
    """Over gRPC the receiver decodes the same spans, and gets the headers."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with OtlpGrpcServer() as receiver:
        run(receiver, otlp_protocol="grpc", otlp_headers="x-key=secret")
        assert sorted(span.name for span in receiver.spans) == [
            "pf.decision_cycle", "pf.escrow.create", "pf.signal.analysis", "pf.trade.execute", "pf.trade.execute",
        ]  # fmt: skip
        assert receiver.metadata[0]["x-key"] == "secret"


def test_the_child_of_a_fork_has_an_exporter_and_an_id_of_its_own():
    """Two processes never send on one connection, nor under one instance id."""
    opened = []

    def connect():
        opened.append(Stuck())
        return opened[-1]

    sink = Otlp(connect, {"service.name": "agent"})
    before = sink._resource.attributes["service.instance.id"]
    sink.after_fork()
    assert len(opened) == 2
    assert sink._resource.attributes["service.instance.id"] != before
    sink.close(0.5)


class TestGrpcContract(TelemetrySinkContract):
    """What every sink must do, over gRPC."""

    @pytest.fixture
    def sink(self):
        """A sink to a receiver that takes everything."""
        with OtlpGrpcServer() as receiver:
            found = backend.sink(Settings(agent_id="a-1", otlp=receiver.address, otlp_protocol="grpc"))
            yield found
            found.close(5)


class TestContract(TelemetrySinkContract):
    """What every sink must do."""

    @pytest.fixture
    def sink(self, server):
        """A sink to a receiver that takes everything."""
        found = backend.sink(Settings(agent_id="a-1", otlp=server.address))
        yield found
        found.close(5)
