"""Agents that do not obey, as real processes with real gates: what stops each of them, and that no halt is called confirmed which is not."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from urllib.parse import urlsplit

import pytest
from live_agents import Member, disobedient, until

from fleawatch.service.acts import RefusedActError, Release

pytestmark = pytest.mark.live

SPEED = 5.0
TTL_S = 3.0
MARGIN_S, SILENT_S = 10.0, 50.0
TERMS = {
    "alerts": False, "acknowledge_s": 15.0, "process_s": 15.0, "confirm_s": 90.0, "margin_s": MARGIN_S, "silent_s": SILENT_S,
}  # fmt: skip
"""In simulated seconds, of which five pass in a real one."""
OUT_OF_REACH_S = 7.0
"""Real seconds for which one agent sleeps and one is cut off: longer than a lease, and than an acknowledgement may take."""
OFF = dict.fromkeys(
    ("drawdown_warning", "drawdown_critical", "drawdown_halt", "drawdown_stop", "drawdown_fast", "daily_loss_ratio")
)
PROVEN = ("obedient", "slow", "crashed", "partitioned", "lying-stopped", "lying-braked", "deaf-stopped")
FREE = ("lying-free", "deaf-free")
HEARD = ("obedient", "slow", "partitioned")


class Wire:
    """A wire to the service that a test can cut: bytes wait in it, no connection is reset, and nobody is told."""

    def __init__(self, url):
        self._where = urlsplit(url)
        self._open = asyncio.Event()
        self._open.set()
        self._server = None
        self._writers = []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_):
        self._open.set()
        for writer in self._writers:
            writer.close()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self):
        self._open.clear()

    def mend(self):
        self._open.set()

    async def _joined(self, reader, writer):
        await self._open.wait()
        with contextlib.suppress(OSError):
            there, here = await asyncio.open_connection(self._where.hostname, self._where.port)
            self._writers += [writer, here]
            await asyncio.gather(self._pump(reader, here), self._pump(there, writer))

    async def _pump(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


def cast(directory):
    """Everybody, with the means that their operators allow."""

    def stopped(name):
        return {"process": {"kind": "command", "command": ["/bin/sh", "-c", f"kill -9 $(cat {directory}/{name}.pid)"]}}

    return [
        *(Member(name, name, stake=0.5) for name in ("obedient", "slow", "crashed", "partitioned")),
        Member("lying-stopped", "lying", stake=0.5, means=stopped("lying-stopped")),
        Member("lying-braked", "lying", venue="trading", stake=50.0, pace=0.8, means={"brake": True}),
        Member("lying-free", "lying", stake=0.5),
        Member("deaf-stopped", "deaf", stake=0.5, means=stopped("deaf-stopped")),
        Member("deaf-free", "deaf", stake=0.5),
    ]


async def play(directory, seed):
    """Everybody trades; some fall ill; all are ordered to halt; the ill recover. What there is to know at the end."""
    chance, members = random.Random(seed), cast(directory)
    async with (
        disobedient(directory, members, speed=SPEED, lease_ttl_s=TTL_S, limits=OFF, actuate=TERMS) as world,
        Wire(world.url) as wire,
    ):
        who = world.members
        for member in members:
            world.start(member, wire.url if member.name == "partitioned" else None)
        await until(lambda: all(world.accepted(name) for name in who), 30, "not everybody came to trade")
        await until(lambda: all(world.state(name).sources for name in who), 30, "not everybody was read")
        who["crashed"].kill()
        who["slow"].kill(signal.SIGSTOP)
        wire.cut()
        ordered = {}
        for name in chance.sample(sorted(who), len(who)):
            await asyncio.sleep(chance.uniform(0, 0.2))
            ordered[name] = time.time()
            await world.order(name, f"h-{name}")
        await asyncio.sleep(OUT_OF_REACH_S)
        who["slow"].kill(signal.SIGCONT)
        wire.mend()
        await until(lambda: all("confirmed" in world.halt(name).steps for name in PROVEN), 90, "not all were confirmed")
        await until(lambda: all(world.halt(name).overdue_at for name in FREE), 60, "nobody was overdue")
        await until(lambda: all("PFUnhaltable" in world.service.monitor.state.alerts.get(name, {}) for name in FREE))
        facts = await world.facts("halt_confirmed", "halt_acknowledged", "resumed", "halt_delivered")
        seen = {name: list(member.said) for name, member in who.items()}
        await resumed_by_a_person_only(world)
        return world, ordered, seen, facts


async def resumed_by_a_person_only(world):
    """Nobody opens by waiting; who is resumed does, and nobody else."""
    obedient, slow = world.members["obedient"], world.members["slow"]
    await world.service.control.acts.resume(Release("agent", "obedient", "ann", "seen to"))
    await until(lambda: obedient.trading, 15, "the resumed agent did not trade")
    assert not slow.trading
    with pytest.raises(RefusedActError):
        await world.service.control.acts.resume(Release("agent", "obedient", "ann", "again"))


@pytest.fixture(scope="module", name="played")
def _played(tmp_path_factory):
    return asyncio.run(play(tmp_path_factory.mktemp("characters"), 5))


def confirmations(facts, name):
    return [one for one in facts if one.agent_id == name and type(one).__name__ == "HaltConfirmed"]


@pytest.mark.parametrize("name", PROVEN)
def test_a_halt_that_is_confirmed_is_one(played, name):
    """Not one order is in the platform's journal after any moment at which the halt was called confirmed."""
    world, _, _, facts = played
    found = confirmations(facts, name)
    assert found
    resumed = [one.at for one in facts if one.agent_id == name and type(one).__name__ == "Resumed"]
    assert resumed == []
    if name != "obedient":  # who was resumed since
        assert world.accepted(name, found[0].at) == []


@pytest.mark.parametrize("name", FREE)
def test_who_trades_on_is_never_called_stopped(played, name):
    """Without a means nothing stops it: no confirmation is on record, it is overdue, and people are told."""
    world, _, _, facts = played
    halt = world.halt(name)
    assert confirmations(facts, name) == []
    assert "confirmed" not in halt.steps
    assert halt.orders > 3
    assert len(world.accepted(name, halt.ordered_at + MARGIN_S)) > 3
    assert halt.lied == (name == "lying-free")


@pytest.mark.parametrize("name", HEARD)
def test_a_gate_that_lost_its_lease_or_was_told_is_never_active(played, name):
    """From the order on, and the time of a lease at most, until somebody resumes: asleep, cut off or told, it lets nothing through."""
    world, ordered, seen, _ = played
    late = [one for one in seen[name] if one["at"] > ordered[name] + (TTL_S if name == "partitioned" else 1.0)]
    assert late
    assert [one for one in late if one["allowed"] or one["sent"] or one["state"] == "active"] == []
    assert late[-1]["state"] == "halted"
    assert world.state(name).control.state == ("active" if name == "obedient" else "halted")


def test_who_is_cut_off_reduces_by_itself_before_it_hears(played):
    """First its lease runs out, then, when the wire is mended, the halt reaches it."""
    _, ordered, seen, _ = played
    reasons = [one["reason"] for one in seen["partitioned"] if one["at"] > ordered["partitioned"] + TTL_S]
    assert reasons[0] == "lease_lost"
    assert reasons[-1] == "ordered"


def test_a_liar_is_found_out_and_its_process_stopped(played):
    """It acknowledged, an order came after, and what stopped it is its process's end; only then it is confirmed."""
    world, _, _, facts = played
    halt = world.halt("lying-stopped")
    assert "acknowledged" in halt.steps
    assert halt.lied
    assert world.members["lying-stopped"].process.returncode == -signal.SIGKILL
    assert halt.steps["confirmed"] > halt.reached["process"]
    assert confirmations(facts, "lying-stopped")[0].at > halt.reached["process"]


def test_a_liar_whose_limit_was_lowered_goes_on_trying_and_gets_nothing(played):
    """The platform refuses it; silence there, and not its word, confirms the halt."""
    world, _, seen, _ = played
    halt = world.halt("lying-braked")
    assert halt.lied
    assert "process" not in halt.reached
    assert halt.steps["confirmed"] >= (halt.last_order_at or 0) + SILENT_S
    assert [(one["sent"], one["status"]) for one in seen["lying-braked"][-5:]] == [(True, 400)] * 5


def test_who_has_no_gate_is_stopped_by_its_process(played):
    """Nobody acknowledged in time."""
    world, _, _, _ = played
    halt = world.halt("deaf-stopped")
    assert "acknowledged" not in halt.steps
    assert not halt.lied
    assert world.members["deaf-stopped"].process.returncode == -signal.SIGKILL


def test_who_is_dead_is_confirmed_by_its_silence(played):
    """Without a word of its own, and not before it was silent for as long as was asked."""
    world, _, _, facts = played
    halt = world.halt("crashed")
    assert "acknowledged" not in halt.steps
    assert halt.steps["confirmed"] >= halt.ordered_at + SILENT_S
    assert [one for one in facts if one.agent_id == "crashed" and type(one).__name__ == "HaltAcknowledged"] == []
