"""Memory of an agent's state after a simulated week of readings every 15 seconds, and how much of it is still growing.

    python -m benchmarks.memory [--json]

Every agent plays, hires, trades and holds coins at the rates of the sandbox; its facts go through `step`. Its size is
what the interpreter holds for it, followed through every field; `tracemalloc` checks it on a restarted fleet, where
nothing is shared with the facts that made it.
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from typing import Any

import msgspec

from benchmarks.harness import at_most, report, wants_json
from benchmarks.week import POLL_S, Subject
from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import Tick
from fleawatch.flow.policy import Policy
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import AgentState, FleetState, empty_fleet
from fleawatch.flow.step import step
from fleawatch.units import DAY, WINDOWS

AGENTS = 6
DAYS = 7
EARLY_DAY = 2
SEED = 7
BEGIN = 1_800_057_600.0
KIB = 1024.0
MOST_KIB = 256.0
MOST_GROWTH = 0.02


def deep_size(value: Any, seen: set[int]) -> int:
    """Bytes held by a value and all it refers to; each object once."""
    if value is None or isinstance(value, bool | type) or id(value) in seen:
        return 0
    if isinstance(value, int) and -5 <= value <= 256:  # the interpreter shares these
        return 0
    seen.add(id(value))
    size = sys.getsizeof(value)
    if isinstance(value, msgspec.Struct):
        size += sum(deep_size(getattr(value, name), seen) for name in value.__struct_fields__)
        size += deep_size(getattr(value, "__dict__", None), seen)
    elif isinstance(value, dict):
        size += sum(deep_size(key, seen) + deep_size(inner, seen) for key, inner in value.items())
    elif isinstance(value, list | tuple | set | frozenset):
        size += sum(deep_size(inner, seen) for inner in value)
    return size


def sizes(fleet: FleetState) -> dict[str, int]:
    """Bytes of each agent, with everything a page has asked of it."""
    for agent in fleet.agents.values():
        for window in WINDOWS:
            agent.performance.summary(window)
    return {name: deep_size(agent, set()) for name, agent in fleet.agents.items()}


def largest_parts(agent: AgentState) -> str:
    """The fields that hold most, for people."""
    parts = {name: deep_size(getattr(agent, name), set()) for name in agent.__struct_fields__}
    most = sorted(parts.items(), key=lambda item: -item[1])[:10]
    return ", ".join(f"{name} {size / KIB:.1f}" for name, size in most)


def traced(fleet: FleetState) -> float:
    """Bytes an agent as `tracemalloc` sees them when the fleet is thawed from a snapshot."""
    bodies = freeze(fleet)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    again = thaw(bodies)
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / len(again.agents)


def simulate(fleet: FleetState, days: int) -> tuple[dict[str, int], dict[str, int]]:
    """Sizes by agent after the early day and at the end."""
    subjects = [Subject(f"agent-{number}", SEED) for number in range(AGENTS)]
    policy = Policy(alerts=tuple(CATALOG.alerts.values()))
    early: dict[str, int] = {}
    for subject in subjects:
        step(fleet, subject.declared(BEGIN), policy)
    for round_number in range(1, int(days * DAY / POLL_S) + 1):
        at = BEGIN + round_number * POLL_S
        for subject in subjects:
            for fact in subject.poll(at):
                step(fleet, fact, policy)
        step(fleet, Tick(fact_id=f"tick:{at}", agent_id="", at=at, seen_at=at, source="monitor"), policy)
        if at == BEGIN + EARLY_DAY * DAY:
            early = sizes(fleet)
    return early, sizes(fleet)


def main() -> int:
    """Measure and print; the exit code."""
    as_json = wants_json("memory of an agent's state after a week")
    fleet = empty_fleet()
    begun = time.perf_counter()
    early, late = simulate(fleet, DAYS)
    growth = sum(late.values()) / sum(early.values()) - 1.0
    largest = max(late, key=late.__getitem__)
    traced_kib = traced(fleet) / KIB
    figures: dict[str, float | str] = {
        "agents": float(AGENTS),
        "facts_folded": float(sum(fleet.facts.values())),
        "seconds": time.perf_counter() - begun,
        "day_2_mean_kib": sum(early.values()) / AGENTS / KIB,
        "day_7_mean_kib": sum(late.values()) / AGENTS / KIB,
        "day_7_largest_kib": late[largest] / KIB,
        "tracemalloc_mean_kib": traced_kib,
        "largest_parts_kib": largest_parts(fleet.agents[largest]),
    }
    targets = {
        "kib_per_agent": at_most(max(late[largest] / KIB, traced_kib), MOST_KIB),
        "growth_day_2_to_7": at_most(growth, MOST_GROWTH),
    }
    return report("memory", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
