"""The in-memory twin of every telemetry sink: keeps what it is given, for tests and for whoever wants to look."""

from __future__ import annotations

from collections.abc import Sequence

from fleawatch.events import Event
from fleawatch.events.span import SpanRecord
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed


class Recorder:
    """Keeps facts and spans in the order in which they came.

    Attributes:
        seen: everything.
        beats: how often the clock was told.
        closed: whether it was closed.
    """

    name = "recorder"

    def __init__(self) -> None:
        self.seen: list[Observed] = []
        self.beats = 0
        self.dropped = 0
        self.closed = False

    @property
    def facts(self) -> list[Event]:
        """The facts alone."""
        return [one.fact for one in self.seen if one.fact is not None]

    @property
    def spans(self) -> list[SpanRecord]:
        """The spans alone, each once."""
        found = {one.span.span_id: one.span for one in self.seen if one.span is not None}
        return list(found.values())

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        self.seen += seen

    def beat(self, state: FleetState, now: float) -> None:
        del state, now
        self.beats += 1

    def flush(self, within_s: float) -> bool:
        del within_s
        return True

    def close(self, within_s: float) -> None:
        del within_s
        self.closed = True

    def after_fork(self) -> None:
        self.seen.clear()
