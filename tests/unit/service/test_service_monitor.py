"""The shell around the belt: nothing twice, nothing lost, and a store that fails is waited for."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest
from msgspec import structs

from fleawatch.catalog.fleet import CATALOG
from fleawatch.clock import ManualClock
from fleawatch.errors import StoreError
from fleawatch.events import AgentDeclared, BetSettled, LedgerEntry, fact_id, ledger_id
from fleawatch.flow.snapshot import freeze
from fleawatch.service import monitor as module
from fleawatch.service.monitor import Monitor
from fleawatch.service.report import digest
from fleawatch.sinks.prometheus import Exposition
from fleawatch.store import MemoryStore

AT = 1_800_000_000.0


def declared(agent_id="a-1"):
    return AgentDeclared(
        fact_id=fact_id("config", "agent_declared", agent_id), agent_id=agent_id, at=AT, seen_at=AT, source="config",
        strategy="flat", collectors=("casino",),
    )  # fmt: skip


def row(position, amount, after, entry="deposit"):
    return LedgerEntry(
        fact_id=ledger_id("casino", "a-1", position), agent_id="a-1", at=AT + position, seen_at=AT + position, source="casino",
        service="casino", currency="USD", position=position, amount=Decimal(amount), balance_after=Decimal(after), entry=entry,
    )  # fmt: skip


def bet(strategy=None, stake="2"):
    return BetSettled(
        fact_id=fact_id("casino", "bet_settled", "bet_1"), agent_id="a-1", at=AT, seen_at=AT, source="casino" if strategy is None else "sdk",
        bet_id="bet_1", game="dice", stake=Decimal(stake), payout=Decimal(0), strategy=strategy,
    )  # fmt: skip


class Failing(MemoryStore):
    """A store whose next commits fail."""

    def __init__(self, failures=0):
        super().__init__()
        self.failures = failures

    def commit(self, facts, outputs):
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk was full. Remedy: free some space")
        return super().commit(facts, outputs)


def with_monitor(store, work):
    """Run `work(monitor)` with a monitor over `store`."""

    async def run():
        monitor = Monitor(lambda: store, ManualClock(AT))
        await monitor.recover()
        try:
            return await work(monitor)
        finally:
            await monitor.close()

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.001)


def test_a_repeated_fact_is_booked_once():
    """The same fact from two reporters, or twice from one, changes the state once."""

    async def work(monitor):
        await monitor.book([declared(), row(0, "10", "10"), row(0, "10", "10")])
        await monitor.book([row(0, "10", "10")])
        return (
            monitor.state.agents["a-1"].books["casino:USD"].rows,
            monitor.state.facts["ledger_entry"],
            monitor.state.repeated,
        )

    assert with_monitor(MemoryStore(), work) == (1, 1, 2)


def test_a_second_report_adds_what_only_it_knows():
    """The agent's report of a bet that was polled before brings its strategy, and counts nothing again."""

    async def work(monitor):
        await monitor.book([declared(), bet()])
        await monitor.book([bet(strategy="martingale")])
        await monitor.book([bet(strategy="martingale")])
        parts = monitor.state.agents["a-1"].attribution.parts("strategy")
        return {name: (part.count, part.net) for name, part in parts.items() if part.count}, monitor.state.facts.get(
            "amended"
        )

    assert with_monitor(MemoryStore(), work) == ({"martingale": (1, -2.0)}, 1)


def test_the_platforms_report_replaces_what_only_the_agent_had_told():
    """An agent that tells its bet first, with a better result than it had, has moved nothing when the platform tells it."""

    async def work(monitor):
        await monitor.book([declared(), structs.replace(bet(strategy="martingale"), source="sdk", payout=Decimal(99))])
        await monitor.book([bet()])
        await monitor.book([bet()])
        parts = monitor.state.agents["a-1"].attribution.parts("strategy")
        return {name: (part.count, part.net) for name, part in parts.items() if part.count}, monitor.state.facts[
            "amended"
        ]

    assert with_monitor(MemoryStore(), work) == ({"martingale": (1, -2.0)}, 1)


def test_a_bad_fact_is_refused_and_the_others_go_on():
    """Facts with NaN or of a newer release are left out and counted by reason; their neighbours are booked."""

    async def work(monitor):
        good = row(0, "10", "10")
        bad = [structs.replace(good, amount=Decimal("NaN")), structs.replace(good, v=99), structs.replace(good, v=98)]
        await monitor.book([declared(), *bad, good])
        body = Exposition(CATALOG).render(monitor.state, monitor.clock.now()).decode()
        told = [line for line in body.splitlines() if line.startswith("pf_facts_refused_total{")]
        return monitor.refused, told, monitor.state.agents["a-1"].books["casino:USD"].balance

    assert with_monitor(MemoryStore(), work) == (
        3,
        ['pf_facts_refused_total{reason="bad_number"} 1', 'pf_facts_refused_total{reason="newer_version"} 2'],
        10.0,
    )


def test_a_restart_forgets_what_was_refused():
    """The count is of this process, like that of repeats: a snapshot holds nothing that was never booked."""

    async def refuse(monitor):
        await monitor.book([declared(), structs.replace(row(0, "10", "10"), amount=Decimal("NaN"))])
        return freeze(monitor.state)

    async def nothing(monitor):
        await monitor.book([declared()])
        return freeze(monitor.state)

    assert with_monitor(MemoryStore(), refuse) == with_monitor(MemoryStore(), nothing)


def test_a_store_that_fails_is_waited_for():
    """A batch whose commit fails is committed later; nothing is lost, and readiness could tell why it waited."""

    async def work(monitor):
        await monitor.book([declared(), row(0, "10", "10")])
        return monitor.store_error, monitor.seq

    store = Failing(failures=3)
    assert with_monitor(store, work) == ("", 2)
    assert store.failures == 0


def test_a_restart_comes_back_to_the_same_state():
    """Snapshot and later facts together give the state before the restart, to the last bit."""
    store = MemoryStore()
    store.close = lambda: None

    async def before(monitor):
        await monitor.book([declared(), row(0, "10", "10")])
        await monitor.save()
        await monitor.book([row(1, "-2", "8", "stake"), row(2, "4", "12", "payout")])
        return digest(monitor.state)

    async def after(monitor):
        return digest(monitor.state)

    assert with_monitor(store, before) == with_monitor(store, after)


def test_booking_after_the_end_changes_nothing():
    """A reading that ends after the service stopped is dropped whole; the next start reads it again."""

    async def run():
        monitor = Monitor(MemoryStore, ManualClock(AT))
        await monitor.recover()
        await monitor.close()
        await monitor.book([declared()])
        return monitor.seq

    assert asyncio.run(run()) == 0


def test_a_booking_that_is_cancelled_is_finished_all_the_same():
    """Cancelling whoever waits for a commit leaves state and store in step: a restart folds nothing twice."""

    class Slow(MemoryStore):
        def commit(self, facts, outputs):
            time.sleep(0.1)
            return super().commit(facts, outputs)

    store = Slow()

    async def run():
        monitor = Monitor(lambda: store, ManualClock(AT))
        await monitor.recover()
        task = asyncio.create_task(monitor.book([declared(), row(0, "10", "10")]))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await monitor.save()
        snapshot, last = await monitor.in_store(store.snapshot), monitor.seq
        await monitor.close()
        return snapshot.seq, last

    assert asyncio.run(run()) == (2, 2)


def test_the_end_does_not_wait_for_a_store_that_fails():
    """A service that ends gives up on a store that cannot commit, and saves no state that the store does not have."""

    async def run():
        store = Failing(failures=1_000)
        monitor = Monitor(lambda: store, ManualClock(AT))
        await monitor.recover()
        booking = asyncio.create_task(monitor.book([declared()]))
        await asyncio.sleep(0.05)
        monitor.give_up_waiting()
        await asyncio.wait_for(asyncio.gather(booking, return_exceptions=True), 5)
        await monitor.save()
        saved = await monitor.in_store(store.snapshot)
        await monitor.close()
        return saved, isinstance(booking.exception(), StoreError)

    assert asyncio.run(run()) == (None, True)


@pytest.mark.parametrize(
    ("moves", "kept"), [((50.0, 49.0), [0.0]), ((50.0, 50.0), [0.0, 100.0]), ((-500.0, 50.0), [0.0, -500.0])]
)
def test_a_state_is_kept_when_the_last_one_is_old_enough(moves, kept):
    """States are kept the spacing apart, and at once when the last one is of a time to come; each save replaces the snapshot."""

    async def work(monitor):
        await monitor.book([declared()])
        await monitor.save(keep_every_s=100.0)
        for number, seconds in enumerate(moves):
            monitor.clock = ManualClock(monitor.clock.now() + seconds)
            await monitor.book([row(number, "10", str(10 * (number + 1)))])
            await monitor.save(keep_every_s=100.0)
        await monitor.save()
        return [one.at - AT for one in monitor.store.kept()], monitor.store.snapshot().seq

    assert with_monitor(MemoryStore(), work) == (kept, 3)
