"""What an agent tells in one word: income, funding, a switch, a position, a price, a sign of life. No span, one fact each."""

from __future__ import annotations

from fleawatch.sdk.telemetry.context import Place, current
from fleawatch.sdk.telemetry.draft import Draft


class Told:
    """Facts without an operation of their own. `place` is the span that was current, where one was."""

    __slots__ = ("_drafts", "place")

    def __init__(self, *drafts: Draft) -> None:
        self._drafts = drafts
        self.place: Place | None = None
        span = current()
        if span.is_valid:
            self.place = Place(span.trace_id, span.span_id, 0, span.trace_flags.sampled, "")

    def drafts(self) -> tuple[Draft, ...]:
        """The facts; called once, by the worker."""
        return self._drafts
