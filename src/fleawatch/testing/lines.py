"""The structured log in memory: what the sink for lines of JSON would have written."""

from __future__ import annotations

import io
from collections.abc import Sequence

from fleawatch.flow.outputs import Notice
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.sinks.factlog import Lines


class HeldLines:
    """Lines in memory."""

    name = "logs"

    def __init__(self) -> None:
        self.dropped = 0
        self._lines = Lines(service="under-test")
        self._stream = io.BytesIO()
        self._notices: list[Notice] = []

    def written(self) -> list[bytes]:
        """The lines so far, each without its end."""
        return self._stream.getvalue().splitlines()

    def tell(self, notices: Sequence[Notice]) -> None:
        self._notices += notices

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        notices, self._notices = self._notices, []
        self._stream.write(b"".join(self._lines.of(seen, notices)))

    def beat(self, state: FleetState, now: float) -> None:
        """Nothing is due by the clock."""

    def flush(self, within_s: float) -> bool:
        del within_s
        return True

    def close(self, within_s: float) -> None:
        """Nothing is open."""

    def after_fork(self) -> None:
        """Nothing is shared."""
