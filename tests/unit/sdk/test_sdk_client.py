"""The user's own client, watched: spans and counted calls by route, with nothing of it changed."""

import asyncio
import contextvars
import itertools
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import httpx2
import pytest
import requests

from fleawatch.catalog.labels import ENDPOINT
from fleawatch.sdk.client.endpoint import endpoint_of, shown
from fleawatch.testing import Captured

KEY = "sk_live_0123456789abcdef"
numbers = itertools.count(1)


@pytest.fixture(scope="module")
def platform():
    """A server that answers by its path, and keeps the headers it saw."""
    seen, released = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append({**self.headers, ":path": self.path})
            if "slow" in self.path:
                released.wait(10)
            self.send_response(500 if "history" in self.path else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            """A test is no place for an access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=[(), ("127.0.0.1",)], ids=["private", "trusted"])
def seen(request):
    """A captured telemetry, which sends its context nowhere or to the platform of the test."""
    found = Captured("a-1", "", 1, propagate_hosts=request.param)
    yield found
    found.telemetry.shutdown()


HEADERS = {"Authorization": KEY}


def by_httpx(telemetry, url, within_s=5.0):
    with httpx.Client(timeout=within_s) as client:
        return telemetry.client(client).get(url, headers=HEADERS).status_code


def by_httpx2(telemetry, url, within_s=5.0):
    with httpx2.Client(timeout=within_s) as client:
        return telemetry.client(client).get(url, headers=HEADERS).status_code


async def later_httpx(telemetry, url, within_s=5.0):
    async with httpx.AsyncClient(timeout=within_s) as client:
        return (await telemetry.client(client).get(url, headers=HEADERS)).status_code


async def later_httpx2(telemetry, url, within_s=5.0):
    async with httpx2.AsyncClient(timeout=within_s) as client:
        return (await telemetry.client(client).get(url, headers=HEADERS)).status_code


def by_requests(telemetry, url, within_s=5.0):
    with requests.Session() as session:
        return telemetry.client(session).get(url, headers=HEADERS, timeout=within_s).status_code


async def later_aiohttp(telemetry, url, within_s=5.0):
    async with (
        aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session,
        session.get(url, headers=HEADERS, timeout=aiohttp.ClientTimeout(within_s)) as response,
    ):
        return response.status


def waited(call):
    """A call with coroutines as a plain one."""

    def done(*args):
        return asyncio.run(call(*args))

    done.__name__ = call.__name__
    return done


LATER = (later_httpx, later_httpx2, later_aiohttp)
every = pytest.mark.parametrize(
    "call", [by_httpx, by_httpx2, by_requests, *map(waited, LATER)], ids=lambda one: one.__name__
)


@every
def test_a_call_is_a_span_and_a_fact_of_its_route(call, seen, platform):
    """Named by the template; neither id, query nor key is anywhere."""
    url, headers = platform
    with seen.telemetry.cycle() as cycle:
        assert call(seen.telemetry, f"{url}/escrow/esc_secret_1?token=hidden") == 200
    (fact,) = seen.facts("api_call")
    assert (fact["endpoint"], fact["method"], fact["status_code"]) == ("escrow/get", "GET", "200")
    (span,) = seen.spans("pf.http.request")
    assert (span["kind"], span["parent_id"]) == ("client", f"{cycle.place.span_id:016x}")
    assert (span["attributes"]["url.full"], span["attributes"]["http.response.status_code"]) == (
        f"{url}/escrow/get",
        200,
    )
    text = str(seen.spans()) + str(seen.facts())
    assert not [secret for secret in ("esc_secret", "hidden", KEY) if secret in text]
    trusted = bool(seen.telemetry.settings.propagate_hosts)
    sent = {name.lower(): value for name, value in headers[-1].items()}
    assert sent.get("traceparent") == (f"00-{span['trace_id']}-{span['span_id']}-01" if trusted else None)


@every
def test_an_error_of_the_platform_is_an_error_of_the_span_and_no_exception(call, seen, platform):
    """The agent gets its answer as ever."""
    assert call(seen.telemetry, f"{platform[0]}/api/v1/bets/history") == 500
    (fact,) = seen.facts("api_call")
    (span,) = seen.spans("pf.http.request")
    assert (fact["endpoint"], fact["status_code"], span["error_type"]) == ("bets/history", "500", "500")


@every
def test_no_answer_is_counted_and_raised_as_it_was(call, seen):
    """Nothing listens there: the client's own exception arrives, and the call counts as one without an answer."""
    with pytest.raises(
        (httpx.ConnectError, httpx2.ConnectError, requests.ConnectionError, aiohttp.ClientConnectorError)
    ):
        call(seen.telemetry, "http://127.0.0.1:9/v1/trade/open")
    (fact,) = seen.facts("api_call")
    assert (fact["endpoint"], fact["status_code"]) == ("trade/open", "network")


@every
def test_a_time_out_is_counted_as_one_and_raised_as_it_was(call, seen, platform):
    """Whether the platform did it is not known: the call is not made again."""
    path = f"/v1/trade/positions?slow={next(numbers)}"
    with pytest.raises((httpx.TimeoutException, httpx2.TimeoutException, requests.Timeout, TimeoutError)):
        call(seen.telemetry, f"{platform[0]}{path}", 0.2)
    (fact,) = seen.facts("api_call")
    assert (fact["endpoint"], fact["status_code"]) == ("trade/positions", "timeout")
    (span,) = seen.spans("pf.http.request")
    assert span["error_type"]
    assert [one[":path"] for one in platform[1]].count(path) <= 1


@pytest.mark.parametrize("call", LATER)
def test_a_cancelled_call_is_counted_as_one(call, seen, platform):
    """The cancellation goes on."""

    async def work():
        task = asyncio.create_task(call(seen.telemetry, f"{platform[0]}/v1/trade/positions?slow"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    (fact,) = seen.facts("api_call")
    assert fact["status_code"] == "cancelled"


def test_watching_twice_counts_once(seen, platform):
    """And the client that comes back is the one that was given."""
    with httpx.Client() as client:
        assert seen.telemetry.client(seen.telemetry.client(client)) is client
        client.get(f"{platform[0]}/health")
    assert len(seen.facts("api_call")) == 1


def test_of_two_telemetries_the_last_one_has_the_client(seen, platform):
    """The first may have ended: what is called from then on would be told to nobody."""
    later = Captured("a-2", "", 2)
    with httpx.Client() as client:
        seen.telemetry.client(client).get(f"{platform[0]}/health")
        seen.telemetry.shutdown()
        later.telemetry.client(client).get(f"{platform[0]}/health")
    assert [fact["agent_id"] for one in (seen, later) for fact in one.facts("api_call")] == ["a-1", "a-2"]
    later.telemetry.shutdown()


@pytest.mark.parametrize("name", ["API.example.com", "[::1]"])
def test_a_host_that_may_know_the_trace_is_named_as_people_write_it(name):
    """In capitals, or an IPv6 address in brackets: it is the host that addresses have in lower case and without."""
    seen = Captured("a-1", "", 1, propagate_hosts=(name,))
    sent = []
    with httpx.Client(transport=httpx.MockTransport(lambda asked: sent.append(asked) or httpx.Response(200))) as client:
        seen.telemetry.client(client).get(f"http://{name}/v1/markets")
    seen.telemetry.shutdown()
    assert "traceparent" in sent[0].headers


def test_what_goes_wrong_in_watching_is_kept_in(seen, platform, monkeypatch):
    """The call is made and answered; the mistake is counted."""
    monkeypatch.setattr("fleawatch.sdk.client.watch.Call", lambda *_, **__: 1 / 0)
    with httpx.Client() as client:
        assert seen.telemetry.client(client).get(f"{platform[0]}/health").status_code == 200
    assert seen.telemetry.dropped == {"client": 1}


@pytest.mark.parametrize("broken", ["__enter__", "__exit__", "propagate", "answered"])
def test_whatever_breaks_in_watching_the_call_and_its_error_are_the_clients(seen, platform, monkeypatch, broken):
    """Beginning, ending, headers, answer: none of it reaches the agent, nor what its exception came from."""

    def breaks(*_):
        raise RuntimeError("broken")

    def called():
        with httpx.Client() as client:
            seen.telemetry.client(client)
            assert client.get(f"{platform[0]}/health").status_code == 200
            with pytest.raises(httpx.ConnectError) as caught:
                client.get("http://127.0.0.1:9/health")
        return "".join(traceback.format_exception(caught.value))

    monkeypatch.setattr(f"fleawatch.sdk.client.call.Call.{broken}", breaks)
    # In a context of its own: an exit that is patched away leaves its span the current one.
    text = contextvars.copy_context().run(called)
    assert "RuntimeError" not in text
    assert seen.telemetry.dropped["client"] >= 1


def test_what_is_no_client_is_refused():
    """With a message that says what to do for aiohttp."""
    seen = Captured("a-1", "", 1)
    with pytest.raises(TypeError, match="is no client"):
        seen.telemetry.client(object())

    async def work():
        async with aiohttp.ClientSession() as session:
            seen.telemetry.client(session)

    with pytest.raises(TypeError, match="trace_configs"):
        asyncio.run(work())
    seen.telemetry.shutdown()


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/api/v1/auth/balance", "auth/balance"), ("/api/v1/games/coin_flip", "games/play"), ("/v1/trade/open", "trade/open"),
        ("/escrow/release/esc_1", "escrow/release"), ("/escrow/esc_1/release", "escrow/release"), ("/escrow/esc_1", "escrow/get"),
        ("/v1/wallet/usdc-balance", "wallet/balance"), ("/v1/wallet/balance/0xabc", "wallet/balance"), ("/v1/swap", "wallet/swap"),
        ("/faucet/claim", "faucet/claim"), ("/v1/trade/limit-orders/lo_1", "trade/limit"), ("/../../etc/passwd", "other"),
        ("/", "other"), ("/a/b/c/d", "other"),
    ],
)  # fmt: skip
def test_routes_have_their_templates(path, endpoint):
    """Ids never become labels; what is unknown is `other`."""
    assert endpoint_of(f"https://x.example{path}?q=1") == endpoint
    assert endpoint in {*ENDPOINT.values, "other"}


def test_an_address_is_shown_without_credentials():
    """Neither user, password, path nor query."""
    assert shown("https://me:pass@x.example:8443/v1/secret?a=b", "other") == ("https://x.example:8443/", "x.example")
    assert shown("http://[::1]:8080/v1/markets", "markets/price") == ("http://[::1]:8080/markets/price", "::1")


def test_the_context_goes_in_the_form_that_the_environment_names(platform, monkeypatch):
    """B3, without its package; and no baggage that was not named."""
    monkeypatch.setenv("OTEL_PROPAGATORS", "b3")
    url, headers = platform[0], platform[1]
    found = Captured("a-1", "", 1, propagate_hosts=("127.0.0.1",))
    assert by_httpx(found.telemetry, f"{url}/escrow/esc_1") == 200
    found.telemetry.shutdown()
    (span,) = found.spans("pf.http.request")
    sent = {name.lower(): value for name, value in headers[-1].items()}
    assert sent["b3"] == f"{span['trace_id']}-{span['span_id']}-1"
    assert not sent.keys() & {"traceparent", "baggage"}
