"""One agent, every backend: the same facts give equal numbers wherever they are read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleawatch import Telemetry
from fleawatch.catalog.fleet import CATALOG
from fleawatch.clock import ManualClock
from fleawatch.events import AgentDeclared, AgentError, OrderPlaced, decode
from fleawatch.flow.samples import readers_of, samples
from fleawatch.service.monitor import Monitor
from fleawatch.store.memory import MemoryStore
from fleawatch.testing.dogstatsd import DogStatsDServer
from fleawatch.testing.facts_server import FactsServer
from fleawatch.testing.otlp import OtlpServer, plain

OPERATIONS = 10_000
CHUNK = 250
"""Between two flushes: a socket of UDP holds no more than a few hundred datagrams."""


class Told:
    """What was done, counted by the test itself."""

    def __init__(self):
        self.orders, self.bets, self.escrows, self.errors = Counter(), Counter(), Counter(), Counter()
        self.fees = self.net = 0.0


def act(telemetry, chance, number, told):
    """One order, bet, escrow or reading, which may fail."""
    kind = chance.random()
    if kind < 0.6:
        order_and_tell(telemetry, chance, number, told)
    elif kind < 0.9:
        stake = round(chance.uniform(0.1, 5), 2)
        payout = round(stake * 1.96, 2) if chance.random() < 0.49 else 0.0
        with telemetry.bet("dice", stake) as bet:
            bet.settled(f"bet-{number}", payout)
        told.bets["success"] += 1
        told.net += payout - stake
    elif kind < 0.97:
        with telemetry.escrow_create(amount_usd=10, counterparty="ag_1") as escrow:
            escrow.created("ag_0", f"esc-{number}", expires_at=4e9)
        told.escrows["created"] += 1
    else:
        fail_and_tell(telemetry, chance, number, told)


def fail_and_tell(telemetry, chance, number, told):
    """A reading or a step of an escrow that no fact of its own speaks of when it fails."""
    release = telemetry.escrow_release(f"none-{number}") if chance.random() < 0.5 else None
    error = TimeoutError() if chance.random() < 0.5 else ValueError("no")
    told.errors["wallet.balance_check" if release is None else "escrow.release"] += 1
    with contextlib.suppress(TimeoutError, ValueError), release or telemetry.balance_check():
        raise error


def order_and_tell(telemetry, chance, number, told):
    luck = chance.random()
    try:
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=100, expected_price=100) as order:
            if luck < 0.05:
                raise TimeoutError  # noqa: TRY301 - as a client raises it
            if luck < 0.1:
                raise ValueError("no")  # noqa: TRY301 - as a client raises it
            if luck < 0.15:
                order.rejected("no_margin")
                told.orders["rejected"] += 1
                return
            order.filled(f"o-{number}", trade_id=f"t-{number}", price=100.1, fee_usd="0.05")
            told.fees += 0.05
            told.orders["success"] += 1
    except TimeoutError:
        told.orders["timeout"] += 1
    except ValueError:
        told.orders["error"] += 1


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Ten thousand operations, and everything that came of them."""
    folder = tmp_path_factory.mktemp("telemetry")
    chance, told = random.Random(5), Told()
    with DogStatsDServer() as statsd, OtlpServer() as otlp, FactsServer() as service:
        telemetry = Telemetry(
            "a-1", strategy="momentum", statsd=f"udp://127.0.0.1:{statsd.port}", otlp=otlp.address, environ={},
            logs=str(folder / "agent.log"), heartbeat_s=None,
        )  # fmt: skip
        shipped = Telemetry("a-1", strategy="momentum", service=service.address, environ={}, heartbeat_s=None)
        twin = Told()
        for number in range(OPERATIONS):
            act(telemetry, chance, number, told)
            if number % CHUNK == 0:
                assert telemetry.flush(30)
        again = random.Random(5)
        for number in range(OPERATIONS):
            act(shipped, again, number, twin)
        assert telemetry.flush(30)
        text = telemetry.metrics().decode()
        assert telemetry.shutdown(30)
        assert shipped.shutdown(30)
        assert telemetry.dropped == shipped.dropped == {}
        assert twin.orders == told.orders
        lines = [json.loads(line) for line in (folder / "agent.log").read_text().splitlines()]
        yield {
            "told": told, "prometheus": metrics_of(text), "statsd": statsd.points(), "spans": otlp.spans, "logs": lines,
            "facts": [decode(json.dumps(fact)) for fact in service.taken.values()],
        }  # fmt: skip


def metrics_of(text):
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def summed(metrics, name, **where):
    return sum(
        value for (known, labels), value in metrics.items() if known == name and where.items() <= dict(labels).items()
    )


def stored(facts):
    """The numbers of a service that was sent the facts."""

    async def work():
        clock = ManualClock(max(fact.seen_at for fact in facts) + 1)
        monitor = Monitor(MemoryStore, clock)
        await monitor.recover()
        declared = AgentDeclared(
            fact_id="config:agent_declared:a-1",
            agent_id="a-1",
            at=1.0,
            seen_at=1.0,
            source="config",
            strategy="momentum",
        )
        await monitor.book([declared, *sorted(facts, key=lambda fact: fact.at)])
        found = {}
        for metric, labels, value in samples(readers_of(CATALOG, "monitor", "agent"), monitor.state, clock.now()):
            found[metric.name, tuple(sorted(zip(metric.label_names, labels, strict=True)))] = value
        await monitor.close()
        return found

    return asyncio.run(work())


def test_orders_and_their_ends_are_counted_alike(world):
    """By status: metrics, datagrams, facts of the service, and lines for those that have one."""
    told = world["told"]
    expected = told.orders + told.bets
    assert {status: summed(world["prometheus"], "pf_orders_total", status=status) for status in expected} == expected
    datagrams = Counter()
    for point in world["statsd"]:
        if point.name == "agent.order.executions_total":
            datagrams[point.tags["status"]] += point.value
    assert datagrams == expected
    assert Counter(fact.status for fact in world["facts"] if isinstance(fact, OrderPlaced)) == expected
    lines = Counter(line["event"] for line in world["logs"])
    assert lines["trade_executed"] == told.orders["success"]
    assert lines["order_failed"] == sum(expected.values()) - expected["success"]
    assert lines["escrow_transaction"] == told.escrows["created"]


def test_failures_without_a_fact_of_their_own_are_counted_alike(world):
    """By operation: metrics, datagrams, lines, spans and facts."""
    expected = world["told"].errors
    assert all(expected[name] > 50 for name in ("wallet.balance_check", "escrow.release"))
    assert {name: summed(world["prometheus"], "pf_agent_errors_total", component=name) for name in expected} == expected
    datagrams = Counter()
    for point in world["statsd"]:
        if point.name == "agent.errors_total":
            datagrams[point.tags["component"]] += point.value
    assert datagrams == expected
    assert Counter(line["component"] for line in world["logs"] if line["event"] == "agent_error") == expected
    assert Counter(fact.component for fact in world["facts"] if isinstance(fact, AgentError)) == expected
    failed = [span.name for span in world["spans"] if span.status.code == 2 and span.name != "pf.trade.execute"]
    assert Counter(name.removeprefix("pf.") for name in failed) == expected


def test_spans_are_one_for_each_operation(world):
    """With the status of each order, and a failure for each that failed."""
    told = world["told"]
    statuses = Counter(
        plain(span.attributes)["pf.order_status"] for span in world["spans"] if span.name == "pf.trade.execute"
    )
    assert statuses == told.orders
    assert sum(span.name == "pf.bet.place" for span in world["spans"]) == sum(told.bets.values())
    assert sum(span.name == "pf.escrow.create" for span in world["spans"]) == sum(told.escrows.values())
    failed = sum(count for status, count in told.orders.items() if status != "success") + told.errors.total()
    assert sum(span.status.code == 2 for span in world["spans"]) == failed


def test_money_is_the_same_to_a_hundredth_of_a_cent(world):
    """P&L of bets and fees of fills: metrics, datagrams, spans, lines, and the service."""
    told, service = world["told"], stored(world["facts"])
    realized = told.net - told.fees
    assert summed(world["prometheus"], "pf_trade_pnl_usdc", pnl_type="realized") == pytest.approx(realized, abs=1e-4)
    assert summed(service, "pf_trade_pnl_usdc", pnl_type="realized") == pytest.approx(realized, abs=1e-4)
    assert summed(world["prometheus"], "pf_market_pnl_usdc", pnl_type="realized") == pytest.approx(realized, abs=1e-4)
    booked = (p for p in world["statsd"] if p.name == "agent.trade.pnl_usd" and p.tags["realized"] == "true")
    last = {p.tags["market"]: p.value for p in booked}
    assert len(last) > 1
    assert sum(last.values()) == pytest.approx(realized, abs=1e-4)
    spans = [plain(span.attributes) for span in world["spans"]]
    assert sum(one.get("pf.pnl_usd", 0.0) for one in spans) == pytest.approx(told.net, abs=1e-4)
    for fees in (
        summed(world["prometheus"], "pf_trade_fees_usdc_total"),
        summed(service, "pf_trade_fees_usdc_total"),
        sum(one.get("pf.fee_usd", 0.0) for one in spans),
        sum(line.get("fee_usd", 0.0) for line in world["logs"]),
    ):
        assert fees == pytest.approx(told.fees, abs=1e-4)


def test_every_counter_of_the_agent_is_that_of_a_service_with_its_facts(world):
    """Not a chosen few: each counter, series by series, but for what only one of the two processes did."""
    service = stored(world["facts"])
    found = {
        key: value
        for key, value in world["prometheus"].items()
        if key[0].startswith("pf_") and key[0].endswith("_total") and key[0] != "pf_facts_total"
    }
    assert len(found) > 12
    for key, value in found.items():
        assert service.get(key, 0.0) == pytest.approx(value, abs=1e-6), key


def test_latencies_agree_and_their_quantiles_lie_in_the_bucket(world):
    """Sums of metrics, datagrams and spans are equal; the true 99th percentile lies in the bucket that says so."""
    durations = sorted(
        (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
        for span in world["spans"] if span.name in ("pf.trade.execute", "pf.bet.place")
    )  # fmt: skip
    total = sum(durations)
    assert summed(world["prometheus"], "pf_order_latency_seconds_sum") == pytest.approx(total, rel=1e-6)
    datagrams = sorted(point.value / 1000 for point in world["statsd"] if point.name == "agent.order.latency_ms")
    assert len(datagrams) == len(durations)
    assert sum(datagrams) == pytest.approx(total, rel=1e-6)
    buckets = Counter()
    for (name, labels), value in world["prometheus"].items():
        if name == "pf_order_latency_seconds_bucket":
            buckets[float(dict(labels)["le"])] += value
    true = durations[int(0.99 * len(durations))]
    above = min(bound for bound, count in buckets.items() if count >= 0.99 * len(durations))
    below = max((bound for bound in buckets if bound < above), default=0.0)
    assert below <= true <= above
