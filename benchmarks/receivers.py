"""Receivers of telemetry in a process of their own: they take everything and keep nothing.

    python -m benchmarks.receivers

Prints one line of JSON with the ports, and runs until its standard input ends.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"taken": [], "refused": []}' if "facts" in self.path else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def main() -> None:
    """Serve until standard input ends."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))

    def drain() -> None:
        while True:
            udp.recv(1 << 16)

    threading.Thread(target=drain, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({"udp": udp.getsockname()[1], "http": server.server_address[1]}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


@contextmanager
def receiving() -> Iterator[dict[str, int]]:
    """Receivers for the length of a block: ports `udp` (DogStatsD) and `http` (OTLP, facts)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.receivers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or process.stdin is None:
            raise RuntimeError("the receivers have no pipes")
        yield json.loads(process.stdout.readline())
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


if __name__ == "__main__":
    main()
