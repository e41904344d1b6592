"""Facts to the Fleawatch service: kept in the spool until it has them, sent in batches by a thread of its own.

At least once: a batch that may have arrived is sent again, and its facts have the ids that they had. A fact that the
service refuses is counted and let go, and one of a kind that it reads itself is withheld for a while, which loses nothing;
everything else waits, longer each time, for as long as there is room: an address or a token can be put right.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from http import HTTPStatus
from random import SystemRandom
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from fleawatch.errors import LEAVE_OUT, BadEvent
from fleawatch.events import Event, FaucetClaimed, decode, encode
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.sdk.telemetry.spool import Spool

_spread: Final = SystemRandom().uniform
"""Never the program's own generator: an agent that seeds it must see the same numbers with us and without us."""
MOST: Final = 1_000
"""Facts of one request."""
LARGEST: Final = 900_000
"""Bytes of one request: below what the service takes."""
EVERY_S: Final = 1.0
WITHIN_S: Final = 30.0
"""How long an answer may take: it is given when the facts are recorded, and a thousand agents may come at once."""
LONGEST_PAUSE_S: Final = 30.0
_LEFT_OUT: Final = frozenset({"agent_declared"})
"""Kinds that a service does not take from an agent."""
_BAD: Final = 400
_TOO_LARGE: Final = 413
_FINAL: Final = frozenset({_BAD, _TOO_LARGE, 422})
"""Answers of the service that the same facts will get again, all of them or one among them."""
ADOPT_S: Final = 10.0
"""How often it is looked for segments whose process has died."""
LEFT_OUT_S: Final = 600.0
"""How long a kind that the service does not take is not sent: who reads what may be changed."""
_READINGS: Final = frozenset(
    {
        "agent_error", "api_call", "balance_read", "capital_reported", "decision_cycle", "heartbeat", "limits_in_force",
        "market_tick", "order_book_snapshot", "position_marked", "signal_computed", "slow_span", "span_errors",
    }
)  # fmt: skip
"""Kinds that tell of a moment and not of money that moved: the first to go when there is no room."""
_KIND: Final = re.compile(rb'\{"kind":"([a-z_]+)"')

log: Final = logging.getLogger("fleawatch")

_LAST_S: Final = 0.25
"""Seconds for the request that is on its way when it is closed."""


class Answer(NamedTuple):
    """What the service said.

    Attributes:
        status: of its answer, 0 without one.
        retry_after: seconds to wait, where it says so.
        refused: numbers of the lines that it did not take, from 1, and why: `read` is a kind that it reads itself, `kind`
            one that it takes from nobody; empty for what is wrong with the fact.
        why: the first thing that was wrong.
        ours: whether it is the service that says so. What a proxy in between refuses is not refused for good.
    """

    status: int
    retry_after: float | None = None
    refused: tuple[tuple[int, Literal["read", "kind", ""]], ...] = ()
    why: str = ""
    ours: bool = False


class _Refused(msgspec.Struct):
    line: int = 0
    problems: list[dict[str, str]] = []


class _Document(msgspec.Struct):
    taken: list[str] | None = None
    refused: list[_Refused] = []
    problems: list[dict[str, str]] | None = None


class Ship:
    """Sends an agent's facts to one service.

    Args:
        url: address of the service.
        token: gives the agent's token for each request.
        spool: where facts wait.

    Attributes:
        refused: facts that the service did not take and does not have, since the start.
        withheld: facts that it was not to have from here, because it reads them itself.
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
        self.refused = self.withheld = self._failures = 0
        self._most = MOST
        self._unwanted: dict[Hashable, tuple[float, str]] = {}
        self._said: dict[str, float] = {}
        self._begin()

    @property
    def dropped(self) -> int:
        """Facts that had no room or were refused, and those that waited in memory when it was closed."""
        return self._spool.dropped + self.refused

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        lines = [encode(fact) for fact, *_ in seen if fact is not None and self._wants(fact)]
        with self._lock:
            self._spool.append(lines)
            error = self._spool.error
        if error:
            self._say("disk", f"facts wait in memory, for the spool takes none: {error}")

    def _wants(self, fact: Event) -> bool:
        if fact.__struct_config__.tag in _LEFT_OUT:
            return False
        if self._unwanted:
            until, why = self._unwanted.get(_sort_of(fact), (0.0, ""))
            if time.monotonic() < until:
                self._count((why,))
                return False
        return True

    def _count(self, reasons: Sequence[str]) -> None:
        read = sum(why == "read" for why in reasons)
        self.withheld += read
        self.refused += len(reasons) - read

    def beat(self, state: FleetState, now: float) -> None:
        """The thread has a clock of its own."""

    def flush(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        self._wanted.set()  # also when it waits before another attempt: whoever flushes may be about to end
        while time.monotonic() < deadline and self._thread.is_alive():
            with self._lock:
                if not len(self._spool):
                    return True
            if not self._failures:
                self._wanted.set()
            time.sleep(0.005)
        with self._lock:
            return not len(self._spool)

    def close(self, within_s: float) -> None:
        if self._ended.is_set():
            return
        deadline = time.monotonic() + within_s
        self.flush(within_s)
        self._ended.set()
        self._wanted.set()
        self._thread.join(max(_LAST_S, deadline - time.monotonic()))
        self._drop()
        with self._lock:
            self._spool.close()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        # The socket is the parent's too: it is closed here without a word to the service.
        self._drop()
        self._spool.after_fork()
        self.refused = self.withheld = self._failures = 0
        self._begin()

    def _begin(self) -> None:
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleawatch-facts", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        adopted = time.monotonic()
        while not self._ended.is_set():
            pause = EVERY_S
            try:
                pause = self._send_all() or EVERY_S
                if time.monotonic() - adopted >= ADOPT_S and not self._ended.is_set():
                    adopted = time.monotonic()
                    with self._lock:
                        self._spool.adopt()
            except Exception as error:  # noqa: BLE001 - the thread must live: what waits is tried again
                self._say("failed", f"facts could not be sent: {error!r}")
            self._wanted.wait(pause)
            self._wanted.clear()

    def _send_all(self) -> float:
        """Send what waits; seconds to wait when that failed, 0 when nothing is left."""
        while not self._ended.is_set():
            with self._lock:
                batch = self._spool.batch(self._most, LARGEST)
            if not batch:
                return 0.0
            answer = self._post(b"\n".join(batch))
            if len(batch) > 1 and (answer.status == _TOO_LARGE or (answer.status == _BAD and answer.ours)):
                self._most = len(batch) // 2  # one of them is at fault, or they are too many
                continue
            if not self._settled(answer, batch):
                self._failures = min(self._failures + 1, 10)
                longest = min(LONGEST_PAUSE_S, 0.25 * 2.0**self._failures)
                if answer.retry_after is not None:
                    return min(answer.retry_after, 300.0) * _spread(1.0, 1.5)
                return longest * _spread(0.5, 1.0)
            self._failures, self._most = 0, min(self._most * 2, MOST)
        return 0.0

    def _settled(self, answer: Answer, batch: Sequence[bytes]) -> bool:
        """Whether the service is done with a batch: it took it, or will never."""
        if answer.status != HTTPStatus.OK and not (answer.status in _FINAL and answer.ours):
            self._say("wait", f"facts wait for the service: {answer.status or 'no answer'} {answer.why}")
            return False
        lines = answer.refused
        if answer.status != HTTPStatus.OK and not lines:
            lines = tuple((number, "") for number in range(1, len(batch) + 1))
        self._count([why for _, why in lines])
        if lines and all(why == "read" for _, why in lines):
            self._say("withheld", f"the service reads {len(lines)} facts itself, and such are withheld: {answer.why}")
        elif lines:
            self._say("refused", f"the service refused {len(lines)} facts: {answer.why}")
        until = time.monotonic() + LEFT_OUT_S
        for number, why in lines:
            if why and 0 < number <= len(batch):
                with contextlib.suppress(BadEvent):  # of a version of this library that is not ours
                    self._unwanted[_sort_of(decode(batch[number - 1]))] = (until, why)
        with self._lock:
            self._spool.done()  # last: whoever waits for an empty spool then finds all of this done
        return True

    def _say(self, what: str, text: str) -> None:
        now = time.monotonic()
        if now - self._said.get(what, -60.0) >= 60.0:
            self._said[what] = now
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


def precious(line: bytes) -> bool:
    """Whether a fact tells of money that moved, or of something that is told once."""
    found = _KIND.match(line)
    return found is None or found[1].decode() not in _READINGS


def _sort_of(fact: Event) -> Hashable:
    """What decides whether a service takes it: its kind, the platform's service where it names one, and how a claim ended."""
    return fact.__struct_config__.tag, fact.status if isinstance(fact, FaucetClaimed) else getattr(fact, "service", "")


def _why(problems: Sequence[Mapping[str, str]]) -> Literal["read", "kind", ""]:
    kinds = [problem.get("remedy") for problem in problems if problem.get("where") == "kind"]
    return "" if not kinds else "read" if LEAVE_OUT in kinds else "kind"


def _answer(status: int, retry_after: str | None, body: bytes) -> Answer:
    wait = float(retry_after) if retry_after and retry_after.isdigit() else None
    if status != HTTPStatus.OK and status not in _FINAL:
        return Answer(status, wait)
    try:
        document = msgspec.json.decode(body, type=_Document)
    except (msgspec.DecodeError, UnicodeError):
        document = _Document()
    if document.taken is None and (status == HTTPStatus.OK or document.problems is None):
        # Whoever says so is not the service: a page that answers everything keeps nothing, and refuses nothing.
        return Answer(0 if status == HTTPStatus.OK else status, wait, why="the answer is not the service's")
    refused = tuple((one.line, _why(one.problems)) for one in document.refused)
    problems = document.problems or (document.refused[0].problems if document.refused else [])
    why = f"{problems[0].get('where', '')} {problems[0].get('what', '')}"[:200] if problems else ""
    return Answer(status, wait, refused, why, ours=True)
