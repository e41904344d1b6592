"""Operations as spans of the program's own tracer provider, and the links of escrows over days and restarts."""

import os

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from fleawatch import Telemetry
from fleawatch.sdk.telemetry import provider as module
from fleawatch.sdk.telemetry.creations import Creations
from fleawatch.sinks.recorder import Recorder


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """An environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(("PF_", "OTEL_", "DD_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def exported(monkeypatch):
    """What the program's provider exports."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(module, "get_tracer", provider.get_tracer)
    return provider, exporter


@pytest.fixture
def recorder():
    """What the worker was given."""
    return Recorder()


@pytest.fixture
def telemetry(exported, recorder):
    """A telemetry that hands its spans to the program's provider."""
    del exported
    with Telemetry("a-1", traces="provider", sinks=[recorder], heartbeat_s=None) as found:
        yield found


def by_name(exporter):
    return {span.name: span for span in exporter.get_finished_spans()}


def test_spans_are_children_of_the_programs_and_parents_of_its_clients(exported, telemetry, recorder):
    """They are the provider's own spans: its ids are those of the facts, and what is current nests in both directions."""
    provider, exporter = exported
    tracer = provider.get_tracer("user")
    with tracer.start_as_current_span("request"):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            with tracer.start_as_current_span("GET"):
                pass
            order.filled("o-1", price=100)
        with tracer.start_as_current_span("answer"):
            pass
    assert not trace.get_current_span().get_span_context().is_valid
    telemetry.flush()
    found = by_name(exporter)
    request, order, call, answer = (found[name] for name in ("request", "pf.trade.execute", "GET", "answer"))
    assert (order.parent.span_id, call.parent.span_id) == (request.context.span_id, order.context.span_id)
    assert answer.parent.span_id == request.context.span_id
    assert (order.attributes["pf.market"], order.attributes["pf.agent_id"]) == ("BTC-USD", "a-1")
    assert [event.name for event in order.events] == ["order_filled"]
    assert order.status.status_code is StatusCode.UNSET
    (record,) = recorder.spans
    assert (record.trace_id, record.span_id, record.parent_id) == (
        order.context.trace_id, order.context.span_id, request.context.span_id,
    )  # fmt: skip
    assert {fact.trace_id for fact in recorder.facts} == {record.trace}


def test_a_failure_has_a_type_and_a_message_without_secrets(exported, telemetry):
    """Error and error.type, once; the error itself goes on."""
    key = "sk_live_0123456789abcdef0123456789abcdef"
    with pytest.raises(ValueError, match="key"), telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
        raise ValueError(f"key {key} refused")
    span = by_name(exported[1])["pf.trade.execute"]
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "ValueError")
    assert key not in span.to_json()


def test_an_escrow_is_a_root_linked_to_what_caused_it(exported, telemetry):
    """Its end is linked to its creation."""
    with telemetry.cycle(), telemetry.escrow_create(amount_usd=1, counterparty="ag_w") as escrow:
        escrow.created("ag_me", "esc_1", expires_at=2e9)
    with telemetry.escrow_release("esc_1") as release:
        release.released(1, commission_usd=0)
    found = by_name(exported[1])
    create, release, cycle = (found[name] for name in ("pf.escrow.create", "pf.escrow.release", "pf.decision_cycle"))
    assert create.parent is None
    assert [link.context.span_id for link in create.links] == [cycle.context.span_id]
    assert [link.context.span_id for link in release.links] == [create.context.span_id]


def test_without_a_provider_there_are_ids_all_the_same(recorder):
    """A program that sets none has facts with traces of our own."""
    with (
        Telemetry("a-1", traces="provider", sinks=[recorder], heartbeat_s=None) as telemetry,
        telemetry.cycle(),
        telemetry.signal("BTC-USD"),
    ):
        pass
    signal, cycle = recorder.spans
    assert (signal.parent_id, signal.trace_id) == (cycle.span_id, cycle.trace_id)
    assert cycle.trace_id


class Raising:
    """A provider that is broken."""

    def start_span(self, *_, **__):
        raise RuntimeError("broken")


def test_a_broken_provider_breaks_no_trade(monkeypatch, recorder):
    """It is counted, and the operation is recorded as ever."""
    monkeypatch.setattr(module, "get_tracer", lambda *_: Raising())
    with Telemetry("a-1", traces="provider", sinks=[recorder], heartbeat_s=None) as telemetry:
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            order.accepted("o-1")
        telemetry.flush()
        assert telemetry.dropped == {"provider": 1}
    assert [fact.order_id for fact in recorder.facts] == ["o-1"]


def released(recorder, **chosen):
    """Release an escrow, in a process of its own as it were."""
    with (
        Telemetry("a-1", sinks=[recorder], heartbeat_s=None, **chosen) as telemetry,
        telemetry.escrow_release("esc_1") as release,
    ):
        release.released(1, commission_usd=0)
    return next(span for span in recorder.spans if span.name == "pf.escrow.release")


def test_the_link_to_the_creation_survives_a_restart(recorder, tmp_path):
    """With a directory, what was created before is linked days later, and says how long the money was held."""
    with (
        Telemetry("a-1", sinks=[recorder], heartbeat_s=None, spool=str(tmp_path)) as telemetry,
        telemetry.escrow_create(amount_usd=1, counterparty="ag_w") as escrow,
    ):
        escrow.created("ag_me", "esc_1", expires_at=2e9)
    (create,) = recorder.spans
    later = released(Recorder(), spool=str(tmp_path))
    assert [(link.trace_id, link.span_id) for link in later.links] == [(create.trace_id, create.span_id)]
    assert later.attributes["pf.hold_duration_s"] > 0
    assert released(Recorder()).links == ()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff\x00", b'{"esc_1": ["zz", "1", 0]}', b'{"esc_1": ["0", "0", 0]}']
)
def test_a_file_that_says_nothing_is_as_good_as_none(recorder, tmp_path, body):
    """A torn or foreign file costs links and nothing else."""
    (tmp_path / "a-1.escrow-traces.json").write_bytes(body)
    assert released(recorder, spool=str(tmp_path)).links == ()


def test_of_too_many_creations_the_oldest_are_forgotten():
    """Memory is bounded, and so are the ids that it holds."""
    creations = Creations(most=3)
    for number in range(1, 6):
        creations.remember(f"esc_{number}", number, number, 0.0)
    creations.remember("x" * 1000, 1, 1, 0.0)
    creations.remember("", 1, 1, 0.0)
    assert [creations.link(f"esc_{number}") is not None for number in range(1, 6)] == [False, False, True, True, True]
    assert creations.link("x" * 1000) is None
    assert creations.held_s("esc_5", 12.0) == 12.0
    assert creations.held_s("esc_1", 12.0) is None


def test_processes_of_one_agent_keep_what_the_others_wrote(tmp_path):
    """Two of them write one file; another agent has its own."""
    first, second = Creations(str(tmp_path), "a-1"), Creations(str(tmp_path), "a-1")
    first.remember("esc_1", 1, 1, 1.0)
    second.remember("esc_2", 2, 2, 2.0)
    first.save()
    second.save()
    after = Creations(str(tmp_path), "a-1")
    assert (after.link("esc_1").span_id, after.link("esc_2").span_id) == (1, 2)
    assert Creations(str(tmp_path), "a-2").link("esc_1") is None


@pytest.mark.parametrize("first", [0, 1])
def test_generators_that_take_turns_leave_no_ended_span_current(telemetry, first):
    """Whichever ends first: what comes after them is no child of theirs."""

    @telemetry.cycle(market="BTC-USD")
    def stepped():
        yield from range(3)

    both = [stepped(), stepped()]
    for steps in both:
        next(steps)
    both.pop(first).close()
    both.pop().close()
    assert not trace.get_current_span().get_span_context().is_valid
