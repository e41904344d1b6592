"""Replay equals live however often old readings were forgotten, and says so when it cannot."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from click.testing import CliRunner

from fleawatch.catalog.fleet import CATALOG
from fleawatch.cli import recorded
from fleawatch.cli.recorded import recorded_state, replayed_state
from fleawatch.cli.replay import replay
from fleawatch.clock import ManualClock
from fleawatch.errors import FleawatchError, StoreError
from fleawatch.events import Tick, encode
from fleawatch.flow.snapshot import FLEET, freeze
from fleawatch.service import service as service_module
from fleawatch.service.config import Config
from fleawatch.service.report import digest
from fleawatch.service.service import READINGS, Service
from fleawatch.sinks.prometheus import Exposition
from fleawatch.store import SqliteStore
from fleawatch.testing.fleet import ORIGIN, example_facts

HOURS = 20
KEEP_HOURS = 4.0
FACTS = example_facts(6, HOURS, step_s=600.0)


def hours_of(facts):
    """The facts cut behind the Tick of each hour."""
    batch = []
    for fact in facts:
        batch.append(fact)
        if isinstance(fact, Tick) and (fact.at - ORIGIN) % 3_600 == 0:
            yield fact.at, batch
            batch = []


def watched(path, clock):
    """A service over the database at `path`, that reads nobody."""
    config = Config.model_validate(
        {
            "agents": [{"id": "example", "health_url": "http://127.0.0.1:1"}],
            "store": {"keep_readings_hours": KEEP_HOURS},
        }
    )
    return Service(
        config, clock, open_store=lambda: SqliteStore(path), open_platform=lambda: None, agents=(),
        exposition=Exposition(CATALOG),
    )  # fmt: skip


async def lived(path, *, restart_every=6):
    """Book the facts hour by hour, forgetting at the end of each; restart now and then, every other time unsaved.

    Returns the digest at the end, how many facts there are, and the most snapshots that were kept at a time.
    """
    clock = ManualClock(ORIGIN)
    service = watched(path, clock)
    await service.monitor.recover()
    most = 0
    for number, (at, facts) in enumerate(hours_of(FACTS)):
        clock.advance(at - clock.now())
        await service.monitor.book(facts)
        await service._forget_old()
        most = max(most, len(await service.monitor.in_store(service.monitor.store.kept)))
        if number % restart_every == restart_every - 1:
            if number % (2 * restart_every) < restart_every:
                await service.monitor.save()
            await service.monitor.close()
            service = watched(path, clock)
            await service.monitor.recover()
    end, last = digest(service.monitor.state), service.monitor.seq
    await service.monitor.close()
    return end, last, most


@pytest.fixture(scope="module", name="lived_in")
def _lived_in(tmp_path_factory):
    """A state directory after a day of forgetting and restarting, with what `lived` returned."""
    state = tmp_path_factory.mktemp("lived-in")
    return state, asyncio.run(lived(state / "fleawatch.db"))


@pytest.fixture(name="store")
def _store(tmp_path):
    """A database with the facts of an hour and a state kept in the middle of them; 60 facts before it are forgotten."""
    store = SqliteStore(tmp_path / "fleawatch.db")
    facts = FACTS[:200]
    store.commit(facts[:100], [])
    half, _, _ = recorded._fold(recorded._nothing(), enumerate(facts[:100], start=1), progress=False)
    store.save(recorded.Snapshot(100, freeze(half)), keep_at=ORIGIN)
    store.commit(facts[100:], [])
    yield store
    store.close()


def test_replay_equals_live_after_forgetting_many_times_with_restarts_between(lived_in):
    """Readings of all but the last hours are gone, and folding what is left from the kept state ends as live did."""
    state, (live, last, _) = lived_in
    replayed = replayed_state(state, progress=False)
    assert (digest(replayed.state), replayed.last) == (live, last)
    assert digest(recorded_state(state, progress=False).state) == live
    assert last * 0.6 < replayed.begun_after < last


def test_readings_are_forgotten_in_time_and_few_states_are_kept(lived_in):
    """Nothing read is older than was asked for and a spacing of states more, and no more than six states are kept."""
    state, (_, last, most) = lived_in
    store = SqliteStore(state / "fleawatch.db", mode="reader")
    read = [event.seen_at for _, event in store.facts(kinds=READINGS, limit=last)]
    store.close()
    assert min(read) > FACTS[-1].at - (KEEP_HOURS * 1.25 + 1) * 3_600
    assert most <= service_module.KEPT_STATES + 2


def test_replay_says_with_what_it_began(lived_in):
    """The command finds the states equal, names the fact behind which it began, and ends well."""
    state, (live, last, _) = lived_in
    done = CliRunner().invoke(replay, [str(state), "--compare", "--json"])
    document = json.loads(done.stdout)
    assert (done.exit_code, document["equals_live"], document["digest"]) == (0, True, live)
    assert 0 < document["begun_after_fact"] < document["last_fact"] == last
    text = CliRunner().invoke(replay, [str(state)]).stdout
    assert f"begun with the state kept after fact {document['begun_after_fact']:,}" in text


def test_a_file_of_facts_is_folded_from_its_first_line(tmp_path):
    """A text file begins with nothing: its facts are all there is."""
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b"".join(encode(fact) + b"\n" for fact in FACTS[:50]))
    replayed = replayed_state(path, progress=False)
    assert (replayed.last, replayed.begun_after, sum(replayed.state.facts.values())) == (50, 0, 50)
    done = CliRunner().invoke(replay, [str(path), "--compare"])
    assert (done.exit_code, "text file has no saved state" in done.output) == (2, True)


def test_a_replay_of_an_unfinished_past_can_end_at_any_fact(store, tmp_path):
    """`upto` is the last fact folded, so that live and replay are compared at one moment while the service runs."""
    replayed = replayed_state(tmp_path, progress=False, upto=150)
    assert (replayed.last, sum(replayed.state.facts.values())) == (150, 150)


def test_a_kept_state_of_another_release_is_refused(store, tmp_path):
    """A state that lacks a field of this release is no beginning; the message names fact, field and remedy."""
    assert store.prune(before=ORIGIN + 1, kinds=READINGS) > 0
    base = store.base()
    held, order, body = msgspec.msgpack.decode(base.bodies[FLEET], type=tuple[list[str], list[str], msgspec.Raw])
    older = msgspec.msgpack.encode(([line for line in held if "FleetState.late" not in line], order, body))
    store.save(recorded.Snapshot(base.seq, {**base.bodies, FLEET: older}), keep_at=ORIGIN)
    with pytest.raises(FleawatchError, match=r"after fact 100, .*lacks FleetState\.late: int\. Remedy: replay with"):
        replayed_state(tmp_path, progress=False)
    assert sum(recorded_state(tmp_path, progress=False).state.facts.values()) == 200


def test_missing_facts_without_a_kept_state_are_refused(store, tmp_path):
    """A replay that would leave facts out is no replay."""
    store.prune(before=ORIGIN + 1, kinds=READINGS)
    store._database._connection.execute("DELETE FROM kept_snapshots")
    with pytest.raises(StoreError, match="facts up to number 100 were forgotten before a state"):
        replayed_state(tmp_path, progress=False)


def test_facts_forgotten_while_they_are_folded_are_noticed(store, tmp_path, monkeypatch):
    """When the service forgets between two pages, the replay is refused instead of ending without those facts."""
    store.save(recorded.Snapshot(150, {FLEET: b""}), keep_at=ORIGIN + 10)
    monkeypatch.setattr(recorded, "PAGE", 20)
    facts = recorded._facts

    def interrupted(*asked):
        for place, fact in enumerate(facts(*asked)):
            if place == 30:
                store.prune(before=ORIGIN + 1_000, kinds=READINGS)
            yield fact

    monkeypatch.setattr(recorded, "_facts", interrupted)
    with pytest.raises(FleawatchError, match="forgot old readings while they were folded"):
        replayed_state(tmp_path, progress=False)
