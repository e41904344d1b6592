"""A fleet that is polled and reports itself, killed on the way; a real Prometheus scrapes both, and its sums are the books."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from live_fleet import binary, free_port
from test_prometheus_scrape import awaited, expectations

from fleawatch.catalog.fleet import CATALOG
from fleawatch.cli.compare import compare
from fleawatch.cli.recorded import replayed_state
from fleawatch.cli.serve import address_of, bound, serving
from fleawatch.cli.simulator import write_config
from fleawatch.sandbox import books as sandbox_books
from fleawatch.sandbox.running import Sandbox, Settings
from fleawatch.service.build import build
from fleawatch.service.load import load
from fleawatch.service.report import digest
from fleawatch.testing.instrumented import troupe

FLEET = ("sponsor", "player", "trader", "hirer", "worker")
ROUNDS = 4
CHILD = Path(__file__).with_name("agreeing_child.py")


class Agents:
    """The process of the agents. `orders`: how many each has told of, as of the last round that it ended."""

    def __init__(self, settings):
        self.orders = Counter()
        self.process = subprocess.Popen(
            [sys.executable, CHILD, json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def hear(self):
        """Its next line."""
        said = json.loads(self.process.stdout.readline() or "{}")
        self.orders = Counter(said.get("orders", self.orders))
        return said

    def end(self, *, kill=False):
        """End it: by a signal that nobody can catch, or by ending its input."""
        if kill:
            self.process.kill()
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@contextlib.asynccontextmanager
async def world(folder):
    """A sandbox, a service that watches and hears it, and what its agents need to know."""
    sandbox = Sandbox(
        Settings(seed=3, agents=len(FLEET), speed=30.0, troupe=troupe(FLEET), books=folder / "books.sqlite")
    )
    listener = bound("127.0.0.1", 0)
    try:
        await sandbox.start()
        ready = sandbox.ready()
        tokens = []
        for agent in ready["agents"]:
            agent["port"] = free_port()
            (folder / f"{agent['agent_id']}.token").write_text(f"agent-token-{agent['agent_id']}".ljust(32, "x"))
            token = {"file": str(folder / f"{agent['agent_id']}.token")}
            tokens.append({"name": agent["agent_id"], "role": "agent", "agent": agent["agent_id"], "token": token})
            del agent["health_url"]
        path = write_config(
            ready, folder / "state", listener.getsockname()[1], interval_s=5, more={"access": {"tokens": tokens}}
        )
        service = build(load(path, environment={}), clock=sandbox.clock, sinks=())
        async with serving(service, listener):
            told = {name: ready[name] for name in ("bases", "origin", "speed", "started", "agents")}
            yield (
                sandbox,
                service,
                {**told, "service": address_of(listener), "directory": str(folder), "rounds": ROUNDS},
            )
    finally:
        await sandbox.close()


@contextlib.contextmanager
def prometheus(folder, targets):
    """A real one that scrapes these addresses every second; its address."""
    program, port = binary("prometheus"), free_port()
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "all", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    process = subprocess.Popen(
        [
            program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
        ]
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


async def agreed(service, truth, within_s=60.0):
    """Read on until what is known equals the books."""
    deadline = time.monotonic() + within_s
    while True:
        await service.poller.sweep()
        _, mismatches = compare(truth, service.monitor.state)
        if not mismatches:
            return
        assert time.monotonic() < deadline, mismatches
        await asyncio.sleep(0.2)


async def lived(folder):
    """Kill the agents in the middle of a round, begin them again, and ask Prometheus in the end."""
    async with world(folder) as (sandbox, service, settings):
        targets = [settings["service"].removeprefix("http://")]
        targets += [f"127.0.0.1:{agent['port']}" for agent in settings["agents"]]
        first = Agents({**settings, "first": 0, "rounds": 30})
        second = None
        try:
            for _ in range(ROUNDS):
                await asyncio.to_thread(first.hear)
            await asyncio.sleep(0.05)
            first.end(kill=True)
            second = Agents({**settings, "first": ROUNDS})
            while not (await asyncio.to_thread(second.hear)).get("told"):
                pass
            sandbox.finish()
            truth = sandbox_books.truth(folder / "books.sqlite")
            await agreed(service, truth)
            books = {f"{name} or vector(0)": float(value) for name, value in expectations(truth).items()}
            # The ledger shows the claims that were paid; those that were refused are the agent's word.
            wanted = {
                name.replace("claims_total", 'claims_total{status="success"}'): value for name, value in books.items()
            }
            wanted |= {
                "sum(pf_orders_total)": sum(second.orders.values()),
                "sum(pf_order_latency_seconds_count)": sum(second.orders.values()),
                'sum(pf_trade_pnl_usdc{pnl_type="realized"})': realized(truth),
                "sum(pf_trade_fees_usdc_total) + sum(pf_escrow_fees_usdc_total)": float(sum(a["fees"] for a in truth.values())),
                "sum(pf_casino_rounds_total)": float(sum(agent["bets"] for agent in truth.values())),
                f'count(count by (__name__) ({{__name__=~"{owned("monitor")}", instance!="{targets[0]}"}})) or vector(0)': 0.0,
                f'count(count by (__name__) ({{__name__=~"{owned("agent")}", instance="{targets[0]}"}})) or vector(0)': 0.0,
            }  # fmt: skip
            with prometheus(folder, targets) as server:
                answers = [(name, value, await awaited(server, name, value)) for name, value in wanted.items()]
            store = service.monitor.store
            facts = await service.monitor.in_store(lambda: store.facts(kinds=["order_placed"], limit=100_000))
            heard = Counter(fact.event.agent_id for fact in facts)
            return answers, heard, first.orders + second.orders, service.monitor
        finally:
            if first.process.returncode is None:
                first.end(kill=True)
            if second is not None:
                await asyncio.to_thread(second.end)


def owned(owner):
    """A pattern of the names that one owner exports about agents and money."""
    return "|".join(metric.name for metric in CATALOG.owned_by(owner) if metric.name.startswith("pf_"))


def realized(truth):
    """P&L of bets and closed positions after fees, USD."""
    return float(
        sum(
            (Decimal(value) for agent in truth.values() for kind in ("net_pnl_by_game", "net_pnl_by_market") for value in agent[kind].values()),
            Decimal(0),
        )
    )  # fmt: skip


@pytest.mark.live
def test_promql_sums_over_the_service_and_its_killed_agents_are_the_books(tmp_path):
    """Nothing twice, nothing missing; what the agents told before they were killed came from their spool; a replay agrees."""
    answers, heard, told, monitor = asyncio.run(lived(tmp_path))
    for expression, expected, seen in answers:
        assert seen is not None, f"{expression} had no value, the books say {expected}"
        assert abs(seen - expected) < 0.005, f"{expression} was {seen}, the books say {expected}"
    assert all(heard[name] >= count for name, count in told.items())
    replayed = replayed_state(tmp_path / "state", progress=False)
    assert digest(replayed.state) == digest(monitor.state)
