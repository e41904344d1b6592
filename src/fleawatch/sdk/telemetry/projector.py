"""The worker's half: operations become facts and spans, the belt folds the facts, every sink is given both.

A fact is made once and goes to every backend as it is, so their numbers agree. A fact that is no sound one is counted
and logged with every complaint; its span goes on.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from fleawatch.catalog.spans import ATTRIBUTES
from fleawatch.errors import BadEvent
from fleawatch.events import AgentDeclared, Event, Tick
from fleawatch.events.amend import AGENT
from fleawatch.events.span import Attributes, AttributeValue, SpanEvent, SpanLink, SpanRecord
from fleawatch.flow.fold import fold
from fleawatch.flow.outputs import Notice
from fleawatch.flow.project import project
from fleawatch.flow.state import FleetState
from fleawatch.flow.step import empty_fleet
from fleawatch.ports import Counting, Noticing, Observed, TelemetrySink
from fleawatch.scrub import Addresses, scrub, without_addresses
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.draft import Drafter
from fleawatch.sdk.telemetry.operation import Operation
from fleawatch.sdk.telemetry.told import Told

_TYPES: Final = {attribute.name: attribute.type for attribute in ATTRIBUTES}
_HASHED: Final = frozenset(attribute.name for attribute in ATTRIBUTES if attribute.privacy == "hashed")
LONGEST_TEXT: Final = 512
"""Characters of an attribute's text."""
_KNOWN_ERRORS: Final = 40


class Projector:
    """Owns the agent's own state, and gives every sink what was seen.

    Attributes:
        state: what the agent's own reports add up to; changed by the worker's thread only.
        sinks: in the order in which they are given things.
        refused: facts that were none, since the start.
    """

    def __init__(  # noqa: PLR0913 - what is known of the agent, and its collaborators
        self,
        agent_id: str,
        strategy: str,
        sinks: Sequence[TelemetrySink],
        drafter: Drafter,
        shield: Shield,
        now: Callable[[], float],
        *,
        environment: str = "",
        version: str = "",
        private: frozenset[str] = frozenset(),
        addresses: Addresses = "keep",
    ) -> None:
        self.state: FleetState = empty_fleet()
        self.sinks = list(sinks)
        self.refused = 0
        self._agent_id = agent_id
        self._drafter = drafter
        self._shield = shield
        self._now = now
        self._private = private
        self._addresses: Addresses = addresses
        self._errors: set[str] = set()
        at = now()
        declared = AgentDeclared(
            fact_id=f"{AGENT}:agent_declared:{agent_id}:{at:.3f}", agent_id=agent_id, at=at, seen_at=at, source=AGENT,
            strategy=strategy, environment=environment, version=version,
        )  # fmt: skip
        self.state = fold(self.state, declared)

    def work(self, items: Sequence[Operation | Told]) -> None:
        """Take finished operations and what was told, in order."""
        seen: list[Observed] = []
        for item in items:
            seen += self._seen(item)
        if not seen:
            return
        notices: list[Notice] = []
        for one in seen:
            if one.fact is not None:
                self.state = fold(self.state, one.fact)
                notices += project(self.state, one.fact)
        for sink in self.sinks:
            with self._shield.over(f"sink_{sink.name}"):
                if notices and isinstance(sink, Noticing):
                    sink.tell(notices)
                sink.take(seen, self.state)

    def beat(self) -> None:
        """Let time pass: once a second."""
        at = self._now()
        self.state = fold(
            self.state, Tick(fact_id=f"{AGENT}:tick::{at:.3f}", agent_id="", at=at, seen_at=at, source=AGENT)
        )
        for sink in self.sinks:
            with self._shield.over(f"sink_{sink.name}"):
                sink.beat(self.state, at)
                self._count(sink)

    def flush(self, within_s: float) -> bool:
        """Have every sink send what it holds; whether all did within the time."""
        deadline, sent = time.monotonic() + within_s, True
        for sink in self.sinks:
            with self._shield.over(f"sink_{sink.name}"):
                sent = sink.flush(max(0.05, deadline - time.monotonic())) and sent
                self._count(sink)
        return sent

    def close(self, within_s: float) -> None:
        """Close every sink, one after the other within the time."""
        deadline = time.monotonic() + within_s
        for sink in self.sinks:
            with self._shield.over(f"sink_{sink.name}"):
                sink.close(max(0.05, deadline - time.monotonic()))

    def after_fork(self) -> None:
        """This is the child of a fork: its facts have ids of their own."""
        self._drafter.renew()
        for sink in self.sinks:
            with self._shield.over(f"sink_{sink.name}"):
                sink.after_fork()

    def _count(self, sink: TelemetrySink) -> None:
        """What a sink says of its own work is exported like everything else."""
        if isinstance(sink, Counting):
            for metric, series in sink.counts().items():
                for labels, total in series.items():
                    self.state.tallies.reach(metric, labels, total)

    def _seen(self, item: Operation | Told) -> list[Observed]:
        span = self._span(item) if isinstance(item, Operation) else None
        facts: list[Event] = []
        for draft in item.drafts():
            try:
                facts.append(self._drafter.fact(draft))
            except (BadEvent, TypeError, ValueError) as error:
                self.refused += 1
                self._shield.note("fact", error)
                if self._shield.raises:
                    raise
        if not facts:
            return [] if span is None else [Observed(None, span)]
        return [Observed(fact, span) for fact in facts]

    def _span(self, item: Operation) -> SpanRecord | None:
        place = item.place
        if place is None:
            return None
        attributes: Attributes = {"pf.agent_id": self._agent_id}
        described = item.described()
        failure = str(described.pop("error.type", None) or "")
        if item.error is not None:
            failure = failure or self._error_type(item.error)
        self._describe(attributes, described)
        if failure:
            attributes["error.type"] = failure
        links: tuple[SpanLink, ...] = item.links
        return SpanRecord(
            name=item.span_name,
            kind=item.span_kind,
            trace_id=place.trace_id,
            span_id=place.span_id,
            parent_id=place.parent_id,
            sampled=place.sampled,
            trace_state=place.trace_state,
            start_ns=item.started_ns,
            end_ns=max(item.ended_ns, item.started_ns),
            attributes=attributes,
            events=tuple(
                SpanEvent(name=name, at_ns=at, attributes=self._describe({}, more)) for name, at, more in item.moments
            ),
            links=links,
            error_type=failure,
            error_message="" if item.error is None else self._text(item.error),
        )

    def _describe(self, into: Attributes, given: dict[str, Any]) -> Attributes:
        """Put what is known into attributes, of the catalog's types; text is scrubbed and cut."""
        for name, value in given.items():
            if value is None or value == "" or name in self._private:
                continue
            into[name] = _hashed(value) if name in _HASHED else self._typed(_TYPES.get(name, ""), value)
        return into

    def _typed(self, kind: str, value: Any) -> AttributeValue:
        if kind == "double":
            return float(value)
        if kind == "int":
            return int(value)
        return value if isinstance(value, (bool, int, float)) else self._text(value)

    def _text(self, value: Any) -> str:
        return without_addresses(scrub(str(value)), self._addresses)[:LONGEST_TEXT]

    def _error_type(self, error: BaseException) -> str:
        """The class of an error, as long as there are few of them."""
        name = type(error).__name__
        if name in self._errors:
            return name
        if len(self._errors) >= _KNOWN_ERRORS:
            return "other"
        self._errors.add(name)
        return name


def _hashed(value: Any) -> str:
    """Who it is can be followed and not be named: 12 hex digits."""
    return hashlib.sha256(str(value).encode()).hexdigest()[:12]
