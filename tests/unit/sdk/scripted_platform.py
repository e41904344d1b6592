"""A server that answers as it is told, one word a request, and keeps what it was asked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Scripted:
    """Answers with the next word of `says`: a status, a status with headers, or `drop` for none; with 200 when all are used.

    Attributes:
        asked: method and path of each request, in order.
        headers: of each request, names in lower case.
    """

    def __init__(self):
        self.says, self.asked, self.headers = [], [], []
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                scripted.asked.append((self.command, self.path))
                scripted.headers.append({name.lower(): value for name, value in self.headers.items()})
                word = scripted.says.pop(0) if scripted.says else 200
                status, headers = word if isinstance(word, tuple) else (word, {})
                self.close_connection = word == "drop"
                if not self.close_connection:
                    self.send_response(status)
                    for name, value in {"Content-Length": "2", **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(b"" if self.command == "HEAD" else b"{}")

            def log_message(self, *_):
                """A test is no place for an access log."""

        for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"):
            setattr(Handler, f"do_{method}", Handler.answer)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
