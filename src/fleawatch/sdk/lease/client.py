"""Two daemon threads between a gate and its service: one listens for leases, one reports.

The listener asks for a lease and then follows the stream; when the stream is not to be had it asks again and again,
which is polling. The reporter tells every change of the gate at once and the whole standing every fifteen seconds. What
goes wrong here ends in one place only: the lease is not renewed, and the gate closes by itself.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from random import SystemRandom
from typing import Final, Protocol

import msgspec

from fleawatch.sdk.gate.control import Latch
from fleawatch.sdk.lease.document import Lease, Report, read_lease, write_report
from fleawatch.sdk.lease.line import Line, LineError, Token
from fleawatch.sdk.shield import Shield

_spread: Final = SystemRandom().uniform
"""Never the program's own generator: an agent that seeds it must see the same numbers with us and without us."""
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_UNAUTHORIZED_PAUSE_S: Final = 10.0
_STEADY_S: Final = 5.0
"""A stream that lived this long was a good one: the next attempt needs no growing pause."""
_REPORT_EVERY_S: Final = 15.0
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_PROBES_KEPT: Final = 16


class Holder(Protocol):
    """The gate as its line sees it. All calls come from daemon threads."""

    agent_id: str

    def elapsed(self) -> float:
        """The pace clock."""
        ...

    def take_lease(self, lease: Lease, since: float, *, pushed: bool) -> str:
        """Take a lease that was asked for, or pushed, at `since`; what became of it."""
        ...

    def standing(self) -> tuple[Report, Latch]:
        """What to tell the service, and the latch it tells of."""
        ...

    def heard(self, latch: Latch, epoch: int) -> None:
        """The service knows of the latch, as of its epoch."""
        ...

    def line_state(self, problem: str) -> None:
        """Why the service could not be reached, empty when it could."""
        ...


class _Probe(msgspec.Struct):
    nonce: str


class LeaseClient:
    """Keeps a gate's lease alive.

    Args:
        url, token: where the service is and how to speak to it.
        holder: the gate.
        shield: keeps what goes wrong in the gate from ending the line.

    Raises:
        BadConfig: the address is none.
    """

    def __init__(self, url: str, token: Token, holder: Holder, shield: Shield) -> None:
        self._holder = holder
        self._shield = shield
        self._listening, self._reporting = Line(url, token), Line(url, token)
        self._path = f"/api/v1/agents/{holder.agent_id}"
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._probes: deque[str] = deque(maxlen=_PROBES_KEPT)
        self._silence_s = 20.0
        self._threads = [
            threading.Thread(target=self._listen, name=f"fleawatch-lease-{holder.agent_id}", daemon=True),
            threading.Thread(target=self._report, name=f"fleawatch-report-{holder.agent_id}", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def poke(self) -> None:
        """The gate changed: report now."""
        self._wake.set()

    def expire(self) -> None:
        """Cut connections that outlived their deadline."""
        self._listening.expire()
        self._reporting.expire()

    def stop(self) -> None:
        """End both threads, within a second unless a name is being resolved."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            until = time.monotonic() + 1.0
            while thread.is_alive() and time.monotonic() < until and thread is not threading.current_thread():
                self._listening.cut()
                self._reporting.cut()
                thread.join(0.05)

    def _listen(self) -> None:
        failures = 0
        while not self._stop.is_set():
            begun = time.monotonic()
            cap = _LONGEST_PAUSE_S
            try:
                with self._shield.over("lease", LineError):
                    self._fetch(self._listening)
                    self._follow()
            except LineError as error:
                self._holder.line_state(error.reason)
                cap = _UNAUTHORIZED_PAUSE_S if error.reason == "unauthorized" else cap
            failures = 0 if time.monotonic() - begun > _STEADY_S else min(failures + 1, 10)
            self._stop.wait(_pause(failures, min(cap, self._silence_s)))

    def _fetch(self, line: Line) -> None:
        since = self._holder.elapsed()
        self._took(line.ask("GET", f"{self._path}/lease"), since, pushed=False)

    def _follow(self) -> None:
        for name, data in self._listening.follow(f"{self._path}/lease/stream", self._silence_s):
            if self._stop.is_set():
                return
            if name == "lease" and self._took(data, self._holder.elapsed(), pushed=True) == "lapsed":
                # What lay in the socket while this process slept is no permission of now: ask anew.
                return
            if name == "probe":
                self._probed(data)

    def _took(self, body: bytes, since: float, *, pushed: bool) -> str:
        try:
            lease = read_lease(body, self._holder.agent_id)
        except ValueError:
            raise LineError("garbage") from None
        self._silence_s = max(1.0, min(lease.ttl_s, 60.0) * 2 / 3)
        outcome = self._holder.take_lease(lease, since, pushed=pushed)
        self._holder.line_state(outcome if outcome in ("older_epoch", "replayed") and not pushed else "")
        return outcome

    def _probed(self, data: bytes) -> None:
        try:
            nonce = msgspec.json.decode(data, type=_Probe).nonce
        except (msgspec.DecodeError, UnicodeError):
            return
        if _NONCE.match(nonce):
            self._probes.append(nonce)
            self._wake.set()

    def _report(self) -> None:
        failures = 0
        self._wake.wait(_REPORT_EVERY_S)
        while not self._stop.is_set():
            self._wake.clear()
            try:
                while self._probes:
                    self._reporting.ask("POST", f"{self._path}/probe/{self._probes.popleft()}", b"{}")
                with self._shield.over("report", LineError):
                    self._tell()
                failures = 0
            except LineError as error:
                failures = min(failures + 1, 10)
                self._holder.line_state(error.reason)
            if failures:
                self._stop.wait(_pause(failures, _LONGEST_PAUSE_S))
            else:
                self._wake.wait(_REPORT_EVERY_S)

    def _tell(self) -> None:
        report, latch = self._holder.standing()
        since = self._holder.elapsed()
        try:
            body = self._reporting.ask("POST", f"{self._path}/gate", write_report(report))
        except LineError as error:
            if error.reason != "older_epoch":
                raise
            self._fetch(self._reporting)
            raise
        try:
            lease = read_lease(body, self._holder.agent_id)
        except ValueError:
            raise LineError("garbage") from None
        self._holder.heard(latch, lease.epoch)
        self._took(body, since, pushed=False)


def _pause(failures: int, most: float) -> float:
    """Seconds to wait: doubling, and spread out, so that a thousand gates do not return in one moment."""
    doubled: float = _FIRST_PAUSE_S * 2 ** max(0, failures - 1)
    return min(most, doubled) * _spread(0.5, 1.0)
