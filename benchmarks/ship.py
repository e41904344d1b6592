"""How many facts a second a thousand agents get into one service, and whether all are there after it was restarted.

    python -m benchmarks.ship [--json]

A thousand senders of the SDK (`sdk.telemetry.ship`, each with its own spool, thread, connection and token) in four processes send
bets and orders to one service over loopback, which judges them by every alert and commits them to SQLite (synchronous=NORMAL). In
the second run the service is ended and started anew in the middle; afterwards its store is counted.
"""

from __future__ import annotations

import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks.harness import Target, at_least, at_most, report, wants_json
from benchmarks.watching import Service, named, token_of
from fleawatch.events import BetSettled, Event, OrderPlaced, fact_id
from fleawatch.flow.step import empty_fleet
from fleawatch.ports import Observed
from fleawatch.sdk.telemetry.ship import Ship
from fleawatch.sdk.telemetry.spool import Spool

AGENTS = 1_000
PROCESSES = 4
FACTS = 120
"""Facts of each agent."""
REPEATS = 3
LEAST_A_SECOND = 10_000.0
WITHIN_S = 120.0


def facts_of(number: int, run: int) -> list[Event]:
    """Bets and orders of an agent, half each; every run has its own."""
    name, now = named(number), time.time()
    found: list[Event] = []
    for step in range(FACTS):
        mark, at = f"{name}:{run}:{step}", now - FACTS + step
        if step % 2:
            bet = BetSettled(
                fact_id=fact_id("casino", "bet_settled", mark), agent_id=name, at=at, seen_at=at, source="sdk", bet_id=mark,
                game="dice", stake=Decimal(1), payout=Decimal(0),
            )  # fmt: skip
            found.append(bet)
        else:
            order = OrderPlaced(
                fact_id=fact_id("sdk", "order_placed", mark), agent_id=name, at=at, seen_at=at, source="sdk", order_id=mark,
                market="BTC-USD", side="buy", order_type="market", status="success", endpoint="trade/open",
                notional_usd=Decimal(10), latency_s=0.05,
            )  # fmt: skip
            found.append(order)
    return found


def send(url: str, first: int, last: int, run: int) -> None:
    """What a process of senders does: make facts, say so, wait for the word, send, say so again."""
    seen = {number: [Observed(fact, None) for fact in facts_of(number, run)] for number in range(first, last)}
    with tempfile.TemporaryDirectory() as scratch:
        ships = {number: Ship(url, partial(token_of, number), Spool(Path(scratch), named(number))) for number in seen}
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        state = empty_fleet()
        for number, ship in ships.items():
            ship.take(seen[number], state)
        for ship in ships.values():
            if not ship.flush(WITHIN_S) or ship.dropped:
                raise RuntimeError(f"facts were not sent: {ship.dropped} were dropped")
        sys.stdout.write("sent\n")
        sys.stdout.flush()
        for ship in ships.values():
            ship.close(1)


def run(service: Service, number: int, *, restart_after_s: float | None = None) -> float:
    """Seconds from the word until every sender has had everything acknowledged."""
    share = AGENTS // PROCESSES
    senders = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.ship", "send", service.url, str(part * share), str((part + 1) * share), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for part in range(PROCESSES)
    ]  # fmt: skip
    for sender in senders:
        _hears(sender, "ready")
    begun = time.perf_counter()
    for sender in senders:
        if sender.stdin is not None:
            sender.stdin.write("go\n")
            sender.stdin.flush()
    if restart_after_s is not None:
        threading.Timer(restart_after_s, service.restart).start()
    for sender in senders:
        _hears(sender, "sent")
    taken = time.perf_counter() - begun
    for sender in senders:
        sender.communicate(timeout=60)
    return taken


def _hears(sender: subprocess.Popen[str], word: str) -> None:
    if sender.stdout is None or sender.stdout.readline().strip() != word:
        raise RuntimeError(f"a process of senders did not say {word}")


def recorded(service: Service) -> int:
    """Facts of agents in the store."""
    with sqlite3.connect(f"file:{service.folder / 'state' / 'fleawatch.db'}?mode=ro", uri=True) as database:
        return int(
            database.execute("SELECT count(*) FROM facts WHERE kind IN ('bet_settled', 'order_placed')").fetchone()[0]
        )


def measure() -> tuple[dict[str, float | str], dict[str, Target]]:
    """Facts a second, and facts that are missing after a restart."""
    total = AGENTS * FACTS
    with Service(AGENTS, judging=True) as service:
        run(service, 0)
        rates = [total / run(service, number) for number in range(1, REPEATS + 1)]
        with_restart = run(service, REPEATS + 1, restart_after_s=2.0)
        time.sleep(1.0)
        missing = (REPEATS + 2) * total - recorded(service)
    rate = statistics.median(rates)
    figures: dict[str, float | str] = {
        "facts_per_s_median": rate,
        "facts_per_s_least": min(rates),
        "with_restart_s": with_restart,
        "missing_after_restart": float(missing),
        "agents": float(AGENTS),
        "processes": float(PROCESSES),
        "facts": float(total),
    }
    return figures, {
        "facts_per_s_median": at_least(rate, LEAST_A_SECOND),
        "missing_after_restart": at_most(float(abs(missing)), 0.0),
    }


def main() -> int:
    """Measure and report."""
    if sys.argv[1:2] == ["send"]:
        send(sys.argv[2], *map(int, sys.argv[3:6]))
        return 0
    as_json = wants_json(__doc__ or "")
    figures, targets = measure()
    return report("ship", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
