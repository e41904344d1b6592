"""Facts a second through `step`: 1,000 agents, the mix of facts of a real sandbox run, without and with every alert.

    python -m benchmarks.fold [--json]

Twenty agents are recorded as the adapters and the poller book them, for 25 real seconds at sixty times real time, and
multiplied by fifty. The first two thirds of the recording are folded untimed, so that what is timed is a fleet in its
stride: windows filled, ledgers long, labels known. Making the facts is not timed; folding them is.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections import Counter
from itertools import islice

from benchmarks.facts import SPEED, multiplied, record
from benchmarks.harness import at_least, report, wants_json
from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import Event
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.flow.step import step

AGENTS = 20
TIMES = 50
RECORDED_S = 25.0
SEED = 7
SEGMENT = 50_000
REPEATS = 7
LEAST = 60_000.0
"""Facts a second while nothing is judged."""
LEAST_JUDGED = 25_000.0
"""Facts a second with every alert of the catalog in force."""


def timed(fleet: FleetState, facts: list[Event], policy: Policy) -> float:
    """Seconds that folding `facts` takes."""
    gc.collect()
    begun = time.perf_counter()
    for fact in facts:
        fleet, _ = step(fleet, fact, policy)
    return time.perf_counter() - begun


def measure(recorded: list[Event], policy: Policy) -> tuple[dict[str, float | str], float]:
    """The figures, and the median rate."""
    mix = Counter(type(fact).__name__ for fact in recorded)
    whole = mix["Tick"] + TIMES * (len(recorded) - mix["Tick"])
    stream = multiplied(recorded, TIMES)
    fleet = empty_fleet()
    warm = max(0, min(whole * 2 // 3, whole - REPEATS * SEGMENT))
    for fact in islice(stream, warm):
        fleet, _ = step(fleet, fact, policy)
    rates = []
    for _ in range(REPEATS):
        segment = list(islice(stream, SEGMENT))
        if len(segment) < SEGMENT // 2:
            break
        rates.append(len(segment) / timed(fleet, segment, policy))
    figures: dict[str, float | str] = {
        "agents": float(len(fleet.agents)),
        "facts_folded": float(sum(fleet.facts.values())),
        "facts_per_second_median": statistics.median(rates),
        "facts_per_second_slowest_segment": min(rates),
        "facts_per_second_fastest_segment": max(rates),
        "segments": float(len(rates)),
        "mix": f"sandbox at {SPEED:g} x, seed {SEED}: "
        + ", ".join(f"{kind} {100 * count / len(recorded):.1f} %" for kind, count in mix.most_common()),
    }
    return figures, statistics.median(rates)


def main() -> int:
    """Measure and print; the exit code."""
    as_json = wants_json("facts a second through step")
    recorded = record(AGENTS, RECORDED_S, SEED)
    figures, rate = measure(recorded, Policy())
    judged, judged_rate = measure(recorded, Policy(alerts=tuple(CATALOG.alerts.values())))
    figures |= {f"judged_{name}": value for name, value in judged.items() if name.startswith("facts_per_second")}
    targets = {
        "facts_per_second": at_least(rate, LEAST),
        "facts_per_second_judged": at_least(judged_rate, LEAST_JUDGED),
    }
    return report("fold", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
