"""A small service that grants leases on loopback, and misbehaves when a test says so.

It speaks the protocol of the real service as the gate knows it, keeps what it was told, and can be deaf, slow, rude or
wrong. It shares no code with the gate's own line.

with LeaseServer("a-1") as server:
    gate = Gate("a-1", service=server.url, state_file="memory:")
    server.halt("h-1")
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal, Self

Mood = Literal[
    "well", "deaf", "slow", "drops", "garbage", "old_epoch", "replay", "redirect", "huge", "unauthorized", "broken",
    "no_stream", "other_agent", "drip",
]  # fmt: skip
"""How it behaves: `deaf` takes connections and says nothing, `drops` ends a stream after its first event, `replay` sends
the first lease it ever sent, `drip` sends an endless line in single bytes; the others do what they are called."""


class LeaseServer:
    """Grants leases to one agent.

    Attributes:
        mood: how it behaves now; streams that are open change with it.
        lease: fields of the next lease, `issued_at` and `expires_at` excepted; change them by `change`.
        reports: bodies of POST /gate, oldest first; `probed` the nonces that were answered.
        asked: method and path of every request; `authorized` the Authorization headers seen.
        conflict: answer 409 to a report of an older epoch, as the real service does.
    """

    def __init__(self, agent_id: str, *, ttl_s: float = 60.0, epoch: int = 1) -> None:
        self.mood: Mood = "well"
        self.agent_id = agent_id
        self.lease: dict[str, Any] = {
            "agent_id": agent_id, "epoch": epoch, "state": "active", "ttl_s": ttl_s, "limits": {},
            "baselines": {"peak_nav": None, "nav": None, "day_start_equity": None, "equity": None, "spendable": None},
            "halt": None, "payments_frozen": False, "ramp": None,
        }  # fmt: skip
        self.reports: list[dict[str, Any]] = []
        self.probed: list[str] = []
        self.asked: list[str] = []
        self.authorized: set[str] = set()
        self.conflict = True
        self._probes: list[str] = []
        self._first: dict[str, Any] | None = None
        self._issued = 0.0
        self._changed = threading.Condition()
        self._version = 0
        self._stopping = False
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self.change()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def change(self, mood: Mood | None = None, **fields: Any) -> None:
        """Change fields of the lease, or the mood, and push at once."""
        with self._changed:
            self.lease.update(fields)
            self.mood = mood or self.mood
            self._version += 1
            self._changed.notify_all()

    def halt(self, halt_id: str, mode: str = "halt") -> None:
        """Order a halt: a new epoch."""
        state = "reducing" if mode == "reduce" else "active" if mode == "freeze_payments" else "halted"
        halt = {"halt_id": halt_id, "mode": mode, "reason": "manual", "ordered_at": time.time()}
        self.change(epoch=self.lease["epoch"] + 1, state=state, halt=halt)

    def resume(self, **fields: Any) -> None:
        """Resume: a new epoch."""
        self.change(epoch=self.lease["epoch"] + 1, state="active", halt=None, **fields)

    def probe(self, nonce: str) -> None:
        """Send a probe down every stream."""
        self._probes.append(nonce)
        self.change()

    def document(self) -> dict[str, Any]:
        """The next lease; `issued_at` always rises."""
        with self._changed:
            self._issued = max(time.time(), self._issued + 1e-3)
            lease = {**self.lease, "issued_at": self._issued, "expires_at": self._issued + self.lease["ttl_s"]}
            self._first = self._first or lease
            if self.mood == "replay":
                return self._first
            if self.mood == "old_epoch":
                return {**lease, "epoch": lease["epoch"] - 1, "state": "active", "halt": None}
            if self.mood == "other_agent":
                return {**lease, "agent_id": "somebody-else"}
            return lease

    def wait(self, seen: int, timeout: float) -> int:
        """Wait for a change since version `seen`; the newest version."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != seen or self._stopping, timeout)
            return self._version

    @property
    def stopping(self) -> bool:
        """Whether the server ends."""
        return self._stopping

    @property
    def version(self) -> int:
        """Counts changes."""
        return self._version

    @property
    def probes(self) -> tuple[str, ...]:
        """Nonces sent so far."""
        return tuple(self._probes)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], leases: LeaseServer) -> None:
        self.leases = leases
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A gate that went away is no error of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""

    def do_GET(self) -> None:
        leases = self.server.leases
        leases.asked.append(f"GET {self.path}")
        if self._out_of_sorts():
            return
        if self.path.endswith("/stream"):
            if leases.mood == "no_stream":
                self._send(404, b"{}")
            else:
                with suppress(OSError):
                    self._stream()
        else:
            self._send(200, json.dumps(leases.document()).encode())

    def do_POST(self) -> None:
        leases = self.server.leases
        leases.asked.append(f"POST {self.path}")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._out_of_sorts():
            return
        if "/probe/" in self.path:
            leases.probed.append(self.path.rsplit("/", 1)[1])
            self._send(200, b"{}")
            return
        report = json.loads(body)
        if leases.conflict and report["epoch"] < leases.lease["epoch"]:
            self._send(409, b"{}")
            return
        leases.reports.append(report)
        self._send(200, json.dumps(leases.document()).encode())

    def _out_of_sorts(self) -> bool:
        """Answer as the mood says, if it has something to say about it."""
        leases = self.server.leases
        leases.authorized.add(self.headers.get("Authorization", ""))
        mood = leases.mood
        if mood in ("deaf", "slow"):
            until = time.monotonic() + (3.0 if mood == "slow" else 3_600.0)
            while leases.mood == mood and time.monotonic() < until and not leases.stopping:
                time.sleep(0.02)
            return leases.mood == "deaf" or leases.stopping
        rude = {"redirect": 307, "unauthorized": 401, "broken": 503}.get(mood)
        if rude is not None:
            self._send(rude, b"{}", location="http://127.0.0.1:9/" if mood == "redirect" else None)
        elif mood == "garbage":
            self._send(200, b'{"agent_id": "\xff')
        elif mood == "huge":
            self._send(200, b" " * (1 << 22))
        elif mood == "drip":
            with suppress(OSError):
                self._drip()
        else:
            return False
        return True

    def _send(self, status: int, body: bytes, location: str | None = None) -> None:
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if location is not None:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

    def _stream(self) -> None:
        leases = self.server.leases
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        sent = len(leases.probes)
        while not leases.stopping:
            seen = leases.version
            if leases.mood in ("redirect", "unauthorized", "broken", "no_stream"):
                break
            if leases.mood == "garbage":
                self._chunk(b"event: lease\ndata: {nonsense\n\n")
            elif leases.mood == "huge":
                self._chunk(b"data: " + b" " * (1 << 20))
            elif leases.mood not in ("deaf", "slow", "drip"):
                self._chunk(b"event: lease\ndata: " + json.dumps(leases.document()).encode() + b"\n\n")
            for nonce in leases.probes[sent:]:
                self._chunk(b"event: probe\ndata: " + json.dumps({"nonce": nonce}).encode() + b"\n\n")
            sent = len(leases.probes)
            if leases.mood == "drops":
                break
            leases.wait(seen, leases.lease["ttl_s"] / 3)
        self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while self.server.leases.mood == "drip" and not self.server.leases.stopping:
            self.wfile.write(b" ")
            time.sleep(0.05)
        self.close_connection = True
