"""The parts around the monitor: declaring the fleet, carrying outputs, noticing a stalled loop."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from fleawatch.clock import ManualClock
from fleawatch.events import AgentDeclared, AgentRetired, RulesDeclared
from fleawatch.flow.outputs import Notice
from fleawatch.service import watchdog as watchdog_module
from fleawatch.service.config import Config
from fleawatch.service.fleet import declarations
from fleawatch.service.monitor import Monitor
from fleawatch.service.outbox import ATTEMPTS, Outbox
from fleawatch.service.watchdog import Watchdog
from fleawatch.sinks.memory import MemorySink
from fleawatch.store import MemoryStore

AT = 1_800_000_000.0


def config(*agents):
    return Config.model_validate({"agents": [{"health_url": "http://127.0.0.1:1", **agent} for agent in agents]})


def with_monitor(work):
    """Run `work(monitor)` over a store in memory."""

    async def run():
        monitor = Monitor(MemoryStore, ManualClock(AT))
        await monitor.recover()
        try:
            return await work(monitor)
        finally:
            await monitor.close()

    return asyncio.run(run())


class TestDeclarations:
    def test_a_fleet_is_declared_once(self):
        """Agents that are known as configured are not declared again."""

        async def work(monitor):
            fleet = config({"id": "a"}, {"id": "b", "capital_usd": 5, "strategy": "grid", "recipients": ["x"]})
            first = declarations(fleet, {"a": ["probe"]}, monitor.state, AT)
            await monitor.book(first)
            return [type(event) for event in first], declarations(fleet, {"a": ["probe"]}, monitor.state, AT + 1)

        kinds, again = with_monitor(work)
        assert kinds == [AgentDeclared, AgentDeclared, RulesDeclared]
        assert again == []

    def test_a_list_of_recipients_reaches_the_agent(self):
        """An empty list is a list, and no list is none."""

        async def work(monitor):
            await monitor.book(declarations(config({"id": "a", "recipients": []}, {"id": "b"}), {}, monitor.state, AT))
            return [monitor.state.agents[name].profile.recipients for name in ("a", "b")]

        assert with_monitor(work) == [(), None]

    def test_a_changed_property_is_declared_and_a_missing_agent_retired(self):
        """What changed in the configuration becomes facts, and nothing else does."""

        async def work(monitor):
            await monitor.book(declarations(config({"id": "a"}, {"id": "b"}), {}, monitor.state, AT))
            changed = declarations(config({"id": "a", "strategy": "new"}), {}, monitor.state, AT + 1)
            await monitor.book(changed)
            return changed, sorted(monitor.state.agents)

        changed, left = with_monitor(work)
        assert [(type(event), event.agent_id) for event in changed] == [(AgentDeclared, "a"), (AgentRetired, "b")]
        assert left == ["a"]

    def test_going_back_to_an_earlier_configuration_counts(self):
        """A property that changes and changes back is declared each time."""

        async def work(monitor):
            for number, strategy in enumerate(("one", "two", "one")):
                await monitor.book(
                    declarations(config({"id": "a", "strategy": strategy}), {}, monitor.state, AT + number)
                )
            return monitor.state.agents["a"].profile.strategy

        assert with_monitor(work) == "one"


def notice(key="k#0"):
    return Notice(key=key, agent_id="a", at=AT, event="faucet_claim", level="info", message="the faucet paid 1.00 USD")


class Refusing(MemorySink):
    """A sink that accepts nothing."""

    def emit(self, output):
        raise ConnectionError("nobody listens")


class TestOutbox:
    def test_an_output_is_carried_once(self):
        """What a sink accepted is finished and not carried again."""

        async def work(monitor):
            sink = MemorySink()
            await monitor.in_store(lambda: monitor.store.commit([], [notice()]))
            counts = [await Outbox(monitor, [sink]).carry() for _ in range(2)]
            return counts, [output.key for output in sink.outputs]

        assert with_monitor(work) == ([1, 0], ["k#0"])

    def test_a_refused_output_is_tried_again_and_then_kept_as_dead(self):
        """A sink that fails gets the output later, at most five times; the store keeps what became of it."""

        async def work(monitor):
            await monitor.in_store(lambda: monitor.store.commit([], [notice()]))
            outbox = Outbox(monitor, [Refusing()])
            carried = 0
            for _ in range(20):
                carried += await outbox.carry()
                monitor.clock.advance(60)
            return carried, await monitor.in_store(monitor.store.pending)

        assert with_monitor(work) == (ATTEMPTS, 0)


class Stuck(MemorySink):
    """A sink that never returns until it is released."""

    def __init__(self):
        super().__init__()
        self.release = threading.Event()

    def emit(self, output):
        self.release.wait(5)


def test_a_sink_that_blocks_holds_up_only_itself(monkeypatch):
    """A pipe that nobody reads makes its output wait; the loop goes on turning."""
    monkeypatch.setattr("fleawatch.service.outbox.SINK_S", 0.05)

    async def work(monitor):
        sink = Stuck()
        await monitor.in_store(lambda: monitor.store.commit([], [notice()]))
        begun = time.monotonic()
        await Outbox(monitor, [sink]).carry()
        took = time.monotonic() - begun
        sink.release.set()
        return took, await monitor.in_store(monitor.store.pending)

    took, pending = with_monitor(work)
    assert took < 2
    assert pending == 1


class TestWatchdog:
    def test_a_loop_that_turns_has_no_complaint(self):
        """A running loop is healthy."""

        async def run():
            watchdog = Watchdog()
            task = asyncio.create_task(watchdog.run())
            await asyncio.sleep(0.01)
            task.cancel()
            return watchdog.complaint()

        assert asyncio.run(run()) == ""

    def test_a_loop_that_stands_still_is_noticed_from_outside(self, monkeypatch):
        """A thread notices what the blocked loop cannot."""
        monkeypatch.setattr(watchdog_module, "STALL_S", 0.05)
        monkeypatch.setattr(watchdog_module, "_BEAT_S", 0.02)

        async def run():
            watchdog = Watchdog()
            task = asyncio.create_task(watchdog.run())
            await asyncio.sleep(0.05)
            time.sleep(0.4)  # noqa: ASYNC251 - blocking the loop is what is tested
            complaint = watchdog.complaint()
            task.cancel()
            return complaint

        assert "stood still" in asyncio.run(run())

    def test_its_thread_ends_with_it(self):
        """No thread is left behind."""

        async def run():
            task = asyncio.create_task(Watchdog().run())
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(run())
        deadline = time.monotonic() + 5
        while any(thread.name == "fleawatch-watchdog" for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("field", ["key", "agent_id"])
def test_notices_are_frozen(field):
    """An output is a fact about what to do; nobody changes it on the way."""
    with pytest.raises(AttributeError):
        setattr(notice(), field, "x")
