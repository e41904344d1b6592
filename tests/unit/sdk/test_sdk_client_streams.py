"""Answers that are read in pieces, partly, or not at all: the span ends once, with its status, and nothing is held on to."""

import asyncio
import gc
import socket
import threading
import weakref
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import httpx
import httpx2
import pytest
import requests

from fleawatch.sdk.client.call import Call
from fleawatch.sdk.telemetry.context import current
from fleawatch.sdk.telemetry.operation import current_operation
from fleawatch.testing import Captured

PIECE = b"x" * 1000
ENDS = ("all", "part", "none", "cut", "stuck")


class Streams:
    """Sends 10 pieces; for `cut` half of them and then nothing more, for `stuck` half of them and then nothing for long."""

    def __init__(self):
        self.go = threading.Event()
        streams = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(10 * len(PIECE)))
                self.end_headers()
                self.wfile.write(5 * PIECE)
                self.wfile.flush()
                self.close_connection = True
                if "stuck" in self.path:
                    streams.go.wait(20)
                elif "cut" not in self.path:
                    self.close_connection = False
                    self.wfile.write(5 * PIECE)

            def log_message(self, *_):
                """A test is no place for an access log."""

        class Server(ThreadingHTTPServer):
            daemon_threads = False

            def handle_error(self, request, client_address):
                """A client that went away is no error."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/trade/history/"

    def close(self):
        self.go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(name="platform")
def _platform():
    """A server."""
    found = Streams()
    yield found
    found.close()


@pytest.fixture(name="seen")
def _seen():
    """A captured telemetry."""
    found = Captured("a-1")
    yield found
    found.end()


def pieces(items, how):
    """Read as much as the test wants."""
    if how == "none":
        return
    for number, _ in enumerate(items):
        if how == "part" and number == 1:
            return


async def pieces_later(items, how):
    """The same of a stream that is waited for."""
    if how == "none":
        return
    number = 0
    async for _ in items:
        number += 1
        if how == "part" and number == 2:
            return


def by_httpx(telemetry, url, how, library=httpx):
    with library.Client(timeout=0.5) as client, telemetry.client(client).stream("GET", url) as answer:
        pieces(answer.iter_bytes(1000), how)


def by_httpx2(telemetry, url, how):
    by_httpx(telemetry, url, how, httpx2)


def by_requests(telemetry, url, how):
    with requests.Session() as session, telemetry.client(session).get(url, stream=True, timeout=0.5) as answer:
        pieces(answer.iter_content(1000), how)


async def later_httpx(telemetry, url, how, library=httpx):
    async with library.AsyncClient(timeout=0.5) as client, telemetry.client(client).stream("GET", url) as answer:
        await pieces_later(answer.aiter_bytes(1000), how)


async def later_httpx2(telemetry, url, how):
    await later_httpx(telemetry, url, how, httpx2)


async def later_aiohttp(telemetry, url, how):
    wait = aiohttp.ClientTimeout(sock_read=0.5)
    async with (
        aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()], timeout=wait) as session,
        session.get(url) as answer,
    ):
        await pieces_later(answer.content.iter_chunked(1000), how)


PLAIN, LATER = (by_httpx, by_httpx2, by_requests), (later_httpx, later_httpx2, later_aiohttp)


def once(seen):
    """The one span of the call, which is a child of the operation around it, with its one fact."""
    (span,) = seen.spans("pf.http.request")
    (fact,) = seen.facts("api_call")
    (cycle,) = seen.spans("pf.decision_cycle")
    assert span["parent_id"] == cycle["span_id"]
    assert span["attributes"].get("http.response.status_code") == 200
    assert (fact["status_code"], span["error_type"]) == ("200", "")


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("call", [*PLAIN, *LATER], ids=lambda one: one.__name__)
def test_a_stream_is_one_span_however_it_is_read(call, how, seen, platform):
    """All of it, part, nothing, until it is cut off or stops: answered is what it was."""

    def run():
        failed = None
        with seen.telemetry.cycle() as cycle:
            try:
                if call in LATER:
                    asyncio.run(call(seen.telemetry, platform.url + how, how))
                else:
                    call(seen.telemetry, platform.url + how, how)
            except Exception as error:  # noqa: BLE001 - each library has its own
                failed = error
            assert current_operation() is cycle
        assert current_operation() is None
        assert not current().is_valid
        assert (failed is not None) == (how in ("cut", "stuck"))

    run()
    platform.go.set()
    once(seen)


@pytest.mark.parametrize("when", ["headers", "body"])
@pytest.mark.parametrize("call", LATER, ids=lambda one: one.__name__)
def test_a_task_that_is_cancelled_ends_its_call_once(call, when, seen, platform):
    """While it waits for the answer the call is cancelled; while it reads it was answered before."""

    async def main():
        url = platform.url + "stuck"
        silent = socket.create_server(("127.0.0.1", 0))
        silent.setblocking(False)
        if when == "headers":
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/trade/history"

        async def work():
            with seen.telemetry.cycle():
                await call(seen.telemetry, url, "all")

        task = asyncio.create_task(work())
        if when == "headers":
            accepted, _ = await asyncio.get_running_loop().sock_accept(silent)
            silent.close()
        else:
            accepted = silent
            while not seen.spans("pf.http.request"):  # noqa: ASYNC110 - the worker that tells of it is no task
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        accepted.close()

    asyncio.run(main())
    platform.go.set()
    (span,) = seen.spans("pf.http.request")
    (fact,) = seen.facts("api_call")
    expected = ("cancelled", "CancelledError") if when == "headers" else ("200", "")
    assert (fact["status_code"], span["error_type"]) == expected


@pytest.mark.parametrize("call", [*PLAIN, *LATER], ids=lambda one: one.__name__)
def test_no_call_outlives_its_answer(call, seen, platform, monkeypatch):
    """After a hundred of them none is held by the client, the session, the context or the telemetry."""
    made = weakref.WeakSet()
    begin = Call.__enter__

    def entered(self):
        made.add(Held(self))
        return begin(self)

    class Held:
        """Stands for a call, which has slots and no weak reference, for as long as it lives."""

        def __init__(self, one):
            self.ended = False
            one.attributes["held"] = self

    monkeypatch.setattr(Call, "__enter__", entered)
    monkeypatch.setattr(Call, "described", lambda _: {})
    for number in range(20):
        how = ("all", "part", "none")[number % 3]
        if call in LATER:
            asyncio.run(call(seen.telemetry, platform.url, how))
        else:
            call(seen.telemetry, platform.url, how)
    assert len(seen.spans("pf.http.request")) == 20
    gc.collect()
    assert len(made) == 0
