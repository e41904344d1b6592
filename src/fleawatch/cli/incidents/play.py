"""Play an incident, or a healthy fleet, from its seed to its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from fleawatch.cli.incidents.score import Outcome, false_pages, mismatches, outcome
from fleawatch.cli.incidents.stage import Record, Stage
from fleawatch.clock import ManualClock
from fleawatch.events import HaltOrdered
from fleawatch.flow.backtest.baseline import baseline_firings
from fleawatch.sandbox.characters.cast import Troupe
from fleawatch.sandbox.incidents.incident import ORIGIN, Incident
from fleawatch.sandbox.incidents.known import HEALTHY_S, healthy
from fleawatch.sandbox.running import Sandbox, Settings
from fleawatch.sandbox.world import World

IN_MEMORY: Final = "memory:"
SECTIONS: Final[Mapping[str, Any]] = {
    "notify": {"channels": {"log": {"kind": "log", "severities": ["critical", "warning"]}}}
}
"""What an operator would add to the configuration: somebody to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What came of a healthy fleet."""

    hours: float
    false_pages: int
    mismatches: int
    titles: tuple[str, ...] = ()


async def play(incident: Incident, seed: int, state: Path | None = None) -> Outcome:
    """Play an incident with this seed, and once more with nobody stopping the agent.

    With `state`, configuration and store of the first run are left there. The rules of the public guides see the facts of
    both runs: where they would have told of it in either, they have caught it.
    """
    record = await recorded(incident, seed, state)
    unguarded = record
    if any(isinstance(fact, HaltOrdered) for fact in record.facts):
        unguarded = await recorded(incident, seed, guarded=False)
    told = await asyncio.to_thread(lambda: guides_caught(incident, record) or guides_caught(incident, unguarded))
    alone = unguarded.equity(unguarded.people[0].name)
    return outcome(incident, record, Decimal(0) if alone is None else alone, baseline=told)


def guides_caught(incident: Incident, record: Record) -> bool:
    """Whether some rule of the public guides tells of the agent or the fleet above info, within the same bound."""
    person = record.people[0]
    if person.wrong_since is None:
        return False
    ends = person.wrong_since + incident.bound_s
    dead = {} if math.isinf(person.silent_at) else {person.name: person.silent_at}
    return any(
        person.wrong_since <= one.at <= ends and one.agent_id in ("", person.name) and one.severity != "info"
        for one in baseline_firings(record.facts, dead=dead)
    )


async def recorded(incident: Incident, seed: int, state: Path | None = None, *, guarded: bool = True) -> Record:
    """Play an incident; what came of it, unjudged. Not `guarded`, agents go on whatever their gates say."""
    return await _staged(
        seed, incident.troupe(seed), incident.lasts_s, incident.interval_s, state,
        guarded=guarded,
        arrange=lambda world: incident.arrange(world, world.fleet[0]),
    )  # fmt: skip


async def play_healthy(seed: int, state: Path | None = None) -> Control:
    """Play a healthy fleet with this seed."""
    record = await _staged(seed, healthy(seed), HEALTHY_S, 15.0, state)
    woken = false_pages(record, set())
    return Control(
        hours=HEALTHY_S / 3_600.0,
        false_pages=len(woken),
        mismatches=len(mismatches(record)),
        titles=tuple(one.title for one in woken),
    )


async def _staged(
    seed: int,
    troupe: Troupe,
    seconds: float,
    interval_s: float,
    state: Path | None,
    *,
    guarded: bool = True,
    arrange: Callable[[World], None] = lambda _: None,
) -> Record:
    clock = ManualClock(ORIGIN)
    sandbox = Sandbox(Settings(seed=seed, agents=1, troupe=troupe), clock=clock)
    arrange(sandbox.world)
    with _directory(state) as directory:
        try:
            await sandbox.start()
            store = IN_MEMORY if state is None else str(directory)
            stage = Stage(sandbox, clock, directory, store=store, interval_s=interval_s, more=SECTIONS, guarded=guarded)
            return await stage.play(seconds)
        finally:
            await sandbox.close()


@contextlib.contextmanager
def _directory(state: Path | None) -> Iterator[Path]:
    if state is not None:
        state.mkdir(parents=True, exist_ok=True)
        yield state
        return
    with tempfile.TemporaryDirectory(prefix="fleawatch-incident-") as scratch:
        yield Path(scratch)
