"""Trace context as headers: what goes out is what the formats say, what comes in is read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanContext, TraceFlags, TraceState, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fleawatch.sdk.telemetry.propagation import DEFAULT, chosen, extract, inject
from fleawatch.sdk.telemetry.provider import remote

TRACE, SPAN = 0x80F198EE56343BA864FE8B2A57D3EFF7, 0xE457B5A2E4D86BD1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", DEFAULT), ("b3", ("b3",)), ("b3multi, tracecontext,b3multi", ("b3multi", "tracecontext")),
        ("none", ()), ("jaeger", DEFAULT), ("tracecontext,baggage", ("tracecontext", "baggage")),
    ],
)  # fmt: skip
def test_the_environment_names_the_formats(text, names):
    """Unknown ones are left out; without any it is W3C's, and baggage goes only when it is named."""
    assert chosen({"OTEL_PROPAGATORS": text}) == names


def test_headers_are_those_of_the_formats():
    """The examples of the B3 document, and W3C's."""
    headers = {}
    inject(headers, ("tracecontext", "b3", "b3multi"), remote(TRACE, SPAN, sampled=True))
    assert headers == {
        "traceparent": "00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01",
        "b3": "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1",
        "x-b3-traceid": "80f198ee56343ba864fe8b2a57d3eff7", "x-b3-spanid": "e457b5a2e4d86bd1", "x-b3-sampled": "1",
    }  # fmt: skip


def test_without_a_span_there_is_nothing_to_send():
    """Not even a header of zeros."""
    headers = {}
    inject(headers, ("tracecontext", "b3"))
    assert headers == {}


def test_baggage_goes_out_when_it_is_named():
    """Escaped, and not at all when it is too long."""
    for value, wanted in (("a b,c", {"baggage": "tenant=a%20b%2Cc"}), ("x" * 5000, {})):
        token = attach(baggage.set_baggage("tenant", value))
        headers = {}
        inject(headers, ("baggage",))
        detach(token)
        assert headers == wanted


@given(
    trace=st.integers(min_value=1, max_value=2**128 - 1), span=st.integers(min_value=1, max_value=2**64 - 1),
    sampled=st.booleans(), name=st.sampled_from(["tracecontext", "b3", "b3multi"]),
)  # fmt: skip
def test_what_was_sent_is_what_is_read(trace, span, sampled, name):
    """By each format, and W3C's as the official propagator reads it."""
    headers = {}
    inject(headers, (name,), remote(trace, span, sampled=sampled))
    found = extract(headers, (name,))
    assert (found.trace_id, found.span_id, found.trace_flags.sampled, found.is_remote) == (trace, span, sampled, True)
    if name == "tracecontext":
        official = get_current_span(TraceContextTextMapPropagator().extract(headers)).get_span_context()
        assert (official.trace_id, official.span_id, official.trace_flags) == (trace, span, int(sampled))


def test_the_state_of_a_trace_is_passed_on():
    """W3C's `tracestate` comes in and goes out."""
    context = SpanContext(
        TRACE, SPAN, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("dd", "s:1")])
    )
    headers = {}
    inject(headers, DEFAULT, context)
    assert headers["tracestate"] == "dd=s:1"
    assert extract(headers, DEFAULT).trace_state.get("dd") == "s:1"


@pytest.mark.parametrize(
    ("headers", "sampled"),
    [
        ({"b3": "64fe8b2a57d3eff7-e457b5a2e4d86bd1"}, False),
        ({"b3": "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d-05e3ac9a4f6e3b90"}, True),
        ({"x-b3-traceid": "64fe8b2a57d3eff7", "x-b3-spanid": "e457b5a2e4d86bd1", "x-b3-flags": "1"}, True),
        ({"traceparent": "01-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-03-more"}, True),
    ],
)
def test_forms_that_others_send(headers, sampled):
    """Short trace ids, debug flags, parents, later versions."""
    found = extract(headers, ("tracecontext", "b3", "b3multi"))
    assert (found.span_id, found.trace_flags.sampled) == (SPAN, sampled)


@given(
    st.dictionaries(
        st.sampled_from(["traceparent", "tracestate", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"]),
        st.text() | st.text(alphabet="0123456789abcdef-", max_size=80),
    )
)
def test_whatever_comes_in_is_a_context_or_none(headers):
    """It never raises, and a context is a valid one."""
    found = extract(headers, ("tracecontext", "b3", "b3multi"))
    assert found is None or found.is_valid


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "ff-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01"},
        {"traceparent": "00-" + "0" * 32 + "-e457b5a2e4d86bd1-01"}, {"b3": "0"}, {"b3": "1"},
        {"b3": "0" * 32 + "-e457b5a2e4d86bd1-1"}, {"x-b3-traceid": "64fe8b2a57d3eff7"}, {"traceparent": "x" * 10_000},
    ],
)  # fmt: skip
def test_what_is_no_context_is_none(headers):
    """Forbidden versions, zeros, decisions without ids, halves, floods."""
    assert extract(headers, ("tracecontext", "b3", "b3multi")) is None
