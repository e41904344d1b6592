"""An agent's own metrics, as Prometheus scrapes them: the exposition over the agent's state, with exemplars.

The state is changed by one thread; the body is made in that thread too, when a scrape asks for it, so that no scrape
sees half a fact and none holds up an order. In OpenMetrics, buckets of latencies carry the trace of the last sampled
operation that fell into them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from fleawatch.catalog.api import DURATION
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import CYCLE_RESULT, ENDPOINT, METHOD, MODEL_VERSION, STATUS_API, STRATEGY
from fleawatch.catalog.orders import CYCLE_DURATION, ORDER_LATENCY, SIGNAL_DURATION
from fleawatch.catalog.spec import Metric, Owner, Scheme
from fleawatch.events import ApiCall, DecisionCycle, Event, OrderPlaced, SignalComputed
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.flow.words import settled_word
from fleawatch.ports import Observed
from fleawatch.sinks.kept import Files, Kept
from fleawatch.sinks.process import ProcessReading, process_reading
from fleawatch.sinks.prometheus import Exposition
from fleawatch.sinks.wire import Family

MOST_EXEMPLARS: Final = 2_000
"""Buckets that carry one; label sets are bounded, so an agent has far fewer."""


class Exemplar(NamedTuple):
    """A trace that fell into a bucket: 32 hex digits, the value in seconds, when (unix seconds)."""

    trace_id: str
    value: float
    at: float


class Scrape:
    """The metrics of one agent.

    Args:
        owners: whose metrics are exported: the agent's own, and the monitor's too where no service exports those.
        aliases: naming schemes of public guides that are served beside the canonical names.
        files: where the processes of one agent keep their metrics for each other; None when there is only this one.
        process: what this process says of itself; its own reading when None.
    """

    name = "prometheus"

    def __init__(
        self,
        owners: tuple[Owner, ...] = ("agent", "monitor"),
        aliases: frozenset[Scheme] = frozenset(),
        *,
        files: Files | None = None,
        process: ProcessReading | None = None,
    ) -> None:
        self.dropped = 0
        process = process or process_reading()
        self._exposition = Exposition(CATALOG, owners=owners, aliases=aliases, process=process)
        self._exemplars: dict[bytes, Exemplar] = {}
        self._state: FleetState | None = None
        self._kept = None if files is None else Kept(files, owners, process)

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        self._state = state
        for fact, span, _ in seen:
            if fact is None or span is None or not span.sampled:
                continue
            agent = state.agents.get(fact.agent_id)
            line = None if agent is None else _bucket(agent, fact)
            if line is not None and (line[0] in self._exemplars or len(self._exemplars) < MOST_EXEMPLARS):
                self._exemplars[line[0]] = Exemplar(span.trace, line[1], fact.at)
        if self._kept is not None:
            self._kept.take(seen, state)

    def body(self, at: float, *, openmetrics: bool) -> bytes:
        """The body of a scrape at `at`, unix seconds; for the thread that changes the state.

        Of this process, or of all that keep their metrics in the same folder. Empty before the first beat.

        Raises:
            OSError: the folder cannot be read or written.
            TimeoutError: another process has been reading the folder for too long.
        """
        if self._kept is not None:
            body = self._kept.body(self._state, at, openmetrics=openmetrics)
        elif self._state is not None:
            body = self._exposition.render(self._state, at, openmetrics)
        else:
            return b"# EOF\n" if openmetrics else b""
        return self._with_exemplars(body) if openmetrics and self._exemplars else body

    def beat(self, state: FleetState, now: float) -> None:
        self._state = state
        if self._kept is not None:
            self._kept.beat(state, now)

    def flush(self, within_s: float) -> bool:
        del within_s
        return True

    def close(self, within_s: float) -> None:
        del within_s
        if self._kept is not None:
            self._kept.close(self._state)

    def after_fork(self) -> None:
        self._exemplars.clear()
        self._state = None
        if self._kept is not None:
            self._kept.after_fork()

    def _with_exemplars(self, body: bytes) -> bytes:
        lines = body.split(b"\n")
        for number, line in enumerate(lines):
            start, found, _ = line.rpartition(b"} ")
            exemplar = self._exemplars.get(start) if found else None
            if exemplar is not None:
                trace = f' # {{trace_id="{exemplar.trace_id}"}} {exemplar.value!r} {exemplar.at:.3f}'
                lines[number] = line + trace.encode()
        return b"\n".join(lines)


_ORDERS: Final = Family.of(ORDER_LATENCY)
_CALLS: Final = Family.of(DURATION)
_SIGNALS: Final = Family.of(SIGNAL_DURATION)
_CYCLES: Final = Family.of(CYCLE_DURATION)


def _bucket(agent: AgentState, fact: Event) -> tuple[bytes, float] | None:
    """The line of the bucket into which a fact's latency fell, up to its closing brace, and the latency; None without one."""
    if isinstance(fact, OrderPlaced):
        order = (agent.agent_id, settled_word(agent, ENDPOINT, fact.endpoint), fact.order_type, fact.status)
        return _line(_ORDERS, ORDER_LATENCY, order, fact.latency_s), fact.latency_s
    if isinstance(fact, ApiCall):
        if fact.duration_s is None:
            return None
        code = fact.status_code
        status = f"{code[0]}xx" if code.isdigit() else settled_word(agent, STATUS_API, code)
        labels = (
            agent.agent_id, settled_word(agent, ENDPOINT, fact.endpoint), settled_word(agent, METHOD, fact.method), status,
        )  # fmt: skip
        return _line(_CALLS, DURATION, labels, fact.duration_s), fact.duration_s
    if isinstance(fact, SignalComputed):
        computed = (
            agent.agent_id, settled_word(agent, STRATEGY, fact.strategy), settled_word(agent, MODEL_VERSION, fact.model_version),
        )  # fmt: skip
        return _line(_SIGNALS, SIGNAL_DURATION, computed, fact.duration_s), fact.duration_s
    if isinstance(fact, DecisionCycle):
        result = (agent.agent_id, settled_word(agent, CYCLE_RESULT, fact.result))
        return _line(_CYCLES, CYCLE_DURATION, result, fact.duration_s), fact.duration_s
    return None


def _line(family: Family, metric: Metric, labels: tuple[str, ...], value: float) -> bytes:
    place = bisect_left(metric.buckets, value)
    bound = repr(float(metric.buckets[place])) if place < len(metric.buckets) else "+Inf"
    pairs = family.pairs(labels, after_agent=False)
    return f"{family.name}_bucket{{".encode() + pairs + f',le="{bound}"'.encode()
