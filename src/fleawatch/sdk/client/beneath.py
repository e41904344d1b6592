"""Attempts that a client makes beneath one call: those of urllib3's `Retry`, under requests.

A `Retry` keeps its history, and the answer carries it. Where there is no answer, the last step of counting is among the
frames of the error. httpx can only connect anew: nothing was sent, so there is no other attempt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from fleawatch.sdk.client.safety import is_safe, may_be_done
from fleawatch.sdk.telemetry.operation import outcome_of

NO_ANSWER: Final = "network"
_STATUSES: Final = range(100, 600)
_DEEPEST: Final = 500


class Earlier(NamedTuple):
    """Attempts before the last one.

    Attributes:
        codes: how each ended, as `ApiCall.status_code` has it; empty without any.
        may_be_done: whether one of them may have been done, and nobody knows.
        last: status of the last attempt, where that was one too many; else 0.
    """

    codes: tuple[str, ...] = ()
    may_be_done: bool = False
    last: int = 0


def of_answer(response: Any) -> Earlier:
    """The attempts before the answer."""
    hops = getattr(response, "history", None)
    # What followed a redirection went through the client again, and was counted there.
    first = hops[0] if hops else response
    retries = getattr(getattr(first, "raw", None), "retries", None)
    return _told(getattr(retries, "history", ()))


def of_error(error: BaseException) -> Earlier:
    """The attempts before the last one, whose error this is."""
    cause = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    found = Earlier()
    trace = cause.__traceback__
    for _ in range(_DEEPEST):
        if trace is None:
            break
        if trace.tb_frame.f_code.co_name == "increment":
            known = trace.tb_frame.f_locals
            history = getattr(known.get("self"), "history", None)
            if history is not None:
                found = _told(history, getattr(known.get("response"), "status", 0))
        trace = trace.tb_next
    return found


def answered_before(error: BaseException, method: str, url: str) -> int:
    """The status of a call that was answered all the same; 0 without.

    Clients can be told to raise for the status of an answer: by a hook of httpx and requests, by an option of aiohttp. The error
    has the answer with it. That of another request, such as one that followed a redirection, says nothing of a call that
    changes something.
    """
    held = getattr(error, "response", None)
    answer = error if held is None else held
    status = getattr(answer, "status_code", getattr(answer, "status", None))
    asked = getattr(answer, "request_info", None) or getattr(answer, "request", None)
    if type(status) is not int or status not in _STATUSES or asked is None:
        return 0
    same = str(asked.method).upper() == method.upper() and str(asked.url) == url
    return status if same or is_safe(method) else 0


def _told(history: Iterable[Any], last: int = 0) -> Earlier:
    attempts = [one for one in history if not one.redirect_location]
    return Earlier(
        tuple(code_of(one.error) if one.status is None else f"{one.status:03d}" for one in attempts),
        any(may_be_done(one.status or 0, one.error) for one in attempts),
        last,
    )


def code_of(error: BaseException | None) -> str:
    """What there was instead of an answer: `timeout`, `cancelled` or `network`."""
    outcome = outcome_of(error)
    return outcome if outcome in ("timeout", "cancelled") else NO_ANSWER
