"""How long the platform took over an order: the call's own time, apart from what the agent does around it."""

import asyncio

import aiohttp
import httpx
import pytest
import requests
from scripted_platform import Scripted

from fleawatch import Telemetry
from fleawatch.sinks.recorder import Recorder
from fleawatch.testing import capture

OPEN = "/v1/trade/open"


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


def order(telemetry):
    return telemetry.order(market="BTC-USD", side="buy", notional_usd=5)


def by_httpx(telemetry, method, url):
    with httpx.Client(follow_redirects=True) as client:
        telemetry.client(client).request(method, url)


def by_requests(telemetry, method, url):
    with requests.Session() as session:
        telemetry.client(session).request(method, url)


def by_aiohttp(telemetry, method, url):
    async def work():
        async with aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session, session.request(method, url):
            pass

    asyncio.run(work())


every = pytest.mark.parametrize("call", [by_httpx, by_requests, by_aiohttp])


def attempt(call, *requests_made):
    """The spans of an order that made these calls, and of the calls, on clocks that run."""
    seen = Recorder()
    with Telemetry("a-1", sinks=[seen], heartbeat_s=None, environ={}) as telemetry, order(telemetry) as placed:
        for method, url in requests_made:
            call(telemetry, method, url)
        placed.filled("o-1", price=100)
    *calls, placed_span = seen.spans
    return placed_span, calls


def latency(span):
    return span.attributes["pf.api_latency_ms"] / 1000


@every
def test_it_is_the_duration_of_the_call(call, platform):
    """To the nanosecond that of the client's span, which is shorter than the attempt."""
    placed, (sent,) = attempt(call, ("POST", platform.url + OPEN))
    assert latency(placed) == pytest.approx(sent.duration_s, abs=1e-9)
    assert latency(placed) < placed.duration_s


@every
def test_readings_around_it_do_not_count(call, platform):
    """A price that is asked for first is no part of the order."""
    price = platform.url + "/v1/markets/BTC/price"
    placed, calls = attempt(call, ("GET", price), ("POST", platform.url + OPEN), ("GET", price))
    assert latency(placed) == pytest.approx(calls[1].duration_s, abs=1e-9)


def test_a_redirection_is_part_of_the_call(platform):
    """What followed it went out within the same call."""
    platform.says = [(307, {"Location": platform.url + OPEN}), 200]
    placed, calls = attempt(by_httpx, ("POST", platform.url + "/old"))
    assert len(platform.asked) == 2
    assert latency(placed) == pytest.approx(max(one.duration_s for one in calls), abs=1e-9)


@pytest.mark.parametrize("count", [0, 2])
def test_where_no_one_call_is_the_order_it_is_the_whole_attempt(count, platform):
    """No watched client, or two calls that change something: which of them it was is not known."""
    placed, _ = attempt(by_httpx, *[("POST", platform.url + OPEN)] * count)
    assert latency(placed) == pytest.approx(placed.duration_s, abs=1e-9)


def test_lines_say_the_same(platform):
    """Of a fill and of a failure; the metrics keep the whole attempt."""
    platform.says = [200, "drop"]
    with capture() as seen, httpx.Client() as client:
        seen.telemetry.client(client)
        with order(seen.telemetry) as placed:
            client.post(platform.url + OPEN)
            seen.timing.advance(3)
            placed.filled("o-1", price=100)
        with pytest.raises(httpx.TransportError), order(seen.telemetry):  # noqa: PT012 - time passes before it raises
            seen.timing.advance(3)
            client.post(platform.url + OPEN)
    assert [line["latency_ms"] for line in (*seen.logs("trade_executed"), *seen.logs("order_failed"))] == [0, 0]
    assert [fact["latency_s"] for fact in seen.facts("order_placed")] == [3, 3]
