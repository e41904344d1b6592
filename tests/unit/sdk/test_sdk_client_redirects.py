"""Trace context goes to hosts that may know it, also when an answer leads to another host, or a login asks one first."""

import asyncio

import aiohttp
import httpx
import httpx2
import pytest
import requests
from scripted_platform import Scripted

from fleawatch.testing import Captured

OURS = ("traceparent", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "baggage", "tracestate")


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


@pytest.fixture(name="seen")
def _seen(monkeypatch):
    monkeypatch.setenv("OTEL_PROPAGATORS", "tracecontext,b3,b3multi")
    found = Captured("a-1", "", 1, propagate_hosts=("127.0.0.1",))
    yield found
    found.telemetry.shutdown()


def by_httpx(telemetry, url, **more):
    with httpx.Client(follow_redirects=True) as client:
        telemetry.client(client).get(url, **more)


def by_httpx2(telemetry, url, **more):
    with httpx2.Client(follow_redirects=True) as client:
        telemetry.client(client).get(url, **more)


def by_requests(telemetry, url, **more):
    with requests.Session() as session:
        telemetry.client(session).get(url, timeout=5, **more)


def later_httpx(telemetry, url, **more):
    async def call():
        async with httpx.AsyncClient(follow_redirects=True) as client:
            await telemetry.client(client).get(url, **more)

    asyncio.run(call())


def later_aiohttp(telemetry, url, **more):
    async def call():
        async with aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session, session.get(url, **more):
            pass

    asyncio.run(call())


every = pytest.mark.parametrize(
    "call", [by_httpx, by_httpx2, by_requests, later_httpx, later_aiohttp], ids=lambda one: one.__name__
)


def ours(headers):
    return {name for name in OURS if name in headers}


@every
class TestRedirections:
    def test_another_host_is_told_nothing(self, call, seen, platform):
        """What was put there for the first host is taken out; what the agent put there stays."""
        elsewhere = platform.url.replace("127.0.0.1", "localhost")
        platform.says = [(302, {"Location": f"{elsewhere}/a"}), (302, {"Location": f"{elsewhere}/b"})]
        with seen.telemetry.cycle():
            call(seen.telemetry, f"{platform.url}/v1/markets", headers={"x-mine": "kept"})
        first, *others = platform.headers
        assert ours(first) >= {"traceparent", "b3", "x-b3-traceid"}
        assert [ours(one) for one in others] == [set(), set()]
        assert [one["x-mine"] for one in platform.headers] == ["kept"] * 3

    def test_a_host_that_may_know_it_is_told_again(self, call, seen, platform):
        """Within one host nothing is lost on the way."""
        platform.says = [(302, {"Location": "/v1/markets/a"})]
        with seen.telemetry.cycle():
            call(seen.telemetry, f"{platform.url}/v1/markets")
        assert [bool(ours(one)) for one in platform.headers] == [True, True]

    def test_the_agents_own_context_is_its_own(self, call, seen, platform):
        """To hosts that are not named, headers of the agent itself go as it wrote them."""
        elsewhere = platform.url.replace("127.0.0.1", "localhost")
        call(seen.telemetry, f"{elsewhere}/v1/markets", headers={"traceparent": "00-mine"})
        assert [one["traceparent"] for one in platform.headers] == ["00-mine"]


class Login(httpx.Auth):
    """Asks another host for a token first."""

    def __init__(self, url):
        self._url = url

    def auth_flow(self, request):
        yield httpx.Request("POST", self._url)
        yield request


def test_a_login_at_another_host_is_told_nothing(seen, platform):
    """The requests of one `send` of httpx are each judged by their own host."""
    elsewhere = platform.url.replace("127.0.0.1", "localhost")
    with seen.telemetry.cycle(), httpx.Client(auth=Login(f"{elsewhere}/token")) as client:
        seen.telemetry.client(client).get(f"{platform.url}/v1/markets")
    assert [bool(ours(one)) for one in platform.headers] == [False, True]


def test_hooks_that_are_replaced_do_not_open_it(seen, platform):
    """An agent that gives its client other hooks is still watched."""
    elsewhere = platform.url.replace("127.0.0.1", "localhost")
    with httpx.Client(follow_redirects=True) as client:
        seen.telemetry.client(client)
        client.event_hooks = {"request": []}
        platform.says = [(302, {"Location": f"{elsewhere}/a"})]
        client.get(f"{platform.url}/v1/markets")
        client.get(f"{platform.url}/v1/markets")
    assert [bool(ours(one)) for one in platform.headers] == [True, False, True]
