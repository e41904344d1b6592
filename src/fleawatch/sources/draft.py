"""The facts of one reading while it is being put together, and the door that keeps bad numbers out of it.

An answer may be well formed and still say something impossible: a negative stake, "NaN", 1e400. Then the whole
reading is refused as `schema`; half of it would be a lie.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from fleawatch.clock import Clock
from fleawatch.errors import SourceError
from fleawatch.events import Event, SchemaSurprise, check, reading_id
from fleawatch.flow.state import AgentState
from fleawatch.sources.routes import Route

ZERO: Final = Decimal(0)


class Draft:
    """Facts of one reading of one agent, in the order in which they are to be booked.

    Attributes:
        now: when the reading began; facts of the moment carry it.
        known: what the state knows of the agent, None before its first fact.
        booked: whether the facts of the last reading are in it.
    """

    def __init__(
        self, collector: str, agent_id: str, now: float, clock: Clock, known: AgentState | None = None, *, booked: bool
    ) -> None:
        self.now = now
        self.known = known
        self.booked = booked
        self._collector = collector
        self._agent_id = agent_id
        self._clock = clock
        self._facts: dict[str, Event] = {}

    @property
    def facts(self) -> tuple[Event, ...]:
        return tuple(self._facts.values())

    @property
    def seen_at(self) -> float:
        """When a fact that is added now was learned."""
        return max(self.now, self._clock.now())

    def happened(self, at: float) -> float:
        """When something happened, which cannot be after we learned of it: a server's clock may run ahead."""
        return min(max(at, 0.0), self.seen_at)

    def reading_id(self, kind: str, part: str = "") -> str:
        """Id of a reading of this moment; `part` tells apart several of one kind."""
        moment = reading_id(self._collector, kind, self._agent_id, self.now)
        return f"{moment}:{part}" if part else moment

    def add(self, event: Event) -> None:
        """Take a fact in; one that is in already, because a list repeats it, is told once.

        Raises:
            SourceError: `schema`, when a number of it is impossible.
        """
        problems = [str(problem) for problem in check(event)]
        if problems:
            kind = type(event).__struct_config__.tag
            raise SourceError("schema", f"{self._collector} answered with an impossible {kind}: {'; '.join(problems)}")
        self._facts.setdefault(event.fact_id, event)

    def surprise(self, route: Route, fields: Iterable[str]) -> None:
        """The answer of `route` lacked these fields, and the reading went on without them."""
        for field in fields:
            self.add(
                SchemaSurprise(
                    fact_id=self.reading_id("schema_surprise", f"{route.template}:{field}"),
                    agent_id=self._agent_id,
                    at=self.now,
                    seen_at=self.seen_at,
                    source=self._collector,
                    endpoint=route.template,
                    field=field,
                )
            )


class Memo:
    """Whether what an adapter remembers of its last reading was booked: only then may the next one build on it."""

    def __init__(self, collector: str) -> None:
        self._collector = collector
        self._read_at: float | None = None

    def remember(self, now: float) -> None:
        """A reading that began at `now` is complete and about to be booked."""
        self._read_at = now

    def forget(self) -> None:
        """The next reading starts from what is known in the state alone."""
        self._read_at = None

    def holds(self, known: AgentState | None) -> bool:
        """Whether the last reading was complete and the state has seen its end."""
        if self._read_at is None or known is None:
            return False
        status = known.sources.get(self._collector)
        return status is not None and status.read_at is not None and status.read_at >= self._read_at
