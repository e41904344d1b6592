"""A span that an error ended has the event `exception` of OpenTelemetry's conventions, once, and without secrets."""

import asyncio
import threading

import aiohttp
import httpx
import pytest
import requests
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv.attributes import exception_attributes
from scripted_platform import Scripted

from fleawatch import Telemetry
from fleawatch.sdk.telemetry import describe
from fleawatch.sdk.telemetry import provider as module
from fleawatch.sdk.telemetry.describe import LONGEST_TEXT
from fleawatch.testing import capture
from fleawatch.testing.otlp import OtlpServer, plain
from fleawatch.testing.otlp_grpc import OtlpGrpcServer

KEY = "sk_live_0123456789abcdef0123456789abcdef"


class OwnError(Exception):
    """What the agent's own code raises."""


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


def order(telemetry):
    return telemetry.order(market="BTC-USD", side="buy", notional_usd=5)


def exceptions(span):
    """Attributes of the events `exception` of a captured span."""
    return [event["attributes"] for event in span["events"] if event["name"] == "exception"]


def test_the_event_says_class_and_message_in_the_words_of_the_conventions():
    """At the span's end, with the module of a class that is not built in."""
    with capture() as seen, pytest.raises(OwnError), order(seen.telemetry):
        raise OwnError("no funds")
    (span,) = seen.spans()
    (event,) = span["events"]
    assert event["name"] == "exception"
    assert event["at_ns"] == span["end_ns"]
    assert event["attributes"] == {
        exception_attributes.EXCEPTION_TYPE: f"{__name__}.OwnError",
        exception_attributes.EXCEPTION_MESSAGE: "no funds",
    }
    assert span["error_type"] == "OwnError"


@pytest.mark.parametrize("error", [KeyError("k"), TimeoutError(), asyncio.CancelledError(), KeyboardInterrupt()])
def test_whatever_ends_it_is_an_exception(error):
    """Also a cancellation, and one without a message."""
    with capture() as seen, pytest.raises(type(error)), seen.telemetry.balance_check():
        raise error
    (span,) = seen.spans()
    (said,) = exceptions(span)
    assert said["exception.type"].rpartition(".")[2] == type(error).__name__
    assert said.get("exception.message", "") == str(error)


def test_a_message_has_no_secrets_and_an_end_and_no_stack():
    """What is exported stays small, whatever a client puts into its errors."""
    with capture() as seen, pytest.raises(OwnError), order(seen.telemetry):
        raise OwnError(f"key {KEY} was refused " + "x" * 10_000)
    (said,) = exceptions(seen.spans()[0])
    assert said.keys() == {"exception.type", "exception.message"}
    assert KEY not in said["exception.message"]
    assert len(said["exception.message"]) == LONGEST_TEXT


def test_a_failure_that_is_no_exception_has_no_such_event():
    """A refusal is an outcome."""
    with capture() as seen:
        with order(seen.telemetry) as placed:
            placed.rejected("insufficient_margin")
        with seen.telemetry.bet("dice", 1) as bet:
            bet.rejected("kelly_limit_exceeded")
    assert [span["error_type"] for span in seen.spans()] == ["insufficient_margin", "kelly_limit_exceeded"]
    assert [exceptions(span) for span in seen.spans()] == [[], []]


def test_each_span_that_it_ends_has_it_once():
    """Those within and those around; not one whose block went on."""
    with (
        capture() as seen,
        seen.telemetry.cycle(),
        pytest.raises(OwnError),
        seen.telemetry.confirmation_poll("o-1"),
        seen.telemetry.balance_check(),
    ):
        raise OwnError
    assert [(span["name"], len(exceptions(span))) for span in seen.spans()] == [
        ("pf.wallet.balance_check", 1), ("pf.trade.confirmation_poll", 1), ("pf.decision_cycle", 0),
    ]  # fmt: skip


def test_it_follows_what_happened_before():
    """An order that was filled before the block broke has both events, in order."""
    with capture() as seen, pytest.raises(OwnError):  # noqa: PT012, SIM117 - what is told before it raises is the point
        with order(seen.telemetry) as placed:
            placed.filled("o-1", price=100)
            raise OwnError
    assert [event["name"] for event in seen.spans()[0]["events"]] == ["order_filled", "exception"]


def by_httpx(telemetry, url):
    with httpx.Client() as client:
        telemetry.client(client).get(url)


def by_requests(telemetry, url):
    with requests.Session() as session:
        telemetry.client(session).get(url)


def by_aiohttp(telemetry, url):
    async def work():
        # What a session does again by itself is no failure: a connection of its own for each.
        connector = aiohttp.TCPConnector(force_close=True)
        tracing = [telemetry.aiohttp()]
        async with aiohttp.ClientSession(trace_configs=tracing, connector=connector) as session, session.get(url):
            pass

    asyncio.run(work())


@pytest.mark.parametrize("get", [by_httpx, by_requests, by_aiohttp])
def test_a_call_that_was_not_answered_has_it_too(get, platform):
    """The class is the client's own; an answer is no exception, whatever its status."""
    platform.says = [500, *["drop"] * 3]
    with capture() as seen:
        get(seen.telemetry, platform.url + "/health")
        with pytest.raises((httpx.TransportError, requests.ConnectionError, aiohttp.ClientError)) as raised:
            get(seen.telemetry, platform.url + "/health")
    answered, dropped = seen.spans("pf.http.request")
    assert (answered["error_type"], exceptions(answered)) == ("500", [])
    (said,) = exceptions(dropped)
    assert said["exception.type"] == f"{type(raised.value).__module__}.{type(raised.value).__qualname__}"


@pytest.mark.parametrize(("receiver", "protocol"), [(OtlpServer, "http/protobuf"), (OtlpGrpcServer, "grpc")])
def test_it_arrives_over_otlp(receiver, protocol):
    """As any receiver decodes it."""
    with receiver() as server:
        telemetry = Telemetry("a-1", otlp=server.address, otlp_protocol=protocol, heartbeat_s=None, environ={})
        with pytest.raises(OwnError), telemetry.cycle():
            raise OwnError(KEY)
        assert telemetry.shutdown(20)
        (span,) = server.spans
    (event,) = span.events
    assert (event.name, event.time_unix_nano) == ("exception", span.end_time_unix_nano)
    found = plain(event.attributes)
    assert found["exception.type"] == f"{__name__}.OwnError"
    assert KEY not in found["exception.message"]


def test_the_programs_own_provider_gets_it(monkeypatch):
    """Once, though the provider could record exceptions by itself, and without the stack that it would add."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(module, "get_tracer", provider.get_tracer)
    with Telemetry("a-1", traces="provider", heartbeat_s=None, environ={}) as telemetry:
        with pytest.raises(OwnError), order(telemetry):
            raise OwnError(KEY)
        with order(telemetry) as placed:
            placed.rejected("no_margin")
    failed, refused = exporter.get_finished_spans()
    (event,) = failed.events
    assert event.name == "exception"
    assert event.attributes.keys() == {"exception.type", "exception.message"}
    assert KEY not in failed.to_json()
    assert not refused.events


class Looked(Exception):
    """An error that knows which thread asked it what it says."""

    def __init__(self):
        self.by = set()

    def __str__(self):
        self.by.add(threading.current_thread() is threading.main_thread())
        return "looked at"


def test_the_caller_is_not_made_to_wait_for_its_text():
    """The worker reads the error; the agent's thread hands it on."""
    error = Looked()
    with capture() as seen:
        with pytest.raises(Looked), order(seen.telemetry):
            raise error
        assert seen.spans()
    assert error.by == {False}


class Ending(Exception):
    """An error whose text ends whoever asks for it."""

    def __init__(self, by):
        self.by = by

    def __str__(self):
        raise self.by


@pytest.mark.parametrize("by", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=lambda by: type(by).__name__)
def test_an_error_whose_text_ends_the_program_does_not_end_the_telemetry(by):
    """The agent gets its error, the order counts, and so does what comes after it."""
    with capture() as seen:
        with pytest.raises(Ending), order(seen.telemetry):
            raise Ending(by)
        with order(seen.telemetry):
            pass
        assert [span["error_type"] for span in seen.spans()] == ["Ending", ""]
        assert seen.metric("pf_orders_total", status="success") == 1


class Endless(Exception):
    """An error with the text of a whole page, told how much of it is looked at."""

    def __str__(self):
        return "x" * 50_000_000 + KEY


def test_of_a_long_text_no_more_is_looked_at_than_is_told(monkeypatch):
    """A page of a proxy as message does not hold up what waits behind it."""
    looked = []
    within = describe.scrub_within
    monkeypatch.setattr(describe, "scrub", lambda text: looked.append(len(text)) or text)
    monkeypatch.setattr(describe, "scrub_within", lambda text, longest: looked.append(longest) or within(text, longest))
    with capture() as seen:
        with pytest.raises(Endless), order(seen.telemetry):
            raise Endless
        assert seen.spans()
    assert max(looked) <= 8 * LONGEST_TEXT


def test_a_name_of_the_agents_own_is_looked_at_as_its_value_is():
    """What is noted or attached under the name of a secret is cut, whatever it looks like; and so is a name that is one."""
    with capture() as seen:
        with seen.telemetry.cycle() as cycle:
            cycle.note("called", **{"X-Api-Key": "a1b2c3", KEY: "value", "tries": 2})
            cycle.attributes["db.password"] = "hunter2"
        (span,) = seen.spans()
    assert span["attributes"]["db.password"] == "[redacted]"
    (event,) = span["events"]
    assert event["attributes"] == {"X-Api-Key": "[redacted]", "[redacted]": "value", "tries": 2}
