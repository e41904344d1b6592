"""The metrics of a program that ends, at a Pushgateway: put while it runs, deleted when it has ended well.

The group is (job, agent_id): a run replaces what the run before left, series and all, so nothing of it stays by accident.
A thread of its own pushes, because a gateway may be slow; what it pushes is a text that the worker made. A push that
fails is counted, told of at most once a minute, and made good by the next one, which says everything again.
"""

from __future__ import annotations

import base64
import http.client
import logging
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.spec import Owner
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.sinks.prometheus import Exposition
from fleawatch.sinks.wire import TEXT

EVERY_S: Final = 15.0
"""Seconds between two pushes."""
_QUIET_S: Final = 60.0
TIMEOUT_S: Final = 2.0
"""Seconds that the gateway may take to connect, and for each part of its answer."""

log: Final = logging.getLogger("fleawatch")


class Gateway(Protocol):
    """Where a group is put and deleted."""

    def put(self, body: bytes) -> None: ...

    def delete(self) -> None: ...


class HttpGateway:
    """One group at one Pushgateway.

    Args:
        address: `http://host:port`, with or without a path before `/metrics`.
        job: name of the job.
        agent_id: whose metrics they are.
        timeout_s: for connecting and for each part of an answer.
        authorization: gives the header `Authorization` for each request, or None.
        tls: how a gateway at `https` is known; by the authorities of the system when None.
    """

    def __init__(
        self,
        address: str,
        job: str,
        agent_id: str,
        timeout_s: float = TIMEOUT_S,
        *,
        authorization: Callable[[], str | None] = lambda: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(address)
        self._authorization = authorization
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "", parts.port
        self._path = f"{parts.path.rstrip('/')}/metrics/{_group('job', job)}/{_group('agent_id', agent_id)}"
        self._timeout_s = timeout_s

    def put(self, body: bytes) -> None:
        """Replace the group.

        Raises:
            OSError: it was not accepted; redirections are not followed.
        """
        self._request("PUT", body)

    def delete(self) -> None:
        """Remove the group.

        Raises:
            OSError: it was not accepted.
        """
        self._request("DELETE", None)

    def _request(self, method: str, body: bytes | None) -> None:
        headers = {"Content-Type": TEXT} if body is not None else {}
        try:
            authorization = self._authorization()
        except OSError as error:
            raise OSError(f"what the Pushgateway demands cannot be read: {error.strerror}") from None
        if authorization:
            headers["Authorization"] = authorization
        connection = self._connection()
        try:
            connection.request(method, self._path, body, headers)
            status = connection.getresponse().status
        except http.client.HTTPException as error:
            raise OSError(f"the Pushgateway answered nothing that is HTTP: {type(error).__name__}") from None
        finally:
            connection.close()
        if not 200 <= status < 300:
            raise OSError(f"the Pushgateway answered {status}")

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)


def _group(name: str, value: str) -> str:
    """A label of the group as a part of the path: as it is where that is possible, else in base64."""
    if value and "/" not in value:
        return f"{name}/{quote(value, safe='')}"
    return f"{name}@base64/{base64.urlsafe_b64encode(value.encode()).decode() or '='}"


class Pushgateway:
    """Pushes what the agent knows, about every fifteen seconds and when it is flushed.

    Args:
        gateway: where to.
        owners: whose metrics are pushed. What a process says of itself is not: it says nothing once the process has ended.
        keep: leave the group when the program ends, for programs that are shorter than the time between two scrapes.

    Attributes:
        dropped: pushes and deletions that failed, or were not answered when the sink was closed.
    """

    name = "pushgateway"

    def __init__(
        self, gateway: Gateway, owners: tuple[Owner, ...] = ("agent", "monitor"), *, keep: bool = False
    ) -> None:
        self.dropped = 0
        self._gateway = gateway
        self._exposition = Exposition(CATALOG, owners=owners, process=dict)
        self._keep = keep
        self._state: FleetState | None = None
        self._at = 0.0
        self._pushed_at = float("-inf")
        self._child = False
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._body: bytes | None = None
        self._sending = False
        self._asked = self._sent = 0
        self._said = -_QUIET_S
        self._thread = threading.Thread(target=self._run, name="fleawatch-pushgateway", daemon=True)
        self._thread.start()

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        self._state = state
        self._at = max(self._at, *(fact.seen_at for fact, *_ in seen if fact is not None), state.at)

    def beat(self, state: FleetState, now: float) -> None:
        self._state, self._at = state, now
        if time.monotonic() - self._pushed_at >= EVERY_S:
            self._ask()

    def flush(self, within_s: float) -> bool:
        if self._child or self._ended.is_set():
            return True
        before = self._sent
        self._ask()
        deadline = time.monotonic() + within_s
        while (self._body is not None or self._sending) and time.monotonic() < deadline:
            time.sleep(0.002)
        return self._state is None or self._sent > before

    def close(self, within_s: float) -> None:
        """Push once more, then delete unless the group is to be kept."""
        if self._child or self._ended.is_set():
            return
        deadline = time.monotonic() + within_s
        self._ask()
        self._ended.set()
        self._wanted.set()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            self.dropped += 1

    def after_fork(self) -> None:
        """The group is the parent's: a child that pushed would replace it, and one that ended would delete it."""
        self._child = True
        self._state = None

    def _ask(self) -> None:
        """Have the newest text pushed; one that still waits is replaced by it."""
        if self._child or self._state is None:
            return
        self._pushed_at = time.monotonic()
        self._asked += 1
        self._body = self._exposition.render(self._state, self._at)
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            ending = self._ended.is_set()
            self._push()
            if ending:
                if not self._keep and self._asked:
                    self._try(self._gateway.delete)
                return

    def _push(self) -> None:
        self._sending = True
        body, self._body = self._body, None
        if body and self._try(lambda: self._gateway.put(body)):
            self._sent += 1
        self._sending = False

    def _try(self, request: Callable[[], None]) -> bool:
        try:
            request()
        except Exception as error:  # noqa: BLE001 - whatever a gateway does, it is counted and the thread goes on
            self.dropped += 1
            self._say(error)
            return False
        return True

    def _say(self, error: Exception) -> None:
        """An error of the system is told as it is; of any other one, which might quote a request, its kind alone."""
        now = time.monotonic()
        if now - self._said >= _QUIET_S:
            self._said = now
            why = str(error) if isinstance(error, OSError) else type(error).__name__
            log.warning("the metrics could not be pushed (%d so far): %s", self.dropped, why)
