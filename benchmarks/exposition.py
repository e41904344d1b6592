"""What a scrape costs, for fleets of 100, 1,000 and 10,000 agents, beside a custom collector of the official client.

Every agent has changed since the render before: facts are folded between two renders, outside the timed part. Ours is
timed from the state to the body, reading included. The peer gets its samples ready-made, and is timed from a collector
that yields families over them to the body; both write the same number of lines, which is checked.

    python -m benchmarks.exposition [--json]
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import partial
from itertools import accumulate
from random import Random
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from benchmarks.harness import Target, at_least, at_most, report, wants_json
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.spec import Metric
from fleawatch.events import (
    AgentDeclared,
    BalanceRead,
    BetSettled,
    EscrowCompleted,
    EscrowCreated,
    EscrowReleased,
    Event,
    LedgerEntry,
    LedgerRead,
    OrderFilled,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    SourceRead,
    Tick,
)
from fleawatch.events.wallet import EntryKind
from fleawatch.flow.policy import Policy
from fleawatch.flow.samples import Sample, readers_of, samples
from fleawatch.flow.state import FleetState
from fleawatch.flow.step import empty_fleet, step
from fleawatch.flow.tally import Distribution
from fleawatch.sinks.prometheus import Exposition
from fleawatch.units import HOUR

SIZES: Final = (100, 1_000, 10_000)
RENDERS: Final = {100: 15, 1_000: 7, 10_000: 5}
PEER_RENDERS: Final = {100: 5, 1_000: 3, 10_000: 1}
SPEEDUP: Final = 12.0
FLATNESS: Final = 1.3
START: Final = 1_700_000_000.0 - 1_700_000_000.0 % HOUR
HOURS: Final = 26
VALID: Final = 100 * HOUR

_MOST_OPEN: Final = 3
_STRATEGIES: Final = ("momentum", "carry", "kelly", "arbitrage", "grid", "martingale")
_GAMES: Final = ("dice", "coin_flip", "roulette", "crash")
_MARKETS: Final = ("BTC-USD", "ETH-USD", "SOL-USD")


class Fleet:
    """A fleet that lives: every agent plays, uses escrow and trades; or, as `play_only`, does nothing but play."""

    def __init__(self, size: int, *, play_only: bool = False) -> None:
        self.size = size
        self.collectors = ("casino",) if play_only else ("casino", "escrow", "trading")
        self.state: FleetState = empty_fleet()
        self.at = START
        self._random = Random(size)
        self._balances = [1_000.0] * size
        self._rows = [0] * size
        self._facts = 0
        for number in range(size):
            self._fold(self._declared(number))
        for _ in range(HOURS):
            self.live(HOUR)

    def live(self, seconds: float) -> None:
        """Let time pass; every agent has a new result, new balances, new marks, and a new reading of every source."""
        self.at += seconds
        for number in range(self.size):
            for event in self._lived(number):
                self._fold(event)
        self._fold(Tick(fact_id=self._id(), agent_id="", at=self.at, seen_at=self.at, source="clock"))

    def _fold(self, event: Event) -> None:
        self.state, _ = step(self.state, event, _POLICY)

    def _id(self) -> str:
        self._facts += 1
        return f"bench:{self._facts}"

    def _who(self, number: int) -> dict[str, Any]:
        return {
            "fact_id": self._id(), "agent_id": f"agent-{number:05d}", "at": self.at, "seen_at": self.at, "source": "bench",
        }  # fmt: skip

    def _declared(self, number: int) -> Event:
        return AgentDeclared(
            **self._who(number),
            strategy=_STRATEGIES[number % len(_STRATEGIES)],
            environment="production",
            version=f"1.{number % 4}.0",
            collectors=self.collectors,
            trades="trading" in self.collectors,
            capital_usd=Decimal(10_000) if "trading" in self.collectors else None,
        )

    def _lived(self, number: int) -> Iterator[Event]:
        yield from self._played(number)
        if "escrow" in self.collectors:
            yield from self._agreed(number)
        if "trading" in self.collectors:
            yield from self._traded(number)
        for collector in self.collectors:
            yield SourceRead(**self._who(number), collector=collector, duration_s=0.02, valid_s=VALID)

    def _played(self, number: int) -> Iterator[Event]:
        stake = self._random.randint(1, 500) / 100
        payout = stake * self._random.choice((0.0, 0.4, 1.9, 2.5))
        yield self._row(number, "stake", -stake)
        if payout:
            yield self._row(number, "payout", payout)
        yield LedgerRead(
            **self._who(number), service="casino", currency="USDC", rows=self._rows[number], settled_bets=10**9
        )
        game = _GAMES[(number + self._facts) % len(_GAMES)]
        yield BetSettled(**self._who(number), bet_id=self._id(), game=game, stake=_money(stake), payout=_money(payout))
        balance = _money(self._balances[number])
        yield BalanceRead(**self._who(number), service="casino", currency="USDC", amount=balance, value_usd=balance)

    def _row(self, number: int, entry: EntryKind, amount: float, reference: str | None = None) -> Event:
        self._balances[number] += amount
        self._rows[number] += 1
        return LedgerEntry(
            **self._who(number), service="casino", currency="USDC", position=self._rows[number] - 1,
            amount=_money(amount), balance_after=_money(self._balances[number]), entry=entry, reference=reference,
        )  # fmt: skip

    def _agreed(self, number: int) -> Iterator[Event]:
        escrow, amount = self._id(), _money(self._random.randint(100, 9_000) / 100)
        yield self._row(number, "escrow_lock", -float(amount), escrow)
        yield EscrowCreated(
            **self._who(number), escrow_id=escrow, creator=f"ag_{number}", counterparty="ag_outside", amount_usd=amount,
            commission_usd=amount / 100, expires_at=self.at + 24 * HOUR,
        )  # fmt: skip
        held = self.state.agents[f"agent-{number:05d}"].escrows
        if len(held) > _MOST_OPEN:
            oldest = next(iter(held.values()))
            fee = _money(oldest.amount / 100)
            yield EscrowCompleted(**self._who(number), escrow_id=oldest.escrow_id)
            yield EscrowReleased(
                **self._who(number), escrow_id=oldest.escrow_id, net_usd=_money(oldest.amount) - fee, commission_usd=fee
            )

    def _traded(self, number: int) -> Iterator[Event]:
        agent = self.state.agents[f"agent-{number:05d}"]
        market = _MARKETS[self._random.randrange(len(_MARKETS))]
        gain = _money(self._random.gauss(0, 20))
        held = next(iter(agent.trading.positions.values()), None)
        if held is None:
            yield PositionOpened(
                **self._who(number), position_id=self._id(), market=market, side="buy", notional_usd=Decimal(1_000),
                quantity=Decimal("0.01"), entry_price=Decimal(100_000), leverage=Decimal(5), margin_usd=Decimal(200),
            )  # fmt: skip
            yield OrderFilled(
                **self._who(number), trade_id=self._id(), order_id="o", market=market, side="buy",
                notional_usd=Decimal(1_000), price=Decimal(100_010), fee_usd=Decimal("0.5"), realized_pnl_usd=Decimal(0),
                expected_price=Decimal(100_000),
            )  # fmt: skip
        elif self._random.random() < 0.2:
            yield PositionClosed(
                **self._who(number), position_id=held.position_id, market=held.market, side="buy",
                notional_usd=Decimal(1_000), entry_price=Decimal(100_000), realized_pnl_usd=gain, fee_usd=Decimal("0.5"),
                opened_at=held.opened_at,
            )  # fmt: skip
        else:
            yield PositionMarked(
                **self._who(number), position_id=held.position_id, market=held.market, price=Decimal(100_000),
                unrealized_pnl_usd=gain,
            )  # fmt: skip
        yield PositionsRead(**self._who(number), open_ids=tuple(agent.trading.positions))


_POLICY: Final = Policy()


def _money(amount: float) -> Decimal:
    return Decimal(f"{amount:.6f}")


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


def measure(size: int, *, play_only: bool = False) -> dict[str, float]:
    """Seconds a render for ours and for the peer, and the lines both write, for a fleet of `size`."""
    fleet = Fleet(size, play_only=play_only)
    readers = readers_of(CATALOG, "monitor")
    exposition = Exposition(CATALOG, process=dict)
    exposition.render(fleet.state, fleet.at)
    ours, theirs = [], []
    for number in range(RENDERS[size]):
        fleet.live(15.0)
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
    gc.collect()
    begun = time.perf_counter()
    body = render()
    return time.perf_counter() - begun, body


def _lines(body: bytes) -> int:
    return body.count(b"\n") - body.count(b"\n# ") - body.startswith(b"#")


def main() -> int:
    """Measure every size and report."""
    as_json = wants_json(__doc__ or "")
    figures: dict[str, float | str] = {}
    targets: dict[str, Target] = {}
    cost: dict[int, float] = {}
    for size in SIZES:
        found = measure(size)
        cost[size] = found["ours"] / found["lines"]
        figures[f"agents_{size}_samples"] = found["lines"]
        figures[f"agents_{size}_body_bytes"] = found["bytes"]
        figures[f"agents_{size}_render_seconds"] = found["ours"]
        figures[f"agents_{size}_peer_seconds"] = found["peer"]
        figures[f"agents_{size}_us_a_sample"] = cost[size] * 1e6
        figures[f"agents_{size}_peer_us_a_sample"] = found["peer"] / found["lines"] * 1e6
        targets[f"speedup_{size}"] = at_least(found["peer"] / found["ours"], SPEEDUP)
    # Bounds are for agents that do everything. Few and varied lines an agent cost more each: the leanest agents, for the record.
    lean = measure(1_000, play_only=True)
    figures["play_only_1000_samples"] = lean["lines"]
    figures["play_only_1000_us_a_sample"] = lean["ours"] / lean["lines"] * 1e6
    figures["play_only_1000_speedup"] = lean["peer"] / lean["ours"]
    targets["flat_cost"] = at_most(cost[SIZES[-1]] / cost[SIZES[0]], FLATNESS)
    return report("exposition", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
