"""The health page on a port of its own: a daemon thread that answers a few requests at a time and knows no secret."""

from __future__ import annotations

from collections.abc import Callable

from fleawatch.sdk.bounded import BoundedHandler, BoundedServer
from fleawatch.sdk.health.page import Answer

Asked = Callable[[str, str, str], Answer]
"""Method, path and query to an answer."""


class HealthServer(BoundedServer):
    """Listens on one address.

    Raises:
        OSError: the address is taken or may not be used.
    """

    def __init__(self, host: str, port: int, asked: Asked) -> None:
        self.asked = asked
        super().__init__(host, port, _Handler, "fleawatch-health")


class _Handler(BoundedHandler):
    server: HealthServer

    def do_GET(self) -> None:  # noqa: N802 - the name that the library calls
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

    def do_HEAD(self) -> None:  # noqa: N802 - the name that the library calls
        self.do_GET()
