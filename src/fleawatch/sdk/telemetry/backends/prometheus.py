"""Metrics of an agent for Prometheus: the sink, and three ways to serve it: a server of its own, ASGI, WSGI.

Only reading is possible, and only of the metrics and a sign of life. A scrape that the worker cannot answer in time
gets a 503, and the agent goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fleawatch.errors import BadConfig, Problem
from fleawatch.sinks.negotiation import negotiate
from fleawatch.sinks.scrape import Scrape

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.settings import Settings
    from fleawatch.sdk.telemetry.telemetry import Telemetry

WITHIN_S: Final = 2.0
"""Seconds that a scrape waits for the worker."""
_PLAIN: Final = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """An answer: status, content type, body."""

    status: int
    content_type: str
    body: bytes


def sink(settings: Settings) -> Scrape:
    """The metrics of an agent. With a service, that service exports what it reads itself."""
    return Scrape(("agent",) if settings.service else ("agent", "monitor"))


def page(telemetry: Telemetry, method: str, path: str, accept: str) -> Page:
    """The answer to a request."""
    if method not in ("GET", "HEAD"):
        return Page(405, _PLAIN, b"only GET\n")
    if path == "/-/healthy":
        return Page(200, _PLAIN, b"ok\n")
    if path not in ("/metrics", "/"):
        return Page(404, _PLAIN, b"/metrics\n")
    content_type, openmetrics = negotiate(accept)
    try:
        return Page(200, content_type, telemetry.metrics(openmetrics=openmetrics, within_s=WITHIN_S))
    except TimeoutError:
        return Page(503, _PLAIN, b"busy; try again\n")


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def asgi(telemetry: Telemetry) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI application, to be mounted; the path below the mount decides, and none is the metrics.

    The answer is made within milliseconds by the worker; the event loop waits that long.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["type"] != "http":
            return
        headers = {name.lower(): value for name, value in scope.get("headers", ())}
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", ""))) or "/metrics"
        found = page(telemetry, str(scope.get("method", "GET")), path, headers.get(b"accept", b"").decode("latin-1"))
        sent = [(b"content-type", found.content_type.encode()), (b"content-length", str(len(found.body)).encode())]
        await send({"type": "http.response.start", "status": found.status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope.get("method") == "HEAD" else found.body})

    return app


_REASONS: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


def wsgi(telemetry: Telemetry) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """A WSGI application."""

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ.get("REQUEST_METHOD", "GET"), environ.get("PATH_INFO") or "/metrics"
        found = page(telemetry, method, path, environ.get("HTTP_ACCEPT", ""))
        headers = [("Content-Type", found.content_type), ("Content-Length", str(len(found.body)))]
        start(f"{found.status} {_REASONS[found.status]}", headers)
        return [b"" if method == "HEAD" else found.body]

    return app


class MetricsServer:
    """A server of its own in a daemon thread.

    Args:
        telemetry: whose metrics it serves.
        address: `host:port`; port 0 takes a free one.

    Attributes:
        port: where it listens.

    Raises:
        BadConfig: the address cannot be listened on.
    """

    def __init__(self, telemetry: Telemetry, address: str) -> None:
        host, _, port = address.rpartition(":")
        handler = _handler(telemetry)
        try:
            self._server = ThreadingHTTPServer((host or "127.0.0.1", int(port)), handler)
        except OSError as error:
            problem = Problem("metrics", f"{address} cannot be listened on: {error.strerror}", "name a free host:port")
            raise BadConfig("the telemetry was refused", (problem,)) from None
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="fleawatch-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        self._server.shutdown()
        self._server.server_close()


def _handler(telemetry: Telemetry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0
        server_version, sys_version = "fleawatch", ""

        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            found = page(telemetry, self.command, path, self.headers.get("Accept", ""))
            self.send_response(found.status)
            self.send_header("Content-Type", found.content_type)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
            """A scrape is no news."""

    return Handler
