"""Attempts that a client makes beneath one call: those of urllib3's `Retry`, under requests.

A `Retry` keeps its history, and the answer carries it. Where there is no answer, the last step of counting is among the
frames of the error. httpx can only connect anew: nothing was sent, so there is no other attempt.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fleawatch.sdk.client.safety import is_safe
from fleawatch.sdk.telemetry.operation import outcome_of

NO_ANSWER: Final = "network"
_STATUSES: Final = range(100, 600)
_DEEPEST: Final = 500


def of_answer(response: Any) -> tuple[str, ...]:
    """How each attempt before the answer ended, as `ApiCall.status_code` has it; empty without any."""
    hops = getattr(response, "history", None)
    # What followed a redirection went through the client again, and was counted there.
    first = hops[0] if hops else response
    retries = getattr(getattr(first, "raw", None), "retries", None)
    return _told(getattr(retries, "history", ()))


def of_error(error: BaseException) -> tuple[tuple[str, ...], int]:
    """How each attempt before the last one ended, and the status of the last one, where there was one too many; else 0."""
    cause = error.args[0] if error.args and isinstance(error.args[0], BaseException) else error
    found: tuple[tuple[str, ...], int] = ((), 0)
    trace = cause.__traceback__
    for _ in range(_DEEPEST):
        if trace is None:
            break
        if trace.tb_frame.f_code.co_name == "increment":
            known = trace.tb_frame.f_locals
            history = getattr(known.get("self"), "history", None)
            if history is not None:
                found = _told(history), getattr(known.get("response"), "status", 0)
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


def _told(history: Iterable[Any]) -> tuple[str, ...]:
    return tuple(
        code_of(one.error) if one.status is None else f"{one.status:03d}"
        for one in history
        if not one.redirect_location
    )


def code_of(error: BaseException | None) -> str:
    """What there was instead of an answer: `timeout`, `cancelled` or `network`."""
    outcome = outcome_of(error)
    return outcome if outcome in ("timeout", "cancelled") else NO_ANSWER
