"""The disk is full while a fleet trades: the service says so, a halt reaches its gate all the same, and nothing is lost when there is room."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request

import pytest
from live_agents import OPERATOR, Member, disobedient, token_of, until

from fleawatch.service import monitor as monitor_module

pytestmark = pytest.mark.live

TTL_S = 3.0
TERMS = {"alerts": False, "margin_s": 4.0}
OFF = dict.fromkeys(("drawdown_warning", "drawdown_critical", "drawdown_halt", "drawdown_stop", "daily_loss_ratio"))


def call(url, document=None, token=OPERATOR):
    """Status and body of a request."""
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(
        url, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def pages(world, most=None):
    """Let the database grow to `most` pages at most, as a disk that is full does; its size without."""
    monitor = world.service.monitor

    def ask():
        connection = monitor.store._database._connection
        if most is not None:
            connection.execute(f"PRAGMA max_page_count = {most}")
        return connection.execute("PRAGMA page_count").fetchone()[0]

    return await monitor.in_store(ask)


async def play(directory):
    """Trade, fill the disk, order a halt, make room, resume: what was seen on the way."""
    seen = {}
    agents = [Member("trader", "obedient", stake=0.5), Member("other", "obedient", stake=0.5)]
    async with disobedient(directory, agents, lease_ttl_s=TTL_S, limits=OFF, actuate=TERMS, interval_s=5.0) as world:
        trader, other = agents
        for member in agents:
            world.start(member)
        await until(lambda: all(world.accepted(one.name) for one in agents))
        await until(lambda: not world.service.readiness(), 30)
        await pages(world, await pages(world))
        await until(lambda: world.service.monitor.store_error, 30, "the disk was not full")
        for name in ("/-/ready", "/-/healthy", "/health", "/metrics"):
            seen[name] = await asyncio.to_thread(call, world.url + name)
        order = {"scope": "agent", "target": "trader", "mode": "halt", "reason": "looks wrong"}
        asked = asyncio.create_task(asyncio.to_thread(call, f"{world.url}/api/v1/halt", order))
        await until(lambda: trader.said[-1].get("state") == "halted", 3, "the halt did not reach its gate")
        seen["halt"] = await asked
        seen["report"] = await asyncio.to_thread(call, f"{world.url}/api/v1/facts", {}, token_of("trader"))
        seen["resume"] = await asyncio.to_thread(
            call, f"{world.url}/api/v1/resume", {"scope": "agent", "target": "trader", "reason": "too early"}
        )
        told = len(trader.said)
        await asyncio.sleep(2 * TTL_S)
        seen["full"] = trader.said[told:]
        seen["going on"] = other.said[-1]
        seen["recorded"] = await world.facts("halt_ordered")
        await pages(world, 1_000_000)
        await until(lambda: not world.service.monitor.store_error, 40, "it did not go on")
        await until(lambda: world.halt("trader") and "confirmed" in world.halt("trader").steps, 30)
        seen["ordered"] = await world.facts("halt_ordered")
        halted_at = seen["ordered"][0].at
        seen["after"] = world.accepted("trader", halted_at + 4.0)
        seen["ready"] = await asyncio.to_thread(call, f"{world.url}/-/ready")
        seen["resumed"] = await asyncio.to_thread(
            call, f"{world.url}/api/v1/resume", {"scope": "agent", "target": "trader", "reason": "over"}
        )
        await until(lambda: trader.trading, 15, "the resumed agent did not trade")
        await world.service.poller.sweep()
        rows = await world.facts("ledger_entry")
        seen["rows"] = len([row for row in rows if row.agent_id == "trader" and row.entry == "stake"])
        seen["bets"] = len(world.accepted("trader"))
    return seen


def test_a_full_disk_is_told_of_halts_reach_their_gates_and_nothing_is_lost(tmp_path, monkeypatch, caplog):
    """No gate opens by it; who ordered hears 503 and finds the order on record later; the ledger is whole."""
    monkeypatch.setattr(monitor_module, "RETRY_MOST_S", 1.0)
    with caplog.at_level(logging.WARNING):
        seen = asyncio.run(play(tmp_path))
    status, text = seen["/-/ready"]
    assert (status, "full" in text, "free space" in text) == (503, True, True)
    assert seen["/-/healthy"][0] == 200
    assert json.loads(seen["/health"][1])["status"] == "down"
    assert seen["/metrics"][0] == 200
    assert any("the store cannot be used" in line and "full" in line for line in caplog.messages)
    status, text = seen["halt"]
    assert (status, "told to the gates" in text) == (503, True)
    assert seen["report"][0] == 503
    assert seen["resume"][0] in (409, 503)
    assert seen["full"]
    assert {one["state"] for one in seen["full"]} == {"halted"}
    assert not any(one["allowed"] or one["sent"] for one in seen["full"])
    assert seen["going on"]["allowed"]
    assert seen["recorded"] == []
    assert [(one.actor, one.target) for one in seen["ordered"]] == [("ann", "trader")]
    assert seen["after"] == []
    assert seen["ready"][0] == 200
    assert seen["resumed"][0] == 200
    assert seen["bets"] - 3 <= seen["rows"] <= seen["bets"] + 1
