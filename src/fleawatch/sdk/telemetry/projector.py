"""The worker's half: operations become facts and spans, the belt folds the facts, every sink is given both.

A fact is made once and goes to every backend as it is, so their numbers agree. A fact that is no sound one is counted
and logged with every complaint; its span goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from fleawatch.errors import BadEvent
from fleawatch.events import AgentDeclared, Event, Tick
from fleawatch.events.amend import AGENT
from fleawatch.flow.fold import fold
from fleawatch.flow.outputs import Notice
from fleawatch.flow.project import project
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.flow.tally import Labels
from fleawatch.ports import Counting, Noticing, Observed, TelemetrySink
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.describe import Describer
from fleawatch.sdk.telemetry.draft import Draft, Drafter
from fleawatch.sdk.telemetry.failing import with_failure
from fleawatch.sdk.telemetry.operation import Operation
from fleawatch.sdk.telemetry.spanwatch import SpanWatch
from fleawatch.sdk.telemetry.told import Told

_MONEY: Final = "service"
"""The sink whose facts nobody else has."""


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
        describer: Describer | None = None,
    ) -> None:
        self.sinks = list(sinks)
        self.refused = 0
        self._agent_id = agent_id
        self._drafter = drafter
        self._shield = shield
        self._now = now
        self._describer = describer or Describer(agent_id)
        self._watch = SpanWatch(agent_id)
        self._counted: dict[tuple[str, str, Labels], float] = {}
        self._profile = (strategy, environment, version)
        self.state: FleetState = self._begun()

    def work(self, items: Sequence[Operation | Told]) -> None:
        """Take finished operations and what was told, in order."""
        seen: list[Observed] = []
        for item in items:
            # Each by itself: what one operation holds must not cost the others of its batch.
            with self._shield.over("operation"):
                try:
                    seen += self._seen(item)
                except (KeyboardInterrupt, SystemExit, GeneratorExit) as error:
                    # Of an object of the agent that is asked for its text; here nothing else raises them.
                    raise RuntimeError(f"{type(error).__name__} in what was told") from error
        if seen:
            self._carry(seen)

    def _carry(self, seen: Sequence[Observed]) -> None:
        notices: list[Notice] = []
        for one in seen:
            if one.fact is not None:
                with self._shield.over("fold"):
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
        self._tell(self._watch.due(at, self.state))

    def finish(self) -> None:
        """Tell what would have been told later, once nothing else is handed in."""
        self._tell(self._watch.due(self._now(), self.state, all_of_it=True))

    def flush(self, within_s: float) -> bool:
        """Have every sink send what it holds; whether all did within the time."""
        deadline, sent = time.monotonic() + within_s, True
        for sink in self.sinks:
            with self._shield.over(f"sink_{sink.name}"):
                sent = sink.flush(max(0.05, deadline - time.monotonic())) and sent
                self._count(sink)
        return sent

    def close(self, within_s: float) -> None:
        """Close every sink, one after the other within the time.

        Facts for a service come first, with half of it at most: they are money, and a backend that hangs must not take their time.
        """
        deadline = time.monotonic() + within_s
        for sink in sorted(self.sinks, key=lambda one: one.name != _MONEY):
            with self._shield.over(f"sink_{sink.name}"):
                left = deadline - time.monotonic()
                sink.close(max(0.05, left / 2 if sink.name == _MONEY else left))

    def after_fork(self) -> None:
        """This is the child of a fork: its facts have ids of their own, and what the parent counted is the parent's."""
        self._drafter.renew()
        self._watch = SpanWatch(self._agent_id)
        self._counted.clear()
        self.state = self._begun()
        for sink in self.sinks:
            with self._shield.over(f"sink_{sink.name}"):
                sink.after_fork()
                self._count(sink, add=False)

    def _begun(self) -> FleetState:
        """What is known before anything was told: that there is such an agent."""
        at, agent_id = self._now(), self._agent_id
        strategy, environment, version = self._profile
        declared = AgentDeclared(
            fact_id=f"{AGENT}:agent_declared:{agent_id}:{at:.3f}", agent_id=agent_id, at=at, seen_at=at, source=AGENT,
            strategy=strategy, environment=environment, version=version,
        )  # fmt: skip
        return fold(empty_fleet(), declared)

    def _seen(self, item: Operation | Told) -> list[Observed]:
        span, drafts = None, []
        # A number that is none costs the span or the facts, not both.
        if isinstance(item, Operation):
            with self._shield.over("span"):
                span = item.record or self._describer.span(item)
        with self._shield.over("draft"):
            drafts = list(item.drafts())
            if isinstance(item, Operation):
                drafts = with_failure(item, span, drafts)
        if span is not None:
            drafts += self._watch.judge(span, self.state)
        facts = self._facts(drafts)
        if not facts:
            return [] if span is None else [Observed(None, span)]
        within = (item.place.trace_id, item.place.span_id) if span is None and item.place is not None else (0, 0)
        return [Observed(fact, span, within) for fact in facts]

    def _facts(self, drafts: Sequence[Draft]) -> list[Event]:
        facts: list[Event] = []
        for draft in drafts:
            try:
                facts.append(self._drafter.fact(draft))
            except (BadEvent, TypeError, ValueError) as error:
                self.refused += 1
                self._shield.note("fact", error)
                if self._shield.raises:
                    raise
        return facts

    def _tell(self, drafts: Sequence[Draft]) -> None:
        """Facts that time brought, and no operation."""
        if drafts:
            self._carry([Observed(fact, None) for fact in self._facts(drafts)])

    def _count(self, sink: TelemetrySink, *, add: bool = True) -> None:
        """What became of a sink's own work is a metric of the process: what is new since the last time is added."""
        if not isinstance(sink, Counting):
            return
        for metric, series in sink.counts().items():
            for labels, total in series.items():
                key = (sink.name, metric, labels)
                if add:
                    self.state.tallies.add(metric, labels, max(0.0, total - self._counted.get(key, 0.0)))
                self._counted[key] = total
