"""How many facts a second a thousand agents get into one service, and whether each is there once after it was restarted.

    python -m benchmarks.ship [--json]

A thousand senders of the SDK (`sdk.telemetry.ship`, each with its own spool, thread, connection and token) in four processes send
bets and orders to one service over loopback, which judges each of them by every alert and commits them to SQLite
(synchronous=NORMAL). Time is taken from the word until every sender has had every fact acknowledged; a first run that warms the
service is not counted. In the last run the service is killed in the middle and started anew (SIGKILL), and then ended and started
anew (SIGTERM, upon which it records what it has taken), while facts are under way. Afterwards the facts in its store are counted, and the orders and bets in the
books that it keeps: fewer than were sent are lost, more were counted twice.
"""

from __future__ import annotations

import logging
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks.harness import Target, at_least, at_most, report, wants_json
from benchmarks.watching import Service, named, token_of
from fleawatch.events import BetSettled, Event, OrderPlaced, fact_id
from fleawatch.flow.rules import RulesInForce
from fleawatch.flow.snapshot import thaw
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import run
from fleawatch.ports import Observed
from fleawatch.sdk.telemetry.ship import Ship
from fleawatch.sdk.telemetry.spool import Spool
from fleawatch.store.sqlite import SqliteStore

AGENTS = 1_000
PROCESSES = 4
FACTS = 120
"""Facts of each agent."""
REPEATS = 5
LEAST_A_SECOND = 10_000.0
WITHIN_S = 120.0
TOTAL = AGENTS * FACTS
RESTARTS = ((0.25, signal.SIGKILL), (0.5, signal.SIGTERM))
"""In the last run: what share of its facts is recorded when the service is ended, and how."""


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


def timed(service: Service, number: int, meanwhile: Callable[[], None] = lambda: None) -> float:
    """Seconds from the word until every sender has had everything acknowledged; `meanwhile` is done while they send."""
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
    meanwhile()
    for sender in senders:
        _hears(sender, "sent")
    taken = time.perf_counter() - begun
    for sender in senders:
        sender.communicate(timeout=60)
    return taken


def _hears(sender: subprocess.Popen[str], word: str) -> None:
    if sender.stdout is None or sender.stdout.readline().strip() != word:
        raise RuntimeError(f"a process of senders did not say {word}")


def restart(service: Service, before: int) -> None:
    """End the service and start it anew, as often as `RESTARTS` says, while the facts of the last run come in.

    Raises:
        RuntimeError: the facts did not come, or had all been recorded when the service was killed.
    """
    for share, by in RESTARTS:
        deadline = time.monotonic() + WITHIN_S
        while recorded(service) < before + share * TOTAL:
            if time.monotonic() > deadline:
                raise RuntimeError("the facts of the last run did not come")
            time.sleep(0.05)
        service.end(by)
        if by is signal.SIGKILL and recorded(service) >= before + TOTAL:
            raise RuntimeError("every fact was recorded before the service was killed")
        service.start()


def recorded(service: Service) -> int:
    """Orders and bets in the store."""
    with closing(sqlite3.connect(f"file:{_store(service)}?mode=ro", uri=True)) as database:
        return int(
            database.execute("SELECT count(*) FROM facts WHERE kind IN ('bet_settled', 'order_placed')").fetchone()[0]
        )


def booked(service: Service) -> int:
    """Orders and bets in the books of a service that has ended: in the state that its next start goes on from."""
    with closing(SqliteStore(_store(service), mode="reader")) as store:
        snapshot = store.snapshot()
        if snapshot is None:
            raise RuntimeError("the service left no snapshot")
        after = [fact for _, fact in store.facts(after=snapshot.seq, limit=TOTAL)]
    state = thaw(snapshot.bodies)
    state, _ = run(state, after, RulesInForce().policy(state))
    orders = sum(agent.tallies.total("pf_orders_total") for agent in state.agents.values())
    return int(orders) + sum(agent.casino.settled_bets for agent in state.agents.values())


def _store(service: Service) -> Path:
    return service.folder / "state" / "fleawatch.db"


def measure() -> tuple[dict[str, float | str], dict[str, Target]]:
    """Facts a second, and facts that are missing, or there twice, after the restarts."""
    with Service(AGENTS, judging=True) as service:
        timed(service, 0)
        rates = [TOTAL / timed(service, number) for number in range(1, REPEATS + 1)]
        before = recorded(service)
        with_restarts = timed(service, REPEATS + 1, lambda: restart(service, before))
        service.end()
        in_store, in_books = recorded(service), booked(service)
    sent = (REPEATS + 2) * TOTAL
    rate = statistics.median(rates)
    figures: dict[str, float | str] = {
        "facts_per_s_median": rate,
        "facts_per_s_least": min(rates),
        "facts_per_s_most": max(rates),
        "repeats": float(REPEATS),
        "with_restarts_s": with_restarts,
        "restarts": ", ".join(by.name for _, by in RESTARTS),
        "facts_sent": float(sent),
        "facts_in_store": float(in_store),
        "facts_in_books": float(in_books),
        "agents": float(AGENTS),
        "processes": float(PROCESSES),
        "facts_a_run": float(TOTAL),
    }
    return figures, {
        "facts_per_s_median": at_least(rate, LEAST_A_SECOND),
        "lost_after_restarts": at_most(float(max(0, sent - in_store, sent - in_books)), 0.0),
        "counted_twice_after_restarts": at_most(float(max(0, in_store - sent, in_books - sent)), 0.0),
    }


def main() -> int:
    """Measure and report."""
    logging.getLogger("fleawatch").setLevel(logging.ERROR)  # that facts wait while the service is away is what is tried
    if sys.argv[1:2] == ["send"]:
        send(sys.argv[2], *map(int, sys.argv[3:6]))
        return 0
    as_json = wants_json(__doc__ or "")
    figures, targets = measure()
    return report("ship", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
