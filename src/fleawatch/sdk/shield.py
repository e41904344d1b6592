"""What goes wrong in our own code must never reach the agent's, and must never pass unseen in a test.

In production an error is dropped, counted under what was being done, and logged at most once a minute. Under pytest it
is raised, so that a mistake is found before it is shipped.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOG: Final = logging.getLogger("fleawatch")
_QUIET_S: Final = 60.0
_LONGEST: Final = 2_000


class Shield:
    """Keeps errors in.

    Attributes:
        dropped: errors kept in, by what was being done.
    """

    __slots__ = ("_logged", "_raises", "dropped")

    def __init__(self, *, raises: bool | None = None) -> None:
        self.dropped: dict[str, int] = {}
        self._logged: dict[str, float] = {}
        self._raises = raises

    @contextmanager
    def over(self, what: str, *expected: type[Exception]) -> Iterator[None]:
        """Keep errors of the block in, but for `expected` ones; `what` is a bounded word for the count and the log."""
        try:
            yield
        except expected:
            raise
        except Exception as error:
            self.note(what, error)
            if self.raises:
                raise

    @contextmanager
    def kept(self, what: str) -> Iterator[None]:
        """Keep every error of the block in, also in a test: where what the agent is given must not depend on us."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - that is what it is for
            self.note(what, error)

    @property
    def raises(self) -> bool:
        """Whether errors are raised: as told, else whether a test of pytest is running."""
        return "PYTEST_CURRENT_TEST" in os.environ if self._raises is None else self._raises

    def note(self, what: str, error: Exception) -> None:
        """Count an error, and log it unless one of its kind was logged within the last minute."""
        self.dropped[what] = self.dropped.get(what, 0) + 1
        now = time.monotonic()
        if now - self._logged.get(what, -_QUIET_S) >= _QUIET_S:
            self._logged[what] = now
            _LOG.warning("%s failed and was dropped (%d so far): %s", what, self.dropped[what], _said(error))


def _said(error: Exception) -> str:
    """An error as text without secrets: what was told may be in it."""
    from fleawatch.scrub import scrub  # noqa: PLC0415 - an agent that does nothing wrong needs no patterns

    try:
        return scrub(repr(error))[:_LONGEST]
    except Exception:  # noqa: BLE001 - what it holds cannot be shown
        return type(error).__name__
