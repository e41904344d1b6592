"""Facts to the Fleawatch service: kept in the spool until it has them, sent in batches by a thread of its own.

At least once: a batch that may have arrived is sent again, and its facts have the ids that they had. What the service
refuses for good is counted and let go; everything else waits, longer each time, for as long as there is room.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from random import uniform
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from fleawatch.events import encode
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.sdk.telemetry.spool import Spool

MOST: Final = 1_000
"""Facts of one request."""
LARGEST: Final = 900_000
"""Bytes of one request: below what the service takes."""
EVERY_S: Final = 1.0
WITHIN_S: Final = 10.0
LONGEST_PAUSE_S: Final = 30.0
_LEFT_OUT: Final = frozenset({"agent_declared"})
"""Kinds that a service does not take from an agent."""
_FINAL: Final = frozenset({400, 404, 405, 413, 415, 422})
"""Answers that the same request will get again."""

log: Final = logging.getLogger("fleawatch")


class Answer(NamedTuple):
    """What the service said: its status (0 without an answer), how long to wait, how many facts it refused."""

    status: int
    retry_after: float | None = None
    refused: int = 0
    why: str = ""


class _Refused(msgspec.Struct):
    line: int = 0
    problems: list[dict[str, str]] = []


class _Document(msgspec.Struct):
    refused: list[_Refused] = []


class Ship:
    """Sends an agent's facts to one service.

    Args:
        url: address of the service.
        token: gives the agent's token for each request.
        spool: where facts wait.

    Attributes:
        refused: facts that the service did not take, since the start.
    """

    name = "service"

    def __init__(self, url: str, token: Callable[[], str | None], spool: Spool) -> None:
        parts = urlsplit(url)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._path = f"{parts.path.rstrip('/')}/api/v1/facts"
        self._token = token
        self._spool = spool
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self.refused = self._lost = 0
        self._failures = 0
        self._said = 0.0
        self._begin()

    @property
    def dropped(self) -> int:
        """Facts that had no room, could not be kept, or were refused."""
        return self._spool.dropped + self._lost + self.refused

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        lines = [encode(fact) for fact, _ in seen if fact is not None and fact.__struct_config__.tag not in _LEFT_OUT]
        try:
            with self._lock:
                self._spool.append(lines)
        except OSError:
            self._lost += len(lines)
            raise

    def beat(self, state: FleetState, now: float) -> None:
        """The thread has a clock of its own."""

    def flush(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and self._thread.is_alive():
            with self._lock:
                if not len(self._spool):
                    return True
            self._wanted.set()
            time.sleep(0.005)
        with self._lock:
            return not len(self._spool)

    def close(self, within_s: float) -> None:
        if self._ended.is_set():
            return
        self.flush(within_s)
        self._ended.set()
        self._wanted.set()
        self._thread.join(1.0)
        self._drop()
        with self._lock:
            self._spool.close()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        self._drop()
        self._spool.after_fork()
        self._begin()

    def _begin(self) -> None:
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleawatch-facts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            pause = self._send_all()
            if pause:
                self._ended.wait(pause)
            else:
                self._wanted.wait(EVERY_S)
                self._wanted.clear()

    def _send_all(self) -> float:
        """Send what waits; seconds to wait when that failed, 0 when nothing is left."""
        while not self._ended.is_set():
            with self._lock:
                batch = self._spool.batch(MOST, LARGEST)
            if not batch:
                return 0.0
            answer = self._post(b"\n".join(batch))
            if not self._settled(answer, len(batch)):
                self._failures = min(self._failures + 1, 10)
                longest = min(LONGEST_PAUSE_S, 0.25 * 2.0**self._failures)
                wait = longest if answer.retry_after is None else min(answer.retry_after, 300.0)
                return wait * uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
            self._failures = 0
        return 0.0

    def _settled(self, answer: Answer, count: int) -> bool:
        """Whether the service is done with a batch: it took it, or will never."""
        if answer.status == 200:
            refused = answer.refused
        elif answer.status in _FINAL:
            refused = count
        else:
            self._say(f"facts wait for the service: {answer.status or 'no answer'} {answer.why}")
            return False
        if refused:
            self.refused += refused
            self._say(f"the service refused {refused} facts: {answer.why}")
        with self._lock:
            self._spool.done(count)
        return True

    def _say(self, text: str) -> None:
        now = time.monotonic()
        if not self._said or now - self._said >= 60.0:
            self._said = now
            log.warning("%s", text)

    def _post(self, body: bytes) -> Answer:
        headers = {"Content-Type": "application/x-ndjson"}
        try:
            token = self._token()
        except OSError as error:
            return Answer(0, why=f"the token cannot be read: {error.strerror}")
        if token:
            headers["Authorization"] = f"Bearer {token}"
        for fresh in (False, True):
            reused = self._connection is not None
            try:
                connection = self._connection = self._connection or self._opened()
                connection.request("POST", self._path, body, headers)
                response = connection.getresponse()
                return _answer(response.status, response.getheader("Retry-After"), response.read(1 << 20))
            except (OSError, http.client.HTTPException) as error:
                self._drop()
                # A connection that was kept may have been closed meanwhile: one that is fresh says more.
                if fresh or not reused or isinstance(error, TimeoutError):
                    return Answer(0, why=type(error).__name__)
        return Answer(0)

    def _opened(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=WITHIN_S, context=context)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=WITHIN_S)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _answer(status: int, retry_after: str | None, body: bytes) -> Answer:
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    refused, why = 0, ""
    if status in (200, 422):
        try:
            document = msgspec.json.decode(body, type=_Document)
        except (msgspec.DecodeError, UnicodeError):
            return Answer(status, wait)
        refused = len(document.refused)
        if document.refused and document.refused[0].problems:
            problem = document.refused[0].problems[0]
            why = f"{problem.get('where', '')} {problem.get('what', '')}"[:200]
    return Answer(status, wait, refused, why)
