"""The one way a service says no: the HTTP status and error body that the platform would send.

Simulated agents catch it and carry on; the HTTP layer turns it into the answer. Both see the same refusal.
"""

from __future__ import annotations

from typing import Any

from fleawatch.errors import FleawatchError


class RefusedError(FleawatchError):
    """A request was refused.

    Attributes:
        status: HTTP status of the answer.
        body: the error body without `_info`; `error` is always there, `message` only where the platform sends one.
    """

    def __init__(self, status: int, error: str, message: str | None = None, **extra: Any) -> None:
        super().__init__(f"{status} {error}")
        self.status = status
        self.body: dict[str, Any] = {"error": error}
        if message is not None:
            self.body["message"] = message
        self.body.update(extra)

    @property
    def error(self) -> str:
        """The error code, for callers that decide by it."""
        return str(self.body["error"])
