"""Two streams of one recorded history, what was polled and what was reported, in any interleaving, out of order, and twice."""

from __future__ import annotations

import pytest
from agreeing import ROUND_S, Watch, acting, all_ledgers, hear, run, truth_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleawatch.cli.compare import compare
from fleawatch.clock import ManualClock
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step
from fleawatch.service.monitor import Monitor
from fleawatch.service.report import digest
from fleawatch.store import MemoryStore

SOME = {"", "player-0", "trader-0", "hirer-0", "worker-0"}
CHUNKS = 24


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """What was polled, a batch a reading, and what was told; of some agents, over three rounds."""

    async def lived():
        async with acting(folder, seed=5) as (fleet, bases, people):
            watch = Watch("alone", fleet.clock, bases, [one for one in people if one.name in SOME])
            await watch.start()
            try:
                for number in range(3):
                    await fleet.act(number)
                    fleet.clock.advance(ROUND_S)
                    await watch.poll(2)
                fleet.clock.advance(ROUND_S)
                fleet.finish()
                await watch.poll(2)
            finally:
                await watch.stop()
            told = [line for line in fleet.told() if line["agent_id"] in SOME]
            truth = {name: numbers for name, numbers in truth_of(folder).items() if name in SOME}
            return watch.polled, told, fleet.clock.now(), truth

    folder = tmp_path_factory.mktemp("laws")
    return run(lived())


async def rebuilt(batches, hearings, now):
    """The state after booking what was polled, in order, and hearing what was told before each batch and at the end."""
    monitor = Monitor(MemoryStore, ManualClock(now))
    await monitor.recover()
    for number, batch in enumerate(batches):
        await hear(monitor, hearings.get(number, []))
        await monitor.book(batch)
    await hear(monitor, hearings.get(len(batches), []))
    again = empty_fleet()
    for _, fact in await monitor.in_store(lambda: monitor.store.facts(limit=100_000)):
        again, _ = step(again, fact, monitor.policy)
    state = monitor.state
    await monitor.close()
    return state, digest(again)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.randoms(use_true_random=False), twice=st.sampled_from([0.0, 0.3, 1.0]), chunks=st.integers(1, CHUNKS))
def test_any_interleaving_gives_the_books_of_one_source(recorded, chance, twice, chunks):
    """Wherever reports come between readings, in any order and some of them twice: each ledger is that of readings alone."""
    batches, told, now, _ = recorded
    lines = told + [line for line in told if chance.random() < twice]
    chance.shuffle(lines)
    hearings = {}
    places = [chance.randint(1, len(batches)) for _ in range(chunks)]
    for line in lines:
        hearings.setdefault(chance.choice(places), []).append(line)
    state, again = run(rebuilt(batches, hearings, now))
    alone, _ = run(rebuilt(batches, {}, now))
    mine, books = all_ledgers(state, heard=False), all_ledgers(alone, heard=False)
    for name, ledger in books.items():
        for key, value in ledger.items():
            assert mine[name][key] == value, (name, key)
    assert again == digest(state)
    assert all(agent.misreported == {} for agent in state.agents.values())


LIES = {
    "a lost bet as won": ("bet_settled", "player-0", "payout", lambda line: float(line["payout"]) == 0.0, "50"),
    "a fee that was less": ("order_filled", "trader-0", "fee_usd", lambda line: "expected_price" in line, "0.01"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("when", ["before", "after", "between", "twice"])
def test_a_liar_is_named_once_and_moves_no_number(recorded, lie, when):
    """One number told otherwise than the platform says: one mismatch that names it, and books that are right all the same."""
    batches, told, now, truth = recorded
    kind, name, field, suits, false = LIES[lie]
    lied = next(line for line in told if line["kind"] == kind and line["agent_id"] == name and suits(line))
    lines = [{**line, field: false} if line is lied else line for line in told]
    places = {"before": [1], "after": [len(batches)], "between": [len(batches) // 2], "twice": [1, len(batches)]}[when]
    state, again = run(rebuilt(batches, dict.fromkeys(places, lines), now))
    _, mismatches = compare(truth, state)
    assert [(one["agent"], one["kind"].split()[0], one["fleawatch"]) for one in mismatches] == [
        (name, field, float(false))
    ]
    counted = {one.agent_id: one.tallies.counters.get("pf_report_differences_total") for one in state.agents.values()}
    assert {who: lies for who, lies in counted.items() if lies} == {name: {(field,): 1}}
    alone, _ = run(rebuilt(batches, {}, now))
    assert all_ledgers(state, heard=False) == all_ledgers(alone, heard=False)
    assert again == digest(state)
