"""Commands are carried out once, retried when they failed, and never for a halt that is over; also over crashes at any point."""

import asyncio
import random
from collections import Counter

import pytest

from fleawatch.actuate.memory import MemoryActuator
from fleawatch.clock import ManualClock
from fleawatch.events import (
    AgentDeclared,
    AgentRetired,
    HaltOrdered,
    LedgerEntry,
    Resumed,
    RulesDeclared,
    SourceRead,
    fact_id,
)
from fleawatch.events.control import HaltingTerms
from fleawatch.flow.outputs import HaltCommand
from fleawatch.ports import Outcome
from fleawatch.service.actuation import Actuation
from fleawatch.service.monitor import Monitor
from fleawatch.service.outbox import Outbox
from fleawatch.store.memory import MemoryStore

NOW = 1_800_000_000.0
TERMS = HaltingTerms(
    acknowledge_s=10, process_s=30, confirm_s=120, margin_s=2, silent_s=300, flatten_s=30, process=("a-1",), platform=("a-1",)
)  # fmt: skip


def fact(kind, at, agent_id="a-1", **fields):
    name = fact_id("test", kind.__name__, f"{at}:{sorted(fields.items(), key=str)}"[:200])
    return kind(**{"fact_id": name, "agent_id": agent_id, "at": at, "seen_at": at, "source": "test", **fields})


def beginning():
    """Rules, an agent of the casino, and a first reading."""
    return [
        fact(RulesDeclared, NOW, "", halting=TERMS),
        fact(AgentDeclared, NOW, strategy="s", collectors=("casino",)),
        fact(SourceRead, NOW, collector="casino", duration_s=0.1, valid_s=60),
    ]


def ordered(at, halt_id="h1"):
    return fact(
        HaltOrdered, at, halt_id=halt_id, mode="halt", scope="agent", target="a-1", reason="manual", actor="ann",
    )  # fmt: skip


async def service(store=None, clock=None, **actuators):
    clock = clock or ManualClock(NOW)
    store = store or MemoryStore()
    monitor = Monitor(lambda: store, clock)
    await monitor.recover()
    actuation = Actuation(monitor, {("a-1", path): one for path, one in actuators.items()})
    return monitor, Outbox(monitor, (), actuation), actuation


async def settle(outbox, actuation):
    """Carry what is due, to its end."""
    while await outbox.carry():
        await asyncio.gather(*actuation._tasks)


async def unanswered(monitor, clock, outbox, actuation):
    """A halt that no gate acknowledges: its process is to be stopped."""
    await monitor.book(beginning())
    await monitor.book([ordered(clock.now())])
    clock.advance(15)
    await monitor.tick()


def test_a_command_that_worked_is_a_fact():
    """And its row is finished: nobody does it again."""

    async def run():
        stop = MemoryActuator()
        monitor, outbox, actuation = await service(process=stop)
        await unanswered(monitor, monitor.clock, outbox, actuation)
        await settle(outbox, actuation)
        await settle(outbox, actuation)
        assert [one.path for one in stop.commands] == ["process"]
        assert monitor.state.agents["a-1"].control.halt.reached.keys() == {"process"}
        assert monitor.store.pending() == 0
        await monitor.close()

    asyncio.run(run())


@pytest.mark.parametrize(("first", "calls"), [("failed", 2), ("unknown", 2), ("refused", 1)])
def test_a_command_that_did_not_work_comes_again(first, calls):
    """Unless it never will."""

    async def run():
        stop = MemoryActuator(Outcome(first, "as told"))
        monitor, outbox, actuation = await service(process=stop)
        await unanswered(monitor, monitor.clock, outbox, actuation)
        await settle(outbox, actuation)
        monitor.clock.advance(5)
        await settle(outbox, actuation)
        assert len(stop.commands) == calls
        await monitor.close()

    asyncio.run(run())


def test_a_halt_that_is_over_stops_nobody():
    """A command that waited until after the resume is not carried out."""

    async def run():
        stop = MemoryActuator()
        monitor, outbox, actuation = await service(process=stop)
        await unanswered(monitor, monitor.clock, outbox, actuation)
        await monitor.book([fact(Resumed, monitor.clock.now(), halt_id="h1", actor="ann", reason="seen to")])
        await settle(outbox, actuation)
        assert stop.commands == []
        await monitor.close()

    asyncio.run(run())


def test_what_is_not_configured_is_not_guessed():
    """The ladder goes on by time."""

    async def run():
        monitor, outbox, actuation = await service()
        await unanswered(monitor, monitor.clock, outbox, actuation)
        await settle(outbox, actuation)
        assert monitor.state.agents["a-1"].control.halt.reached == {}
        await monitor.close()

    asyncio.run(run())


def test_an_agent_that_comes_back_to_a_halted_fleet_is_halted_anew():
    """Also when it was retired meanwhile: nothing that is concluded a second time keeps the record from going on."""

    async def run():
        monitor, _, _ = await service()
        await monitor.book(beginning())
        await monitor.book(
            [
                fact(
                    HaltOrdered,
                    NOW,
                    "",
                    halt_id="h1",
                    mode="halt",
                    scope="fleet",
                    target="",
                    reason="manual",
                    actor="ann",
                )
            ]
        )
        for number in range(3):
            at = NOW + number
            await monitor.book([fact(AgentRetired, at)])
            await monitor.book([fact(AgentDeclared, at, strategy="s", collectors=("casino",), version=str(number))])
            assert monitor.state.agents["a-1"].control.state == "halted"
        await monitor.close()

    asyncio.run(run())


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


class Mortal:
    """A store that outlives its process: it dies at the n-th call, before or after the call has worked."""

    def __init__(self, store, lives, *, after):
        self._store, self._lives, self._after = store, lives, after

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if name not in ("commit", "claim", "finish", "fail"):
            return found

        def call(*args, **kwargs):
            self._lives -= 1
            if self._lives == 0 and not self._after:
                raise Killed
            result = found(*args, **kwargs)
            if self._lives == 0:
                raise Killed
            return result

        return call


async def life(store, clock, stop, story, done):
    """One process: it comes back to the record, goes on with the story, and may die anywhere in it."""
    monitor, _, actuation = await service(store, clock, process=stop, platform=stop)
    try:
        while done[0] < len(story):
            kind, what = story[done[0]]
            if kind == "book":
                await monitor.book(what)
            elif kind == "wait":
                clock.at = max(clock.at, what)
                await monitor.tick()
            for one in await monitor.in_store(lambda: monitor.store.claim(now=clock.now(), limit=10, lease_s=60.0)):
                if isinstance(one.output, HaltCommand):
                    await actuation.carry(one, one.output)
                else:
                    await monitor.in_store(lambda one=one: monitor.store.finish(one.id, now=clock.now()))
            done[0] += 1
    except Killed:
        monitor._thread.shutdown(wait=True)
        return None
    return monitor


def story(seed):
    """An agent that trades on for a while, halts and resumes of people, readings; the facts of the platform are repeated after a crash."""
    chance = random.Random(seed)
    steps, at, row = [("book", beginning())], NOW, 0
    for number in range(14):
        at += chance.choice([5.0, 15.0, 40.0, 130.0])
        steps.append(("wait", at))
        match chance.randrange(5):
            case 0:
                steps.append(("book", [ordered(at, f"h{number}")]))
            case 1:
                steps.append(("book", [fact(Resumed, at, halt_id=f"h{chance.randrange(14)}", actor="ann", reason="x")]))
            case 2:
                entry = fact(
                    LedgerEntry, at, source="casino", service="casino", currency="USD", position=row, amount=-1, balance_after=100 - row,
                    entry="stake",
                )  # fmt: skip
                row += 1
                steps.append(("book", [entry]))
            case _:
                steps.append(
                    ("book", [fact(SourceRead, at, collector="casino", duration_s=0.1, valid_s=60, begun_at=at - 1)])
                )
    return steps


@pytest.mark.parametrize("seed", range(25))
def test_a_kill_at_any_call_changes_nothing(seed):
    """Eight kills a story, two hundred in all, between commit, claim, act and finish: what was told is recorded once, orders stand as without any."""

    async def run(lives, *, after):
        store, clock, done, stop = MemoryStore(), ManualClock(NOW), [0], MemoryActuator()
        monitor = await life(Mortal(store, lives, after=after), clock, stop, story(seed), done) if lives else None
        deaths = int(lives > 0 and monitor is None)
        if monitor is None:
            monitor = await life(store, clock, stop, story(seed), done)
        control = monitor.state.agents["a-1"].control
        facts = [one.event for one in store.facts(limit=10_000)]
        await monitor.close()
        told = [one.fact_id for one in facts if not one.fact_id.startswith(("belt:", "actuate:", "monitor:"))]
        return control, told, stop.commands, deaths

    async def all_of_them():
        control, facts, commands, _ = await run(0, after=False)
        keys = {one.key for one in commands}
        for after in (False, True):
            for lives in random.Random(seed).sample(range(1, 40), 4):
                other, again, repeated, _ = await run(lives, after=after)
                assert (other.state, other.epoch, other.halt and other.halt.halt_id) == (
                    control.state, control.epoch, control.halt and control.halt.halt_id,
                )  # fmt: skip
                held = control.halt.halt_id if control.halt else "none"
                found = Counter(one.key for one in repeated)
                # A death may make a claim run out first, so that the next means is taken too; it never leaves one out.
                assert {key for key in keys if f":{held}:process" in key} <= found.keys()
                assert max(found.values(), default=0) <= 2
                assert again == facts

    asyncio.run(all_of_them())
