"""What a gate costs an order, and how soon a breach stops the next one, in one process.

    python -m benchmarks.gate [--json]

`refusals` times a fact that breaches the drawdown limit and the order after it, as one stretch: the fact is booked in the
belt, judged, latched and appended to the list of closings on disk before the order is asked about and refused. `orders`
times allowed orders with the order-rate and notional windows on. Both run with the gate's threads alive, as in an agent;
its log is off, because thousands of changes of state within seconds would measure the log.
"""

from __future__ import annotations

import gc
import logging
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from benchmarks.harness import Target, at_most, report, wants_json
from fleawatch.events import BalanceRead, BetSettled, fact_id, reading_id
from fleawatch.sdk.gate.answer import Order
from fleawatch.sdk.gate.gate import Gate

AGENT = "bench-01"
BEGUN = 1_800_057_600.0
BREACHES = 2_000
WARM = 200
ORDERS = 20_000
SEGMENTS = 9
MOST_REFUSAL_S = 0.2e-3
MOST_ORDER_S = 5e-6


def refusals(folder: Path, breaches: int = BREACHES) -> list[float]:
    """Seconds from telling of a breach to the refused order, for each of `breaches` and after a warm-up."""
    taken = []
    with Gate(AGENT, service=None, state_file=folder / "refusals.json", limits={"drawdown_halt": 0.2}) as gate:
        order = Order(notional_usd=10.0)
        for number in range(WARM + breaches):
            gate.record(_balance(2 * number, Decimal(1_000)))
            gate.resume("the next trial", "benchmark", rebase=True)
            for settled in range(3):
                gate.record(_bet(2 * number, settled))
            breach = _balance(2 * number + 1, Decimal(700))
            if not gate.may_open(order):
                raise RuntimeError("the gate was closed before the breach")
            begun = time.perf_counter()
            gate.record(breach)
            answer = gate.may_open(order)
            ended = time.perf_counter()
            if answer:
                raise RuntimeError("the breach did not close the gate")
            if number >= WARM:
                taken.append(ended - begun)
    return taken


def orders(folder: Path, count: int = ORDERS) -> list[float]:
    """Seconds an allowed order takes: the mean of each of nine segments of `count` orders."""
    limits = {"order_rate": 1e9, "notional_rate": 1e15, "order_notional": 1e6}
    means = []
    with Gate(AGENT, service=None, state_file=folder / "orders.json", limits=limits) as gate:
        gate.record(_balance(0, Decimal(1_000)))
        order = Order(notional_usd=10.0, market="BTC-USD")
        may_open = gate.may_open
        for _ in range(SEGMENTS + 1):
            gc.collect()
            begun = time.perf_counter()
            for _ in range(count):
                may_open(order)
            means.append((time.perf_counter() - begun) / count)
        if not may_open(order):
            raise RuntimeError("the orders were refused")
    return means[1:]


def _balance(number: int, amount: Decimal) -> BalanceRead:
    at = BEGUN + number
    return BalanceRead(
        fact_id=reading_id("sdk", "balance_read", AGENT, at), agent_id=AGENT, at=at, seen_at=at, source="sdk",
        service="casino", currency="USDC", amount=amount, value_usd=amount,
    )  # fmt: skip


def _bet(number: int, settled: int) -> BetSettled:
    at = BEGUN + number
    return BetSettled(
        fact_id=fact_id("casino", "bet_settled", f"{number}-{settled}"), agent_id=AGENT, at=at, seen_at=at, source="sdk",
        bet_id=f"{number}-{settled}", game="dice", stake=Decimal(1), payout=Decimal(1),
    )  # fmt: skip


def measure() -> tuple[dict[str, float | str], dict[str, Target]]:
    """The figures and the bounds, for this benchmark and for the one of the whole way to a halt."""
    logging.getLogger("fleawatch").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        refused, allowed = refusals(Path(name)), orders(Path(name))
    hundredths = statistics.quantiles(refused, n=100)
    figures: dict[str, float | str] = {
        "breach_to_refused_order_s_median": statistics.median(refused),
        "breach_to_refused_order_s_p99": hundredths[98],
        "breach_to_refused_order_s_max": max(refused),
        "breaches": float(len(refused)),
        "allowed_order_s_median_segment": statistics.median(allowed),
        "allowed_order_s_slowest_segment": max(allowed),
        "orders": float(len(allowed) * ORDERS),
    }
    targets = {
        "breach_to_refused_order_s_p99": at_most(hundredths[98], MOST_REFUSAL_S),
        "allowed_order_s_median_segment": at_most(statistics.median(allowed), MOST_ORDER_S),
    }
    return figures, targets


def main() -> int:
    """Measure and print; the exit code."""
    as_json = wants_json("what a gate costs, and how soon it refuses")
    figures, targets = measure()
    return report("gate", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
