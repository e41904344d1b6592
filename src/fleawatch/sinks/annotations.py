"""Marks on Grafana's charts: what facts brought to light that the catalog has drawn, such as a large loss or a settled escrow.

The same notices that make lines of the log; no second opinion about what is large. They wait in a bounded queue for one
daemon thread, each request ends after three seconds, and what became of each is counted. Grafana knows no key by which it
could tell a repeated mark, so only what cannot have arrived is sent again.

Source of the request: Grafana's HTTP API, "Create Annotation" (`POST /api/annotations`).
"""

from __future__ import annotations

import html
import http.client
import logging
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from fleawatch.catalog.fleet import CATALOG
from fleawatch.flow.outputs import AlertChange, AnyOutput, Notice
from fleawatch.flow.state import FleetState
from fleawatch.flow.tally import Labels
from fleawatch.ports import Counts, Observed
from fleawatch.scrub import scrub

QUEUE: Final = 1_000
WITHIN_S: Final = 3.0
"""Seconds that one request may take."""
TRIES: Final = 3
LONGEST_TEXT: Final = 512
_PAUSE_S: Final = 0.5
_MOST_KEYS: Final = 2_000
_CREATED: Final = range(200, 300)
_LATER: Final = frozenset({429, 502, 503, 504})
"""Answers of somebody who has made no mark."""
_QUIET_S: Final = 60.0
_DRAWN: Final = frozenset(name for name, event in CATALOG.log_events.items() if event.annotation)

Kind = Literal["halts", "alerts", "strategies", "regimes", "deployments", "money"]
KINDS: Final[Mapping[Kind, frozenset[str]]] = {
    "halts": frozenset({"trading_halted", "trading_resumed"}),
    "alerts": frozenset({"alert_fired", "alert_resolved"}),
    "strategies": frozenset({"strategy_switch"}),
    "regimes": frozenset({"regime_changed"}),
    "deployments": frozenset({"deployment"}),
    "money": frozenset(
        {"faucet_claim", "referral_income", "large_win", "large_loss", "wallet_top_up", "escrow_settled"}
    ),
}
"""Marks by what they are about: the events of each kind, as their tags name them."""
_SHIFTS: Final = frozenset({"mean_shift", "variance_shift"})
"""Detectors that find another regime and no single return."""

log: Final = logging.getLogger("fleawatch")


class _Mark(NamedTuple):
    event: str
    text: str
    tags: tuple[str, ...] = ()


def _mark(output: AnyOutput) -> _Mark | None:
    """What an output looks like on a chart; None for what is never drawn."""
    if isinstance(output, Notice):
        shift = output.event == "anomaly_detected" and output.fields.get("detector") in _SHIFTS
        return _Mark("regime_changed" if shift else output.event, output.message)
    if isinstance(output, AlertChange) and output.change != "severity_changed" and output.severity != "none":
        tags = (f"alertname:{output.alert}", f"severity:{output.severity}")
        return _Mark(f"alert_{output.change}", output.summary, tags)
    return None


class Annotations:
    """Draws on one Grafana. A telemetry sink, and a sink of a service's outputs.

    Args:
        url: address of Grafana, with the path it is served under.
        token: gives the token of a service account for each request.
        dashboard: uid of the only dashboard that shows the marks; empty for every one that asks for the tag `pf`.
        size: marks that may wait.
        kinds: what is drawn; None for what the catalog has drawn of an agent's own notices.
        tags: further tags of each mark.

    Attributes:
        sent: marks that Grafana took.
        failed: those that it refused, or that did not arrive.
        lost: those that had no room to wait.
    """

    name = "annotations"
    _sending: bool

    def __init__(
        self,
        url: str,
        token: Callable[[], str | None],
        *,
        dashboard: str = "",
        size: int = QUEUE,
        kinds: Collection[Kind] | None = None,
        tags: Sequence[str] = (),
    ) -> None:
        parts = urlsplit(url)
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname or "", parts.port
        self._path = f"{parts.path.rstrip('/')}/api/annotations"
        self._token = token
        self._dashboard = dashboard
        self._size = size
        self._drawn = _DRAWN if kinds is None else frozenset(event for kind in kinds for event in KINDS[kind])
        self._tags = tuple(tags)
        self._keys: dict[str, None] = {}
        self.sent = self.failed = self.lost = 0
        self._said = -_QUIET_S
        self._begin()

    @property
    def dropped(self) -> int:
        """Marks that are not on any chart."""
        return self.failed + self.lost

    def counts(self) -> Counts:
        series: dict[Labels, float] = {("ok",): self.sent, ("failed",): self.failed, ("dropped",): self.lost}
        return {"pf_annotations_total": series}

    # What it is given.

    def tell(self, notices: Sequence[Notice]) -> None:
        for notice in notices:
            self.emit(notice)

    def emit(self, output: AnyOutput) -> None:
        """Draw what is asked for; nothing else, and nothing twice."""
        mark = _mark(output)
        if mark is None or mark.event not in self._drawn or output.key in self._keys:
            return
        self._keys[output.key] = None
        if len(self._keys) > _MOST_KEYS:
            del self._keys[next(iter(self._keys))]
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(self._body(output, mark))
        self._start()
        self._wanted.set()

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        """Facts by themselves are not drawn."""

    def beat(self, state: FleetState, now: float) -> None:
        """The thread has a clock of its own."""

    def flush(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while self._unsent() and time.monotonic() < deadline:
            self._wanted.set()
            time.sleep(0.005)
        return not self._unsent()

    def close(self, within_s: float = WITHIN_S) -> None:
        if self._ended.is_set():
            return
        self.flush(within_s)
        self._ended.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(0.2)
        self.lost += len(self._waiting) + self._sending
        self._waiting.clear()
        self._sending = False

    def after_fork(self) -> None:
        self._begin()

    # The thread.

    def _begin(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._sending = False

    def _start(self) -> None:
        """A thread is begun by the first mark: most agents draw none for hours."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fleawatch-annotations", daemon=True)
            self._thread.start()

    def _unsent(self) -> bool:
        return bool(self._waiting) or self._sending

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wanted.wait()
            self._wanted.clear()
            while self._waiting and not self._ended.is_set():
                self._sending = True
                try:
                    why = self._draw(self._waiting.popleft())
                except Exception as error:  # noqa: BLE001 - whatever it is, the mark is lost and the thread goes on
                    why = type(error).__name__
                if why:
                    self.failed += self._sending  # not when closing has counted it
                    self._say(why)
                self._sending = False

    def _draw(self, body: bytes) -> str:
        """Why it could not be drawn; empty when it was."""
        why = ""
        for number in range(TRIES):
            if number and self._ended.wait(_PAUSE_S * 2**number):
                break
            status, why = self._post(body)
            if status in _CREATED:
                self.sent += 1
                return ""
            if status not in _LATER:
                break
        return why

    def _post(self, body: bytes) -> tuple[int, str]:
        """Status and what to say of it. 503 stands for a connection that could not be made: nothing has arrived."""
        try:
            token = self._token()
        except OSError as error:
            return 0, f"the token cannot be read: {error.strerror}"
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection = self._connection()
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            return 503, type(error).__name__
        try:
            connection.request("POST", self._path, body, headers)
            response = connection.getresponse()
            response.read(1 << 16)
        except (OSError, http.client.HTTPException) as error:
            return 0, type(error).__name__
        finally:
            connection.close()
        return response.status, f"answered {response.status}"

    def _connection(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=WITHIN_S, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=WITHIN_S)

    def _body(self, output: AnyOutput, mark: _Mark) -> bytes:
        agent = (f"agent_id:{scrub(output.agent_id)}",) if output.agent_id else ()
        document: dict[str, Any] = {
            "time": round(output.at * 1000),
            "tags": ["pf", *agent, f"event:{mark.event}", *mark.tags, *self._tags],
            # Grafana shows the text as HTML.
            "text": html.escape(scrub(mark.text)[:LONGEST_TEXT], quote=False),
        }
        if self._dashboard:
            document["dashboardUID"] = self._dashboard
        return msgspec.json.encode(document)

    def _say(self, why: str) -> None:
        now = time.monotonic()
        if now - self._said >= _QUIET_S:
            self._said = now
            log.warning("a mark for Grafana was lost (%d so far): %s", self.dropped, why)
