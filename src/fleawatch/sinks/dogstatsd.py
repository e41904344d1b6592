"""The agent's numbers as DogStatsD, under the names of the Datadog guide, through the official client.

Latencies and amounts are distributions, one value for each fact, so that percentiles are those of the whole fleet.
Counts and gauges are read from the same state as every other surface: a count is what a counter has grown by since it was
last sent. Buffered and sent by this thread; a datagram that cannot be sent is counted and forgotten. Where a Fleawatch service
exports what it reads itself, none of that is sent from here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from fleawatch.catalog.datadog import DATADOG, DatadogMetric
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import MARKET, MODEL_VERSION, ORDER_REASON, STRATEGY, bounded
from fleawatch.catalog.query import Match
from fleawatch.catalog.spec import Owner
from fleawatch.events import EscrowCompleted, EscrowCreated, Event, OrderPlaced, SignalComputed
from fleawatch.flow.samples import readers_of, samples
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.flow.words import settled_word
from fleawatch.ports import Counts, Observed

EVERY_S: Final = 10.0
"""Seconds between two rounds of gauges, the flush interval of the Datadog agent."""
_OF_FACTS: Final = frozenset(
    {
        "agent.order.latency_ms",
        "agent.signal.compute_seconds",
        "agent.escrow.amount_usd",
        "agent.order.executions_total",
    }
)
"""Told fact by fact, because a tag or the value is the fact's own."""
DROPPED: Final = "pf_dogstatsd_dropped_total"
OWN_TAGS: Final = frozenset(
    ("agent_id", "strategy", "market", "status", "order_type", "error_type", "model_version"),
).union(tag for one in DATADOG for tag, _ in one.tags)
"""Keys that say what a value is about. Nobody else may say them of all values at once."""


class Client(Protocol):
    """What is used of `datadog.dogstatsd.DogStatsd`."""

    def gauge(self, metric: str, value: float, tags: list[str] | None = None) -> None: ...

    def increment(self, metric: str, value: float = 1, tags: list[str] | None = None) -> None: ...

    def distribution(self, metric: str, value: float, tags: list[str] | None = None) -> None: ...

    def flush(self) -> bool | None: ...

    def flush_aggregated_metrics(self) -> bool | None: ...

    def stop(self) -> bool | None: ...


class DogStatsD:
    """Sends to one DogStatsD server.

    Args:
        opened: gives an open client, with the constant tags of the deployment.
        agent_id: on every metric.
        strategy: on every metric that has none of its own.
        owners: whose metrics are sent.
    """

    name = "dogstatsd"

    def __init__(
        self,
        opened: Callable[[], Client],
        agent_id: str,
        strategy: str,
        owners: tuple[Owner, ...] = ("agent", "monitor"),
    ) -> None:
        self._opened = opened
        self._client = opened()
        self._base = [f"agent_id:{agent_id}"]
        self._strategy = bounded(STRATEGY, strategy) if strategy else ""
        self._agent_id = agent_id
        self._readers = readers_of(CATALOG, *owners)
        owned = {metric.name for metric in CATALOG.owned_by(*owners)}
        ours = [one for one in DATADOG if one.metric in owned]
        self._told = _OF_FACTS.intersection(one.name for one in ours)
        self._mapped: dict[str, list[DatadogMetric]] = {}
        for one in ours:
            if one.name not in _OF_FACTS:
                self._mapped.setdefault(one.metric, []).append(one)
        self._sent: dict[tuple[str, tuple[str, ...]], float] = {}
        self._beaten = 0.0
        self._state: FleetState | None = None
        self._closed = False

    @property
    def dropped(self) -> int:
        """Datagrams that the client could not send."""
        return int(getattr(self._client, "packets_dropped", 0))

    def counts(self) -> Counts:
        return {DROPPED: {(): float(self.dropped)}}

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        self._state = state
        agent = state.agents.get(self._agent_id)
        for fact, *_ in seen:
            if fact is not None and agent is not None:
                self._tell(fact, agent)

    def beat(self, state: FleetState, now: float) -> None:
        self._state = state
        if now - self._beaten >= EVERY_S:
            self._beaten = now
            self._round(state, now)
        self._send()

    def flush(self, within_s: float) -> bool:
        """Send what is known and what waits; whether the socket took all of it."""
        del within_s
        if self._closed:
            return True
        if self._state is not None:
            self._round(self._state, self._state.at)
        return self._send()

    def close(self, within_s: float) -> None:
        if not self._closed:
            self.flush(within_s)
            self._closed = True
            self._client.stop()

    def after_fork(self) -> None:
        """What the parent counted is the parent's to send; the child begins with a state of its own."""
        self._client = self._opened()
        self._beaten = 0.0
        self._state = None
        self._sent.clear()

    def _send(self) -> bool:
        # What is added up is not sent by `flush`, and older clients say nothing about success.
        before = self.dropped
        self._client.flush_aggregated_metrics()
        self._client.flush()
        return self.dropped == before

    def _tell(self, fact: Event, agent: AgentState) -> None:
        if isinstance(fact, OrderPlaced):
            self._order(fact, agent)
        elif isinstance(fact, SignalComputed):
            model, strategy = settled_word(agent, MODEL_VERSION, fact.model_version), _strategy(agent, fact.strategy)
            self._distribute("agent.signal.compute_seconds", fact.duration_s, model_version=model, strategy=strategy)
        elif isinstance(fact, EscrowCreated):
            self._distribute("agent.escrow.amount_usd", float(fact.amount_usd), status="created")
        elif isinstance(fact, EscrowCompleted) and (held := agent.escrows.get(fact.escrow_id)) is not None:
            self._distribute("agent.escrow.amount_usd", held.amount, status="completed")

    def _order(self, fact: OrderPlaced, agent: AgentState) -> None:
        tags = {
            "market": settled_word(agent, MARKET, fact.market),
            "status": fact.status,
            "strategy": _strategy(agent, fact.strategy),
        }
        self._distribute("agent.order.latency_ms", fact.latency_s * 1000, order_type=fact.order_type, **tags)
        if "agent.order.executions_total" in self._told:
            reason = settled_word(agent, ORDER_REASON, fact.reason) if fact.status == "rejected" and fact.reason else ""
            self._client.increment("agent.order.executions_total", 1, tags=self._tags(error_type=reason, **tags))

    def _distribute(self, name: str, value: float, **tags: str) -> None:
        if name in self._told:
            self._client.distribution(name, value, tags=self._tags(**tags))

    def _round(self, state: FleetState, now: float) -> None:
        """Gauges as they stand, and what counters have grown by."""
        self._client.gauge("agent.heartbeat", 1, tags=self._tags())
        for one, given, value in self._samples(state, now):
            if one.type == "gauge":
                self._client.gauge(one.name, value * one.scale, tags=self._tags(**_named(one, given)))
        for key, value, one, given in self._counters(state, now):
            grown = value - self._sent.get(key, 0.0)
            self._sent[key] = value
            if grown > 0.0:
                self._client.increment(one.name, grown * one.scale, tags=self._tags(**_named(one, given)))

    def _counters(
        self, state: FleetState, now: float
    ) -> Iterator[tuple[tuple[str, tuple[str, ...]], float, DatadogMetric, dict[str, str]]]:
        for one, given, value in self._samples(state, now):
            if one.type == "count":
                yield (one.name, tuple(given.values())), value, one, given

    def _samples(self, state: FleetState, now: float) -> Iterator[tuple[DatadogMetric, dict[str, str], float]]:
        """The agent's series that are sent, each with its labels."""
        for metric, labels, value in samples(self._readers, state, now):
            for one in self._mapped.get(metric.name, ()):
                given = dict(zip(metric.label_names, labels, strict=True))
                if (
                    given.get("agent_id") == self._agent_id
                    and _takes_part(one, given)
                    and isinstance(value, float | int)
                ):
                    yield one, given, float(value)

    def _tags(self, **tags: str) -> list[str]:
        tags.setdefault("strategy", "")
        tags["strategy"] = tags["strategy"] or self._strategy
        return [*self._base, *(f"{name}:{value.lower()}" for name, value in tags.items() if value)]


def _strategy(agent: AgentState, strategy: str | None) -> str:
    return settled_word(agent, STRATEGY, strategy) if strategy else ""


def _takes_part(one: DatadogMetric, labels: Mapping[str, str]) -> bool:
    return all(_matches(match, labels.get(match.label, "")) for match in one.where)


def _matches(match: Match, value: str) -> bool:
    return (value in match.values) != match.negated


def _named(one: DatadogMetric, labels: Mapping[str, str]) -> dict[str, str]:
    """Tags of a series: the labels that the mapping names, with the guide's own words for their values."""
    words = {(tag, value): shown for tag, value, shown in one.values}
    found = {tag: words.get((tag, labels[label]), labels[label]) for tag, label in one.tags if label in labels}
    if "strategy" in labels:
        found["strategy"] = labels["strategy"]
    return found
