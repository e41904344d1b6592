"""Making a call again where that can do nothing twice: what is repeated, after which pause, and until when.

Only reads are. A bet, an order, an escrow or a claim is never sent a second time, whatever became of it. What the agent gets
in the end is the last answer or the last error, as its client gave it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import Any, Final

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.client.call import Call
from fleawatch.sdk.client.safety import is_safe
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.operation import Desk, current_operation

STATUSES: Final = frozenset((429, 502, 503, 504))
"""Answers after which a call is made again: too many calls, or nobody there who could answer."""
_ERRORS: Final = frozenset(
    (
        "TimeoutException", "NetworkError", "RemoteProtocolError",  # httpx, httpx2
        "Timeout", "ConnectionError", "ChunkedEncodingError",  # requests
        "TimeoutError",
    )
)  # fmt: skip
_FINAL: Final = frozenset(("SSLError", "ProxyError", "InvalidProxyURL"))
"""Among those, errors that are the same the next time."""


def _is_number(value: Any, *kinds: type) -> bool:
    return type(value) in kinds and 0 <= value < math.inf


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How a client makes its reads again.

    The pause before the n-th repetition is anything up to `base_s * 2 ** (n - 1)`, at most `most_s`. An answer that says
    `Retry-After`, in seconds or as a date, is waited for so long, and a little more so that not all come at once; where it
    asks for more than `most_s`, the answer goes to the agent at once.

    Attributes:
        times: repetitions of a call, 0 or more.
        base_s: longest first pause, seconds.
        most_s: longest pause, seconds.
        within_s: seconds after its first attempt within which the last attempt begins. How long an attempt takes is the
            time-out of the client.
        sleep: waits so many seconds, or gives what is awaited for that; the client's own way when None.
        draw: a number from 0 to below 1, evenly.

    Raises:
        BadConfig: with every complaint.
    """

    times: int = 3
    base_s: float = 0.25
    most_s: float = 20.0
    within_s: float = 60.0
    sleep: Callable[[float], Any] | None = None
    draw: Callable[[], float] = SystemRandom().random

    def __post_init__(self) -> None:
        problems = []
        if not _is_number(self.times, int):
            problems.append(Problem("times", f"was {self.times!r}", "give a whole number, 0 for no repetition"))
        for name in ("base_s", "most_s", "within_s"):
            value = getattr(self, name)
            if not _is_number(value, int, float):
                problems.append(Problem(name, f"was {value!r}", "give seconds, 0 or more"))
        if problems:
            raise BadConfig("retries were refused", tuple(problems))

    @classmethod
    def of(cls, given: Retries | int) -> Retries:
        """A number is so many repetitions.

        Raises:
            BadConfig: it is no such number.
        """
        return given if isinstance(given, Retries) else cls(times=given)

    def backoff(self, attempts: int) -> float:
        """The pause after so many attempts, seconds."""
        return self.draw() * min(self.most_s, self.base_s * 2.0 ** min(attempts - 1, 64))


NEVER: Final = Retries(times=0)


class Series:
    """The attempts at one call.

    Args:
        retries: how often, and when.
        desk: its clocks.
        shield: keeps in what goes wrong in deciding; the call is not made again then.
        request: of the client.

    Attributes:
        made: attempts so far, also those that a client made beneath.
    """

    __slots__ = ("_began", "_desk", "_repeats", "_retries", "_shield", "made")

    def __init__(self, retries: Retries, desk: Desk, shield: Shield, request: Any) -> None:
        self._retries, self._desk, self._shield = retries, desk, shield
        self._repeats = False
        self.made = 0
        if retries.times:
            with shield.kept("client"):
                # What follows a redirection is repeated with the call that was redirected.
                self._repeats = is_safe(str(request.method)) and _can_be_sent_again(request) and not _is_within_a_call()
        self._began = desk.elapsed_ns() if self._repeats else 0

    def after_error(self, error: Exception) -> float | None:
        """Seconds until the next attempt; None when the error goes to the agent."""
        if not self._repeats:
            return None
        with self._shield.kept("client"):
            names = {base.__name__ for base in type(error).__mro__}
            if names & _ERRORS and not names & _FINAL:
                return self._pause(None)
        return None

    def after_answer(self, response: Any) -> float | None:
        """Seconds until the next attempt; None when the answer goes to the agent."""
        if not self._repeats:
            return None
        with self._shield.kept("client"):
            if response.status_code in STATUSES:
                return self._pause(asked_s(response.headers.get("Retry-After"), self._desk.now_ns() / 1e9))
        return None

    def _pause(self, asked: float | None) -> float | None:
        retries = self._retries
        if self.made > retries.times:
            return None
        if asked is None:
            pause = retries.backoff(self.made)
        elif asked > retries.most_s:
            return None
        else:
            pause = asked + retries.backoff(1)
        passed = (self._desk.elapsed_ns() - self._began) / 1e9
        return pause if passed + pause <= retries.within_s else None


def asked_s(header: str | None, now: float) -> float | None:
    """Seconds to wait as `Retry-After` asks for (RFC 9110, 10.2.3).

    Args:
        header: a number of seconds, or a date.
        now: unix seconds.

    Returns:
        Never negative; None without the header, and for one that is neither.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until if until.tzinfo else until.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError, TypeError):
        return None


def _can_be_sent_again(request: Any) -> bool:
    """Whether its body, which a read seldom has, is at hand: a stream is gone when it was sent once."""
    if hasattr(request, "stream"):  # httpx: what has its content has no stream that ends
        return hasattr(request, "_content")
    return isinstance(getattr(request, "body", None), (bytes, str, type(None)))


def _is_within_a_call() -> bool:
    return isinstance(current_operation(), Call)
