"""The door for facts of a service, for tests: takes lines as the real one does, or answers what it is told to."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from fleawatch.errors import LEAVE_OUT


class FactsServer:
    """Listens until the block ends.

    Attributes:
        address: of the service.
        taken: facts by id, as plain JSON; a repeated one counts once.
        requests: how many lines each request had.
        tokens: what each request carried.
        answers: status codes for the next requests; when empty everything is taken.
        refuse: kinds that are refused line by line.
        remedy: what is said to do about them; `LEAVE_OUT` as by a service that reads them itself.
    """

    def __init__(self, port: int = 0) -> None:
        self.taken: dict[str, dict[str, Any]] = {}
        self.requests: list[int] = []
        self.tokens: list[str] = []
        self.answers: list[int] = []
        self.refuse: set[str] = set()
        self.remedy = LEAVE_OUT
        outer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, document = outer.answer(body, self.headers.get("Authorization", ""))
                sent = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: Any) -> None:
                """A test is no place for an access log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = False
        self.port = int(self._server.server_address[1])
        self.address = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def answer(self, body: bytes, authorization: str) -> tuple[int, dict[str, Any]]:
        """Status and document for one request."""
        lines = [json.loads(line) for line in body.split(b"\n") if line]
        self.requests.append(len(lines))
        self.tokens.append(authorization)
        status = self.answers.pop(0) if self.answers else 200
        if status != 200:
            return status, {}
        refused = []
        for number, fact in enumerate(lines, start=1):
            if fact["kind"] in self.refuse:
                problem = {"where": "kind", "what": "was refused", "remedy": self.remedy}
                refused.append({"line": number, "problems": [problem]})
            else:
                self.taken[fact["fact_id"]] = fact
        return 200 if len(refused) < len(lines) else 422, {"taken": [], "refused": refused}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
