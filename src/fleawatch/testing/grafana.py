"""Grafana's door for annotations, for tests: takes what the real one takes, or answers what it is told to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

FIELDS: Final = frozenset({"dashboardUID", "panelId", "time", "timeEnd", "tags", "text"})
"""What "Create Annotation" of Grafana's HTTP API takes."""


class GrafanaServer:
    """Listens until the block ends.

    Args:
        token: of the service account.
        path: Grafana is served under.

    Attributes:
        address: of Grafana.
        taken: annotations, in the order in which they came.
        answers: status codes for the next requests; when empty everything that is sound is taken.
        hold: cleared to let requests hang.
    """

    def __init__(self, token: str = "", path: str = "") -> None:
        self.taken: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.hold = threading.Event()
        self.hold.set()
        self._token, self._path = token, path
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10.0

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.hold.wait(10)
                status = outer.answer(self.path, body, self.headers.get("Authorization", ""))
                sent = json.dumps({"message": "Annotation added", "id": len(outer.taken)}).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def do_GET(self) -> None:
                sent = b'{"database": "ok"}'
                self.send_response(200 if self.path == f"{outer._path}/api/health" else 404)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: Any) -> None:
                """A test is no place for an access log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}{path}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def answer(self, path: str, body: bytes, authorization: str) -> int:
        """Status for one request."""
        if self.answers:
            return self.answers.pop(0)
        if path != f"{self._path}/api/annotations":
            return 404
        if self._token and authorization != f"Bearer {self._token}":
            return 401
        document = json.loads(body)
        sound = isinstance(document.get("text"), str) and document["text"] and isinstance(document.get("time"), int)
        if not sound or document.keys() - FIELDS or not all(isinstance(tag, str) for tag in document["tags"]):
            return 400
        self.taken.append(document)
        return 200

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
