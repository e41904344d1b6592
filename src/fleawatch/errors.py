"""Every error Fleawatch raises on purpose, in one tree.

    FleawatchError
    ├── BadEvent          a fact was malformed; carries every problem found
    ├── BadConfig         a configuration was refused; carries every problem found
    ├── SourceError       a reading failed; carries the reason and what it means for the poller
    ├── DeliveryError     a notification was not accepted; carries whether and when to try again
    ├── StoreError        the store could not commit or read
    ├── CatalogError      the catalog contradicts itself
    └── TradingHalted     the gate refused an order; carries the reason, the state and the epoch

An error says what was wrong ("was", never "got"), where, and what to do about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


class FleawatchError(Exception):
    """Root of every error raised on purpose."""


LEAVE_OUT: Final = "leave it out"
"""Remedy of a fact that is known already: whoever told it has lost nothing, and is to tell no more of its kind."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document.

    Attributes:
        where: dotted path to the field, `""` for the whole document.
        what: what was found and why it is refused.
        remedy: what to write instead.
    """

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}. {self.remedy}" if self.remedy else f"{place}{self.what}."


class _ProblemsError(FleawatchError):
    """An error that lists everything wrong at once, so that nobody mends a file one line at a time."""

    def __init__(self, title: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(title, problems)
        self.title = title
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join([self.title, *(f"  - {problem}" for problem in self.problems)])


class BadEvent(_ProblemsError):
    """A fact was refused at the door; `problems` holds every complaint about it."""


class BadConfig(_ProblemsError):
    """A configuration was refused; `problems` holds every complaint about it."""


class SourceError(FleawatchError):
    """A reading failed.

    Attributes:
        reason: bounded word for metrics and states (`timeout`, `network`, `rate_limited`, `unauthorized`,
            `http_5xx`, `http_4xx`, `invalid_body`, `schema`, `upstream`).
        status_code: HTTP status, or None when no answer came.
        retry_after: seconds to wait before the next try as the server asked, or None.
    """

    def __init__(
        self, reason: str, message: str, *, status_code: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.status_code = status_code
        self.retry_after = retry_after


class DeliveryError(FleawatchError):
    """A notification was not accepted. The message holds no address and no secret.

    Attributes:
        reason: bounded word for facts (`timeout`, `network`, `rate_limited`, `unauthorized`, a vendor's own name ...).
        retry_after: seconds to wait before the next try, 0 when the channel did not say; None when trying again is useless.
        status_code: the channel's status code, or None when no answer came.
    """

    def __init__(self, reason: str, message: str, *, retry_after: float | None, status_code: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after
        self.status_code = status_code


class StoreError(FleawatchError):
    """The store could not commit or read; the message names the file or server and the remedy."""


class CatalogError(FleawatchError):
    """The catalog contradicts itself; raised while it is assembled, never while the service runs."""


class TradingHalted(FleawatchError):
    """The gate refused an order.

    Attributes:
        reason: bounded word, one of `fleawatch.sdk.gate.answer.Reason`.
        state: state of the gate (`active` where only this one order was too much, else `reducing` or `halted`).
        epoch: epoch in which it was refused.
    """

    def __init__(self, reason: str, state: str, epoch: int) -> None:
        super().__init__(f"the gate is {state} and refused the order: {reason}")
        self.reason = reason
        self.state = state
        self.epoch = epoch
