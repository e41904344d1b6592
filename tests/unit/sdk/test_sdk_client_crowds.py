"""One watched client that many threads or tasks use at once: every call belongs to the operation of whoever made it."""

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Thread

import aiohttp
import httpx
import httpx2
import pytest
import requests

from fleawatch import Retries
from fleawatch.sdk.telemetry.operation import current_operation
from fleawatch.testing import Captured

WORKERS, ROUNDS = 12, 5


@pytest.fixture(name="platform", scope="module")
def _platform():
    """Says which trace context came with which path; refuses the first call of each path that says so, redirects others."""
    came, refused = [], Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            came.append((self.path, self.headers.get("traceparent")))
            refused[self.path] += 1
            again = "busy" in self.path and refused[self.path] == 1
            self.send_response(503 if again else 302 if "moved" in self.path else 200)
            if "moved" in self.path:
                self.send_header("Location", self.path.replace("moved", "here"))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            """A test is no place for an access log."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", came
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(name="seen")
def _seen():
    """A captured telemetry whose context goes to the platform."""
    found = Captured("a-1", propagate_hosts=("127.0.0.1",))
    yield found
    found.end()


WAITS = Retries(times=2, sleep=lambda _: None)
PATHS = ("plain", "busy", "moved")


def in_threads(make, seen, url):
    with make() as client, ThreadPoolExecutor(WORKERS) as pool:
        seen.telemetry.client(client, retries=WAITS)
        follow = {} if isinstance(client, requests.Session) else {"follow_redirects": True}
        together = Barrier(WORKERS)

        def work(worker):
            together.wait(30)
            for number in range(ROUNDS):
                with seen.telemetry.cycle(market=f"M{worker}-USD", cycle_id=f"{worker}-{number}") as cycle:
                    for path in PATHS:
                        client.get(f"{url}/{path}/{worker}-{number}", **follow)
                    assert current_operation() is cycle

        list(pool.map(work, range(WORKERS)))


async def in_tasks(make, seen, url):
    async with make() as client:
        seen.telemetry.client(client, retries=WAITS)

        async def work(worker):
            for number in range(ROUNDS):
                async with seen.telemetry.cycle(cycle_id=f"{worker}-{number}") as cycle:
                    calls = (client.get(f"{url}/{path}/{worker}-{number}", follow_redirects=True) for path in PATHS)
                    await asyncio.gather(*calls)
                    assert current_operation() is cycle

        await asyncio.gather(*map(work, range(WORKERS)))


async def in_sessions(make, seen, url):
    async with make(trace_configs=[seen.telemetry.aiohttp()]) as session:

        async def one(path):
            async with session.get(f"{url}/{path}") as answer:
                await answer.read()

        async def work(worker):
            for number in range(ROUNDS):
                async with seen.telemetry.cycle(cycle_id=f"{worker}-{number}") as cycle:
                    await asyncio.gather(*(one(f"{path}/{worker}-{number}") for path in PATHS))
                    assert current_operation() is cycle

        await asyncio.gather(*map(work, range(WORKERS)))


CROWDS = {
    "threads of httpx": (in_threads, httpx.Client), "threads of httpx2": (in_threads, httpx2.Client),
    "threads of requests": (in_threads, requests.Session), "tasks of httpx": (in_tasks, httpx.AsyncClient),
    "tasks of httpx2": (in_tasks, httpx2.AsyncClient), "tasks of aiohttp": (in_sessions, aiohttp.ClientSession),
}  # fmt: skip


@pytest.mark.parametrize("crowd", CROWDS)
def test_every_call_belongs_to_whoever_made_it(crowd, seen, platform):
    """Also one that is made again or that follows a redirection; the context that arrives is that of its own span."""
    url, came = platform
    came.clear()
    run, make = CROWDS[crowd]
    done = run(make, seen, url)
    if done is not None:
        asyncio.run(done)
    spans = {span["span_id"]: span for span in seen.spans()}
    cycles = {
        one: span["attributes"]["pf.cycle_id"] for one, span in spans.items() if span["name"] == "pf.decision_cycle"
    }
    assert len(cycles) == WORKERS * ROUNDS
    assert {current_operation()} == {None}
    for path, context in came:
        _, trace_id, span_id, _ = context.split("-")
        call = spans[span_id]
        while call["name"] == "pf.http.request":
            assert call["trace_id"] == trace_id
            call = spans[call["parent_id"]]
        assert cycles[call["span_id"]] == path.rpartition("/")[2]
    assert len(came) == len({context for _, context in came}) + came_by_redirection(crowd)
    assert len(seen.facts("api_call")) == len([one for one in spans.values() if one["kind"] == "client"])


def came_by_redirection(crowd):
    """Calls that follow a redirection within the span of the call that was redirected; requests makes another one of them."""
    return 0 if "requests" in crowd else WORKERS * ROUNDS
