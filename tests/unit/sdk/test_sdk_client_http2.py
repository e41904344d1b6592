"""A watched client that speaks HTTP/2: many calls on one connection, each with its own span, status and parent."""

import asyncio

import httpx
import httpx2
import pytest
from http2_platform import Http2

from fleawatch import Retries
from fleawatch.testing import Captured

LIBRARIES = {"httpx": httpx, "httpx2": httpx2}


@pytest.fixture(name="platform")
def _platform():
    """A server."""
    found = Http2()
    yield found
    found.close()


@pytest.fixture(name="seen")
def _seen():
    """A telemetry that sends its context to the server."""
    found = Captured("a-1", propagate_hosts=("127.0.0.1",))
    yield found
    found.end()


@pytest.fixture(name="library", params=LIBRARIES)
def _library(request):
    """Both libraries."""
    return LIBRARIES[request.param]


def plain(library, telemetry, retries=None):
    return telemetry.client(library.Client(http1=False, http2=True, timeout=10.0), retries=retries)


def test_many_tasks_share_a_connection_and_nothing_else(library, seen, platform):
    """Each call is a child of the operation of its task, and the context that arrives is that of its span."""

    async def one(client, number):
        with seen.telemetry.cycle(cycle_id=f"c-{number}") as cycle:
            await asyncio.sleep(0)
            answer = await client.get(f"{platform.url}/escrow/esc_{number}")
            assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
        return f"{cycle.place.span_id:016x}"

    async def main():
        async with library.AsyncClient(http1=False, http2=True, timeout=10.0) as client:
            seen.telemetry.client(client)
            return await asyncio.gather(*(one(client, number) for number in range(50)))

    cycles = asyncio.run(main())
    spans = seen.spans("pf.http.request")
    assert platform.connections == 1
    assert sorted(span["parent_id"] for span in spans) == sorted(cycles)
    arrived = [headers["traceparent"].split("-")[1:3] for headers in platform.headers]
    assert sorted(arrived) == sorted([span["trace_id"], span["span_id"]] for span in spans)
    assert seen.metric("pf_api_requests_total", endpoint="escrow/get", status_code="200") == 50


@pytest.mark.parametrize("path", ["reset", "refused", "goaway", "cut"])
def test_a_stream_that_ends_early_is_no_answer(library, seen, platform, path):
    """Reset, refused, the connection going away, or its body cut: one span, one failed call, the client's own error."""
    with plain(library, seen.telemetry) as client, pytest.raises(library.RemoteProtocolError):
        client.get(f"{platform.url}/escrow/{path}")
    (fact,) = seen.facts("api_call")
    (span,) = seen.spans("pf.http.request")
    assert (fact["status_code"], span["error_type"]) == ("network", "RemoteProtocolError")


@pytest.mark.parametrize("path", ["reset", "busy"])
def test_a_read_is_made_again_and_a_write_is_not(library, seen, platform, path):
    """As over HTTP/1.1."""
    with plain(library, seen.telemetry, Retries(times=2, sleep=lambda _: None)) as client:
        for method in ("GET", "POST"):
            try:
                client.request(method, f"{platform.url}/escrow/{path}")
            except library.RemoteProtocolError:
                assert path != "busy"
    assert [method for method, _ in platform.asked] == ["GET"] * 3 + ["POST"]
    assert [fact.get("attempt", 1) for fact in seen.facts("api_call")] == [1, 2, 3, 1]


def test_an_order_whose_stream_was_reset_is_unknown(library, seen, platform):
    """The platform may have placed it."""
    with (
        plain(library, seen.telemetry) as client,
        pytest.raises(library.RemoteProtocolError),
        seen.telemetry.order(market="BTC-USD", side="buy", notional_usd=5),
    ):
        client.post(f"{platform.url}/trading/order/reset")
    assert seen.fact("order_placed")["status"] == "timeout"


def test_the_context_of_b3_arrives(library, platform, monkeypatch):
    """Names of headers are lower case there."""
    monkeypatch.setenv("OTEL_PROPAGATORS", "b3multi")
    seen = Captured("a-1", propagate_hosts=("127.0.0.1",))
    with plain(library, seen.telemetry) as client:
        client.get(f"{platform.url}/balance")
    seen.end()
    assert platform.headers[0]["x-b3-traceid"] == seen.span("pf.http.request")["trace_id"]
