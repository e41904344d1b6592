"""Which calls change nothing, and which of the others may have been done although nobody knows.

The platform takes no idempotency keys: a bet, an order or an escrow that is sent twice is done twice.
"""

from __future__ import annotations

from typing import Any, Final

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods that ask and change nothing (RFC 9110, 9.2.1), and whose answer says the same the second time."""
GATEWAY: Final = frozenset((502, 504))
"""Answers of somebody between, who had none from the platform."""
ELSEWHERE: Final = frozenset((301, 302, 303))
"""Answers that say where to read on: what was asked may have been done (RFC 9110, 15.4)."""

_NOT_SENT: Final = frozenset(
    (
        "ConnectError", "ConnectTimeout", "PoolTimeout",  # httpx, httpx2; requests calls its own ConnectTimeout too
        "ClientConnectorError", "ConnectionTimeoutError",  # aiohttp
        "NewConnectionError", "ConnectTimeoutError",  # urllib3
    )
)  # fmt: skip


def is_safe(method: str) -> bool:
    """Whether a call of this method may be made again without doing anything twice."""
    return method.upper() in SAFE


def may_be_done(status: int, error: BaseException | None) -> bool:
    """Whether a call that changes something may have been done, and nobody knows.

    Args:
        status: of its answer, 0 without one.
        error: what ended it, None without.
    """
    if status:
        return status in GATEWAY or status in ELSEWHERE
    return error is not None and not was_not_sent(error)


def was_not_sent(error: BaseException) -> bool:
    """Whether there was no connection over which the call could have been sent.

    Only the error itself is looked at, and what a client says was its reason: its context may be that of another call.
    """
    reason: Any = getattr(error.args[0], "reason", None) if error.args else None
    return any(base.__name__ in _NOT_SENT for one in (error, reason) for base in type(one).__mro__)
