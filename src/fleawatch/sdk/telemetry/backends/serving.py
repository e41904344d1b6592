"""Metrics over HTTP from an agent that has no event loop: a server of its own, and a WSGI application."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.bounded import BoundedHandler, BoundedServer
from fleawatch.sdk.telemetry.backends.prometheus import page

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.telemetry import Telemetry

_REASONS: Final = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


def wsgi(telemetry: Telemetry) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
    """A WSGI application."""

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ.get("REQUEST_METHOD", "GET"), environ.get("PATH_INFO") or "/metrics"
        accepted = environ.get("HTTP_ACCEPT", ""), environ.get("HTTP_ACCEPT_ENCODING", "")
        found = page(telemetry, method, path, *accepted)
        start(f"{found.status} {_REASONS[found.status]}", found.headers())
        return [b"" if method == "HEAD" else found.body]

    return app


class MetricsServer:
    """A server of its own in a daemon thread.

    Args:
        telemetry: whose metrics it serves.
        address: `host:port`; port 0 takes a free one, no host is this machine alone.
        shared: several processes have this address: the first one listens, and the next when that has ended.

    Raises:
        BadConfig: the address cannot be listened on.
    """

    def __init__(self, telemetry: Telemetry, address: str, *, shared: bool = False) -> None:
        host, _, port = address.rpartition(":")
        self._telemetry = telemetry
        self._address = (host.strip("[]") or "127.0.0.1", int(port))
        self._shared = shared
        self._server: _Server | None = None
        try:
            self._listen()
        except OSError as error:
            problem = Problem("metrics", f"{address} cannot be listened on: {error.strerror}", "name a free host:port")
            raise BadConfig("the telemetry was refused", (problem,)) from None

    @property
    def port(self) -> int | None:
        """Where it listens; None while another process does."""
        return None if self._server is None else int(self._server.server_address[1])

    def beat(self) -> None:
        """Listen, if the process that did has ended."""
        if self._shared and self._server is None:
            with contextlib.suppress(OSError):
                self._listen()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        server, self._server, self._shared = self._server, None, False
        if server is not None:
            server.end()

    def after_fork(self) -> None:
        """The parent goes on listening: the child lets go of the socket, or it would outlive the parent unanswered."""
        server, self._server = self._server, None
        if server is not None:
            server.socket.close()

    def _listen(self) -> None:
        try:
            server = _Server(*self._address, self._telemetry)
        except OSError as error:
            if self._shared and error.errno == errno.EADDRINUSE:
                return
            raise
        server.begin()
        self._server = server


class _Server(BoundedServer):
    def __init__(self, host: str, port: int, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__(host, port, _Handler, "fleawatch-metrics")


class _Handler(BoundedHandler):
    server: _Server

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        accepted = self.headers.get("Accept", ""), self.headers.get("Accept-Encoding", "")
        found = page(self.server.telemetry, self.command, path, *accepted)
        self.send_response(found.status)
        for header in found.headers():
            self.send_header(*header)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that the library calls
