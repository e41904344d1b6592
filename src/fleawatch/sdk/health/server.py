"""The health page on a port of its own: a daemon thread that answers a few requests at a time and knows no secret."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from fleawatch.sdk.health.page import Answer

AT_ONCE: Final = 8
"""Requests that are answered at a time; more are turned away, so that nobody can fill the agent with threads."""
_PATIENCE_S: Final = 5.0
_POLL_S: Final = 0.1

Asked = Callable[[str, str, str], Answer]
"""Method, path and query to an answer."""


class HealthServer(ThreadingHTTPServer):
    """Listens on one address.

    Raises:
        OSError: the address is taken or may not be used.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, asked: Asked) -> None:
        self.asked = asked
        self._places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(_POLL_S,), name="fleawatch-health", daemon=True
        )

    def begin(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def end(self) -> None:
        """Answer no more, and free the address."""
        self.shutdown()
        self.server_close()
        self._thread.join(_PATIENCE_S)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread, while there is a place for one."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell of."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE_S
    server: HealthServer

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        found = self.server.asked(self.command, path, query)
        self.send_response(found.status)
        self.send_header("Content-Type", found.kind)
        self.send_header("Content-Length", str(len(found.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(found.body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def version_string(self) -> str:
        return "fleawatch"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """A supervisor asks every few seconds; that is no news."""
