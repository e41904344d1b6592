"""How soon an agent is stopped, in its own process, through the service, and through Prometheus and Alertmanager.

    python -m benchmarks.reaction [--json]

(a) from telling the gate of a breach to the refused order, in the agent's process; (d) what an allowed order costs there.
(b) from sending a breach fact to the service until a gate in another process is closed: judged, committed to SQLite
(synchronous=NORMAL), pushed over the lease's stream, taken and latched; and the same for a person's order to halt.
(c) a halt of a thousand agents whose gates are in four processes, until the last gate is closed.
Beside them, in the same run, the same breach fact and the same gate by way of real Prometheus and Alertmanager, with the rendered
rules, `for: 0s` and `group_wait: 0s`, scraping and evaluating every second and every 100 ms: until the webhook is booked, and until the
gate is closed. Breaches come at moments spread evenly over the interval.
"""

from __future__ import annotations

import logging
import statistics
import sys
import time

from benchmarks import gate
from benchmarks.harness import at_most, report, wants_json
from benchmarks.watching import Gates, Service, named, prometheus

TRIALS = 200
WARM = 10
AGENTS = 1_000
PROCESSES = 4
FLEET_TRIALS = 3
SLOW_TRIALS = 21
"""Breaches by way of Prometheus, for each interval."""
MOST_MEDIAN_S = 5e-3
MOST_P99_S = 50e-3
MOST_FLEET_S = 2.0
BEFORE_USD, BREACH_USD = 1_000, 700


def told(trials: int = TRIALS) -> tuple[list[float], list[float]]:
    """Seconds to a closed gate in another process, for each trial: from sending a breach fact, and from sending an order to halt."""
    facts, orders = [], []
    with Service(1) as service, Gates(service.url, range(1)) as gates:
        gates.until("active")
        for number in range(WARM + trials):
            service.tell(0, BEFORE_USD)
            time.sleep(0.01)
            begun = time.monotonic()
            service.tell(0, BREACH_USD)
            facts.append(gates.until("halted") - begun)
            _resume(service, gates, number)
            begun = time.monotonic()
            service.act("halt", {"scope": "agent", "target": named(0)})
            orders.append(gates.until("halted") - begun)
            _resume(service, gates, number)
    return facts[WARM:], orders[WARM:]


def _resume(service: Service, gates: Gates, number: int) -> None:
    """Open the gate for the next trial; its own report of the closing may be on its way, which a resume must not overtake."""
    time.sleep(0.03)
    if not service.act("resume", {"scope": "agent", "target": named(0), "rebase": True}):
        raise RuntimeError(f"trial {number} could not be resumed")
    gates.until("active")


def fleet(agents: int = AGENTS, processes: int = PROCESSES) -> float:
    """Seconds from sending a halt of the fleet until the last gate, of all that `processes` processes hold, is closed."""
    with Service(agents) as service:
        held = [Gates(service.url, range(first, agents, processes)) for first in range(processes)]
        try:
            for gates in held:
                gates.until("active")
            time.sleep(5.0)  # until first reports are through
            begun = time.monotonic()
            service.act("halt", {"scope": "fleet"})
            return max(gates.until("halted") for gates in held) - begun
        finally:
            for gates in held:
                gates.__exit__()


def scraped(
    intervals: tuple[float, ...] = (1.0, 0.1), trials: int = SLOW_TRIALS
) -> dict[float, tuple[list[float], list[float]]]:
    """By interval, for each trial, seconds from sending a breach fact to the booked webhook, and to the closed gate."""
    found = {}
    count = trials * len(intervals)
    with Service(count, blind=True) as service, Gates(service.url, range(count)) as gates:
        gates.until("active")
        for number in range(count):
            service.tell(number, BEFORE_USD)
        for place, interval_s in enumerate(intervals):
            begun, closed = {}, []
            with prometheus(service, interval_s):
                for trial in range(trials):
                    number = place * trials + trial
                    time.sleep(0.2 + interval_s * trial / trials)
                    begun[named(number)] = time.time()
                    started = time.monotonic()
                    service.tell(number, BREACH_USD)
                    closed.append(gates.until("halted", range(number, number + 1)) - started)
            ordered = service.ordered()
            found[interval_s] = [ordered[name] - at for name, at in begun.items()], closed
    return found


def main() -> int:
    """Measure, print, and say by the exit code whether the bounds hold."""
    as_json = wants_json(__doc__ or "")
    logging.getLogger("fleawatch").setLevel(logging.CRITICAL)
    figures, targets = gate.measure()
    facts, orders = told()
    together, slow = [fleet() for _ in range(FLEET_TRIALS)], scraped()
    median = statistics.median(facts)
    figures |= {
        "fact_to_closed_gate_s_median": median,
        "fact_to_closed_gate_s_p99": _p99(facts),
        "order_to_closed_gate_s_median": statistics.median(orders),
        "order_to_closed_gate_s_p99": _p99(orders),
        "trials": float(len(facts)),
        "halt_to_closed_gates_s_median": statistics.median(together),
        "halt_to_closed_gates_s_max": max(together),
        "agents": float(AGENTS),
        "processes": float(PROCESSES),
        "scraped_trials": float(SLOW_TRIALS),
    }
    for interval_s, (webhook, closed) in slow.items():
        name = f"prometheus_{round(interval_s * 1000)}ms"
        figures[f"{name}_fact_to_webhook_s_median"] = statistics.median(webhook)
        figures[f"{name}_fact_to_closed_gate_s_median"] = statistics.median(closed)
        figures[f"{name}_fact_to_closed_gate_s_max"] = max(closed)
        figures[f"{name}_to_ours_ratio"] = statistics.median(closed) / median
    targets |= {
        "fact_to_closed_gate_s_median": at_most(median, MOST_MEDIAN_S),
        "fact_to_closed_gate_s_p99": at_most(_p99(facts), MOST_P99_S),
        "halt_to_closed_gates_s_max": at_most(max(together), MOST_FLEET_S),
    }
    return report("reaction", figures, targets, as_json)


def _p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


if __name__ == "__main__":
    sys.exit(main())
