"""State from what was recorded: a state directory, a database file, or a file with one fact a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fleawatch.cli.output import message
from fleawatch.errors import BadEvent, FleawatchError, Problem
from fleawatch.events import Event, decode
from fleawatch.flow.policy import Policy
from fleawatch.flow.snapshot import thaw
from fleawatch.flow.state import FleetState
from fleawatch.flow.step import empty_fleet, step
from fleawatch.ports import Store
from fleawatch.store import FILE_NAME, open_store

PAGE: Final = 5_000
_TELL_EVERY: Final = 100_000


def recorded_state(path: Path, *, progress: bool) -> tuple[FleetState, int]:
    """The newest state of a service's directory: its snapshot and the facts after it; the state and its last fact's number.

    Raises:
        FleawatchError: there is nothing, or it is of another release.
    """
    store = _open(path)
    try:
        snapshot = store.snapshot()
        try:
            state = empty_fleet() if snapshot is None else thaw(snapshot.bodies)
        except ValueError as error:
            raise FleawatchError(f"{path}: {error}. Remedy: use the release that wrote it") from None
        return _fold(state, _facts(store, snapshot.seq if snapshot else 0), progress=progress)
    finally:
        store.close()


def replayed_state(path: Path, *, progress: bool) -> tuple[FleetState, int]:
    """The state after folding every recorded fact from the first one; the state and how many facts there were.

    Raises:
        FleawatchError: there is nothing, or a fact cannot be read.
    """
    if path.is_file() and path.suffix in {".jsonl", ".ndjson", ".json"}:
        return _fold(empty_fleet(), _lines(path), progress=progress)
    store = _open(path)
    try:
        return _fold(empty_fleet(), _facts(store, 0), progress=progress)
    finally:
        store.close()


def _open(path: Path) -> Store:
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise FleawatchError(
            f"{file} does not exist. Remedy: name a service's state directory with --state, or a file of facts"
        )
    return open_store(f"sqlite:{file}", mode="reader")


def _facts(store: Store, after: int) -> Iterator[tuple[int, Event]]:
    while page := store.facts(after=after, limit=PAGE):
        yield from page
        after = page[-1].seq


def _lines(path: Path) -> Iterator[tuple[int, Event]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield number, decode(line)
            except BadEvent as error:
                problems = tuple(Problem(f"line {number} {p.where}".strip(), p.what, p.remedy) for p in error.problems)
                raise BadEvent(f"{path} holds a bad fact", problems) from None


def _fold(state: FleetState, facts: Iterator[tuple[int, Event]], *, progress: bool) -> tuple[FleetState, int]:
    policy, last = Policy(), 0
    for folded, (number, event) in enumerate(facts, start=1):
        state, _ = step(state, event, policy)
        last = number
        if progress and folded % _TELL_EVERY == 0:
            message(f"  {folded:,} facts")
    return state, last
