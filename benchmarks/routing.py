"""What routing costs: a fact that changes no alert, a Tick and a change while 3,000 alerts of 1,000 agents fire.

    python -m benchmarks.routing [--json]

The storm is the worst that a fleet can do short of firing every alert: three alerts of each agent, told to four
channels, with fifty silences in force. Nothing is sent by the passes that are timed.
"""

from __future__ import annotations

import sys

from benchmarks.harness import at_most, median_seconds, report, wants_json
from fleawatch.events import Heartbeat, Silenced, Tick
from fleawatch.flow.routing.route import route
from fleawatch.flow.routing.settings import Channel, RoutingPolicy
from fleawatch.testing.routed import Desk

AGENTS = 1_000
SILENCES = 50
ALERTS = ("PFKeyRejected", "PFSharpeLow", "PFWinRatioLow")
CALLS = 1_000
MOST_IDLE_S = 1e-6
MOST_TICK_S = 0.1
MOST_CHANGE_S = 0.01


def storm() -> Desk:
    """A desk on which everything fires and was told."""
    kinds = (("pager", "pagerduty"), ("chat", "slack"), ("bot", "telegram"), ("desk", "log"))
    channels = tuple(Channel(name=name, kind=kind) for name, kind in kinds)
    desk = Desk(RoutingPolicy(channels=channels, escalate_after_s=None, canary_s=None, throttle_most=10_000))
    for number in range(SILENCES):
        desk.say(
            Silenced, silence_id=f"s-{number}", matchers={"agent_id": f"other-{number}", "severity": "*"},
            starts_at=desk.now, ends_at=desk.now + 86_400, author="ann", comment="",
        )  # fmt: skip
    for alert in ALERTS:
        desk.change(*(desk.changed("fired", alert, f"a-{number}") for number in range(AGENTS)))
    desk.wait(10)
    return desk


def measure() -> tuple[dict[str, float | str], dict[str, float]]:
    """The figures, and the seconds of each kind of pass."""
    desk = storm()
    heartbeat, tick = desk.make(Heartbeat, "a-1"), desk.make(Tick)
    again = desk.changed("severity_changed", "PFSharpeLow", "a-1")

    def idle() -> None:
        for _ in range(CALLS):
            route(desk.fleet, heartbeat, (), desk.policy)

    taken = {
        "idle": median_seconds(idle, 21) / CALLS,
        "tick": median_seconds(lambda: route(desk.fleet, tick, (), desk.policy), 11),
        "change": median_seconds(lambda: route(desk.fleet, heartbeat, (again,), desk.policy), 51),
    }
    figures: dict[str, float | str] = {
        "firing": float(len(desk.fleet.routing.alerts)),
        "pages": float(len(desk.fleet.routing.pages)),
        "idle_fact_ns": taken["idle"] * 1e9,
        "tick_ms": taken["tick"] * 1e3,
        "change_ms": taken["change"] * 1e3,
    }
    return figures, taken


def main() -> int:
    """Measure and print; the exit code."""
    as_json = wants_json("what routing costs")
    figures, taken = measure()
    targets = {
        "idle_fact_s": at_most(taken["idle"], MOST_IDLE_S),
        "tick_s": at_most(taken["tick"], MOST_TICK_S),
        "change_s": at_most(taken["change"], MOST_CHANGE_S),
    }
    return report("routing", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
