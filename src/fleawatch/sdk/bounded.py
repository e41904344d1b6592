"""A small server in a daemon thread: answers a few requests at a time, so that nobody can fill the agent with threads."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

AT_ONCE: Final = 8
"""Requests that are answered at a time; more are turned away."""
PATIENCE_S: Final = 5.0
"""Seconds that a client may take for the next part of its request."""
_POLL_S: Final = 0.1


class BoundedServer(ThreadingHTTPServer):
    """Listens on one address.

    Raises:
        OSError: the address is taken or may not be used.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler], name: str) -> None:
        self._places = threading.BoundedSemaphore(AT_ONCE)
        super().__init__((host, port), handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_S,), name=name, daemon=True)

    def begin(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def end(self) -> None:
        """Answer no more, and free the address."""
        self.shutdown()
        self.server_close()
        self._thread.join(PATIENCE_S)

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


class BoundedHandler(BaseHTTPRequestHandler):
    """Says nothing of the interpreter, and logs nothing: being asked every few seconds is no news."""

    timeout = PATIENCE_S

    def version_string(self) -> str:
        return "fleawatch"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Nothing."""
