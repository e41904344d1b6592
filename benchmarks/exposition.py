"""What a scrape costs, for fleets of 100, 1,000 and 10,000 agents, beside a custom collector of the official client.

The fleet is a recorded sandbox run, multiplied: what agents do, and how often, is not assumed here. Between two renders,
outside the timed part, its next facts are folded until a fact has come about every agent and a tick has closed the round.
Ours is timed from the state to the body, reading included. The peer gets its samples ready-made, and is timed from a
collector that yields families over them to the body; both write the same number of lines, which is checked. The two take
turns, so that a busy machine is busy for both.

A recording takes minutes of simulated time. All but its last rounds are therefore moved back by a factor, so that the
fleet is a day old and its windows, hours and ratios are there; the rounds between the renders come as they were.

    python -m benchmarks.exposition [--json]
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from benchmarks.facts import aged, multiplied, record
from benchmarks.harness import Target, at_least, at_most, report, wants_json
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.spec import Metric
from fleawatch.events import Event, Tick
from fleawatch.flow.policy import Policy
from fleawatch.flow.samples import Sample, readers_of, samples
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.flow.step import step
from fleawatch.flow.tally import Distribution
from fleawatch.sinks.prometheus import Exposition

SIZES: Final = (100, 1_000, 10_000)
RENDERS: Final = {100: 15, 1_000: 7, 10_000: 5}
PEER_RENDERS: Final = {100: 5, 1_000: 3, 10_000: 1}
SPEEDUP: Final = 12.0
FLATNESS: Final = 1.3
RECORDED_AGENTS: Final = 20
RECORDED_S: Final = 20.0
ROUNDS_KEPT: Final = 40
AGED: Final = 150.0
SEED: Final = 7

_POLICY: Final = Policy()


class Fleet:
    """A recorded fleet, multiplied to `size`, that goes on living as it was recorded.

    Attributes:
        state: everything known.
        at: when it was last ticked.
    """

    def __init__(self, recorded: Sequence[Event], size: int) -> None:
        self.state: FleetState = empty_fleet()
        self.at = 0.0
        self._size = size
        times = size // len({fact.agent_id for fact in recorded if fact.agent_id})
        past = sum(isinstance(fact, Tick) for fact in recorded) - ROUNDS_KEPT
        self._facts = multiplied(list(aged(recorded, past, AGED)), times)
        for _ in range(past):
            self._round()

    def live(self) -> None:
        """Let a round or two pass, until there is news of every agent.

        Raises:
            AssertionError: the recording is too short.
        """
        heard: set[str] = set()
        while len(heard) < self._size:
            heard |= self._round()

    def _round(self) -> set[str]:
        """Fold what comes up to the next tick; the agents that it is about."""
        heard: set[str] = set()
        for fact in self._facts:
            self.state, _ = step(self.state, fact, _POLICY)
            if isinstance(fact, Tick):
                self.at = fact.at
                return heard
            heard.add(fact.agent_id)
        raise AssertionError("the recording ended; record more seconds")


class Peer(Collector):
    """The official client's way: a collector that makes families of samples which are given to it."""

    def __init__(self, found: Iterable[Sample]) -> None:
        self._rows: dict[str, tuple[Metric, list[tuple[tuple[str, ...], list[tuple[str, float]], float]]]] = {}
        for metric, labels, value in found:
            rows = self._rows.setdefault(metric.name, (metric, []))[1]
            if isinstance(value, Distribution):
                bounds = [*(repr(bound) for bound in metric.buckets), "+Inf"]
                buckets = list(zip(bounds, map(float, accumulate(value.counts)), strict=True))
                rows.append((labels, buckets, value.total))
            else:
                rows.append((labels, [], value))

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily]:
        """Families, made anew as the client's documentation shows it."""
        for metric, rows in self._rows.values():
            if metric.type == "histogram":
                histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.label_names)
                for labels, buckets, total in rows:
                    histogram.add_metric(labels, buckets, total)
                yield histogram
            else:
                kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
                family = kind(metric.name, metric.help, labels=metric.label_names)
                for labels, _, value in rows:
                    family.add_metric(labels, value)
                yield family


def measure(recorded: Sequence[Event], size: int) -> dict[str, float]:
    """Seconds a render for ours and for the peer, and the lines both write, for a fleet of `size`."""
    fleet = Fleet(recorded, size)
    readers = readers_of(CATALOG, "monitor")
    exposition = Exposition(CATALOG, process=dict)
    exposition.render(fleet.state, fleet.at)
    ours, theirs = [], []
    for number in range(RENDERS[size]):
        fleet.live()
        seconds, body = _timed(lambda: exposition.render(fleet.state, fleet.at))
        ours.append(seconds)
        if number < PEER_RENDERS[size]:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(Peer(samples(readers, fleet.state, fleet.at)))
            seconds, peer_body = _timed(partial(generate_latest, registry))
            theirs.append(seconds)
            lines = _lines(body)
            if lines != _lines(peer_body):
                raise AssertionError(f"the peer wrote {_lines(peer_body)} lines, ours are {lines}")
            del registry, peer_body
    return {"ours": statistics.median(ours), "peer": statistics.median(theirs), "lines": lines, "bytes": len(body)}


def _timed(render: Callable[[], bytes]) -> tuple[float, bytes]:
    """Processor seconds: neither side waits for anything, so that only other processes' turns are left out."""
    gc.collect()
    begun = time.thread_time()
    body = render()
    return time.thread_time() - begun, body


def _lines(body: bytes) -> int:
    return body.count(b"\n") - body.count(b"\n# ") - body.startswith(b"#")


def main() -> int:
    """Measure every size and report."""
    as_json = wants_json(__doc__ or "")
    figures: dict[str, float | str] = {}
    targets: dict[str, Target] = {}
    cost: dict[int, float] = {}
    recorded = record(RECORDED_AGENTS, RECORDED_S, SEED)
    for size in SIZES:
        found = measure(recorded, size)
        cost[size] = found["ours"] / found["lines"]
        figures[f"agents_{size}_samples"] = found["lines"]
        figures[f"agents_{size}_body_bytes"] = found["bytes"]
        figures[f"agents_{size}_render_seconds"] = found["ours"]
        figures[f"agents_{size}_peer_seconds"] = found["peer"]
        figures[f"agents_{size}_us_a_sample"] = cost[size] * 1e6
        figures[f"agents_{size}_peer_us_a_sample"] = found["peer"] / found["lines"] * 1e6
        targets[f"speedup_{size}"] = at_least(found["peer"] / found["ours"], SPEEDUP)
    targets["flat_cost"] = at_most(cost[SIZES[-1]] / cost[SIZES[0]], FLATNESS)
    return report("exposition", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
