"""One connection at a time to the service: plain questions with a deadline, and a stream that may not fall silent.

Redirects are refused, because a lease comes from where the operator said and the token goes nowhere else. Proxies of
the environment are not used. A server that lets its bytes drip is cut off: whoever owns the line calls `expire`.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import urlsplit

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.lease.document import LARGEST

Token = Callable[[], str | None]
WITHIN_S: Final = 5.0


class LineError(Exception):
    """No usable answer. `reason` is a bounded word, `status_code` None when no answer came."""

    def __init__(self, reason: str, status_code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status_code = status_code


class Line:
    """Asks one service.

    Args:
        url: `http://` or `https://`, host, optional port and path.
        token: gives the bearer token for each question, None without one.

    Raises:
        BadConfig: the address is none.
    """

    def __init__(self, url: str, token: Token) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.username:
            remedy = "Write it as http://host:port or https://host:port"
            raise BadConfig("the gate's service was refused", (Problem("service", "was no address", remedy),))
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, port
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._socket: socket.socket | None = None
        self._deadline = 0.0

    def ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The body of an answer 200.

        Raises:
            LineError: there was none within five seconds, or it was another one.
        """
        self._deadline = time.monotonic() + WITHIN_S
        with self._answered(method, path, body) as answer:
            found = b""
            while chunk := answer.read1(LARGEST):
                found += chunk
                if len(found) > LARGEST:
                    raise LineError("too_large")
                if time.monotonic() > self._deadline:
                    raise LineError("timeout")
            return found

    def follow(self, path: str, silence_s: float) -> Iterator[tuple[str, bytes]]:
        """Events of a stream as name and data, until it ends or stays silent for `silence_s`.

        Raises:
            LineError: as `ask`.
        """
        self._deadline = time.monotonic() + max(WITHIN_S, silence_s)
        with self._answered("GET", path, None, patience_s=silence_s) as answer:
            name, data = "message", b""
            while line := answer.readline(LARGEST + 1):
                if len(line) + len(data) > LARGEST:
                    raise LineError("too_large")
                line = line.rstrip(b"\r\n")
                if line.startswith(b"event:"):
                    name = line[6:].strip().decode("ascii", "replace")
                elif line.startswith(b"data:"):
                    data += line[5:].lstrip(b" ")
                elif not line and data:
                    self._deadline = time.monotonic() + silence_s
                    yield name, data
                    name, data = "message", b""

    @contextlib.contextmanager
    def _answered(
        self, method: str, path: str, body: bytes | None, *, patience_s: float = WITHIN_S
    ) -> Iterator[http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=WITHIN_S)
        answer = None
        try:
            connection.connect()
            self._socket = connection.sock
            connection.request(method, f"{self._prefix}{path}", body, self._headers(body))
            connection.sock.settimeout(max(WITHIN_S, patience_s))
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise LineError(_reason(answer.status), answer.status)
            yield answer
        except TimeoutError:
            raise LineError("timeout") from None
        except (OSError, ssl.SSLError, http.client.HTTPException, ValueError):
            raise LineError("network") from None
        finally:
            self._socket = None
            if answer is not None:
                answer.close()
            connection.close()

    def _headers(self, body: bytes | None) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream", "User-Agent": "fleawatch-gate"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        token = self._token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def expire(self) -> None:
        """Cut the connection if its deadline has passed. Any thread may call this."""
        if self._socket is not None and time.monotonic() > self._deadline:
            self.cut()

    def cut(self) -> None:
        """Cut the connection, whatever it waits for."""
        cut = self._socket
        if cut is not None:
            with contextlib.suppress(OSError):
                cut.shutdown(socket.SHUT_RDWR)


def _reason(status: int) -> str:
    if status in (401, 403):
        return "unauthorized"
    if status == 404:
        return "unknown_agent"
    if status == 409:
        return "older_epoch"
    if 300 <= status < 400:
        return "redirect"
    return "http_5xx" if status >= 500 else "http_4xx"
