"""A store that cannot be written: halts reach the gates, no resume does, nothing is lost, and all goes on when there is room."""

import asyncio

import msgspec
import pytest

from fleawatch.clock import ManualClock
from fleawatch.errors import StoreError
from fleawatch.events import AgentDeclared, HaltOrdered, Resumed, fact_id
from fleawatch.service import acts as acts_module
from fleawatch.service import monitor as monitor_module
from fleawatch.service.acts import Acts, Order, RefusedActError
from fleawatch.service.leases import Leases
from fleawatch.service.monitor import Monitor
from fleawatch.store.memory import MemoryStore

NOW = 1_800_000_000.0
FULL = "the disk is full. Remedy: free space"


class Full:
    """A store that takes no commit while it is full."""

    def __init__(self):
        self.full = False
        self._store = MemoryStore()

    def __getattr__(self, name):
        return getattr(self._store, name)

    def commit(self, facts, outputs):
        if self.full:
            raise StoreError(FULL)
        return self._store.commit(facts, outputs)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Deadlines of a test."""
    monkeypatch.setattr(monitor_module, "RETRY_FIRST_S", 0.01)
    monkeypatch.setattr(monitor_module, "RETRY_MOST_S", 0.02)
    monkeypatch.setattr(acts_module, "AHEAD_S", 0.02)
    monkeypatch.setattr(acts_module, "RECORD_S", 0.05)
    monkeypatch.setattr("fleawatch.service.leases.RECORDED_S", 0.05)


def fact(kind, agent_id="a-1", **fields):
    name = fact_id("test", kind.__name__, str(sorted(fields.items(), key=str))[:200])
    return kind(**{"fact_id": name, "agent_id": agent_id, "at": NOW, "seen_at": NOW, "source": "test", **fields})


def ordered(halt_id="h1"):
    return fact(HaltOrdered, halt_id=halt_id, mode="halt", scope="agent", target="a-1", reason="manual", actor="ann")


async def until(condition):
    """Wait for something, five seconds at most."""
    async with asyncio.timeout(5):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


class Parts:
    """A monitor with leases and acts over a store that can be full."""

    async def begin(self):
        self.store, self.clock = Full(), ManualClock(NOW)
        self.monitor = Monitor(lambda: self.store, self.clock)
        await self.monitor.recover()
        await self.monitor.book([fact(AgentDeclared, strategy="s", collectors=("casino",))])
        self.leases = Leases(self.monitor, self.clock, 60.0)
        self.acts = Acts(self.monitor, self.clock, self.leases)
        return self

    def lease(self):
        return msgspec.json.decode(self.leases.lease(self.monitor.state.agents["a-1"]))

    async def recorded(self, kind):
        found = await self.monitor.in_store(lambda: self.store.facts(kinds=[kind]))
        return [one.event for one in found]

    async def stuck(self):
        """Something else waits for the store already."""
        self.store.full = True
        waiting = asyncio.ensure_future(self.monitor.tick())
        await until(lambda: self.monitor.store_error)
        return waiting

    async def room(self):
        """There is room again, and everything that waited is booked."""
        self.store.full = False
        await until(lambda: not self.monitor.store_error and not self.monitor._booking.locked())
        await asyncio.sleep(0.02)


def play(scenario):
    async def run():
        parts = await Parts().begin()
        await scenario(parts)
        parts.store.full = False
        await parts.leases.clerk.close()
        await parts.monitor.close()

    asyncio.run(run())


def order(halt_id="h1", mode="halt"):
    return Order("agent", "a-1", mode, "manual", "ann", halt_id=halt_id)


def test_an_order_reaches_the_gates_before_its_record():
    """Who ordered it hears that it is not recorded; once there is room it is, by itself, and the lease goes on saying so."""

    async def scenario(parts):
        await parts.stuck()
        with parts.leases.joined("a-1") as stream:
            with pytest.raises(RefusedActError) as caught:
                await parts.acts.halt(order())
            assert caught.value.status == 503
            assert FULL in str(caught.value.problems[0])
            assert stream.news.is_set()
        lease = parts.lease()
        assert (lease["state"], lease["epoch"], lease["halt"]["halt_id"]) == ("halted", 0, "h1")
        assert await parts.recorded("halt_ordered") == []
        await parts.room()
        (fact_of_it,) = await parts.recorded("halt_ordered")
        assert fact_of_it.halt_id == "h1"
        lease = parts.lease()
        assert (lease["state"], lease["epoch"], lease["halt"]["halt_id"]) == ("halted", 1, "h1")
        assert parts.leases._ahead == {}

    play(scenario)


@pytest.mark.parametrize(
    ("mode", "state", "frozen"),
    [("reduce", "reducing", False), ("freeze_payments", "active", True), ("flatten", "halted", False)],
)
def test_an_order_that_is_told_ahead_says_what_it_will_say(mode, state, frozen):
    """As the recorded one does."""

    async def scenario(parts):
        parts.leases.tell_ahead(
            fact(HaltOrdered, halt_id="h", mode=mode, scope="agent", target="a-1", reason="manual", actor="ann"),
            ["a-1"],
        )
        lease = parts.lease()
        assert (lease["state"], lease["payments_frozen"], lease["halt"]["mode"]) == (state, frozen, mode)

    play(scenario)


def test_a_milder_order_told_ahead_loosens_nothing():
    """Neither one that is recorded nor one that waits."""

    async def scenario(parts):
        await parts.monitor.book([ordered("h0")])
        await parts.stuck()
        for one in (order("h1", "reduce"), order("h2", "freeze_payments")):
            with pytest.raises(RefusedActError):
                await parts.acts.halt(one)
            lease = parts.lease()
            assert (lease["state"], lease["halt"]["halt_id"]) == ("halted", "h0")

    play(scenario)


def test_an_order_that_is_repeated_while_the_store_is_full_halts_nobody_again():
    """It was recorded, and resumed since."""

    async def scenario(parts):
        await parts.acts.halt(order())
        await parts.monitor.book([fact(Resumed, halt_id="h1", actor="ann", reason="over")])
        await parts.stuck()
        with pytest.raises(RefusedActError):
            await parts.acts.halt(order())
        assert parts.lease()["state"] == "active"

    play(scenario)


def test_the_same_order_waits_once_however_often_it_is_sent():
    """A sender that hears of no success sends again."""

    async def scenario(parts):
        await parts.stuck()
        for _ in range(5):
            with pytest.raises(RefusedActError):
                await parts.acts.halt(order())
        assert len(parts.acts._unrecorded) == 1
        await parts.room()
        assert len(await parts.recorded("halt_ordered")) == 1
        assert parts.acts._unrecorded == {}

    play(scenario)


def test_a_resume_without_a_record_reaches_no_gate():
    """It is folded, and a lease would say active: none is given until it is on record."""

    async def scenario(parts):
        await parts.monitor.book([ordered()])
        assert await parts.leases.recorded("a-1")
        parts.store.full = True
        waiting = asyncio.ensure_future(parts.monitor.book([fact(Resumed, halt_id="h1", actor="ann", reason="over")]))
        await until(lambda: parts.monitor.store_error)
        assert parts.monitor.state.agents["a-1"].control.state == "active"
        assert not await parts.leases.recorded("a-1")
        assert await parts.leases.recorded("b-1")
        await parts.room()
        await waiting
        assert await parts.leases.recorded("a-1")

    play(scenario)


def test_a_halt_that_follows_from_a_fact_wakes_the_gates_at_the_first_failure():
    """The fact is folded; what it closes need not wait for the disk."""

    async def scenario(parts):
        parts.store.full = True
        with parts.leases.joined("a-1") as stream:
            waiting = asyncio.ensure_future(parts.monitor.book([ordered()]))
            async with asyncio.timeout(5):
                await stream.news.wait()
        assert parts.lease()["state"] == "halted"
        await parts.room()
        await waiting

    play(scenario)
