"""State from what was recorded: a state directory, a database file, or a file with one fact a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from fleawatch.cli.output import message
from fleawatch.errors import BadEvent, FleawatchError, Problem
from fleawatch.events import Event, decode
from fleawatch.flow.rules import RulesInForce
from fleawatch.flow.snapshot import thaw
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.flow.step import step
from fleawatch.ports import Snapshot, Store
from fleawatch.store import FILE_NAME, open_store

PAGE: Final = 5_000
_DECLARES: Final = b'"rules_declared"'
TELL_EVERY: Final = 100_000
_OTHER_RELEASE: Final = {
    False: "Remedy: use the release that wrote it",
    True: "Remedy: replay with the release that kept it; a service of this release keeps its own, and replays begin with "
    "that once it is older than store.keep_readings_hours",
}


class Recorded(NamedTuple):
    """A state, the number of the last fact in it, and that of the last fact that was not folded for it now."""

    state: FleetState
    last: int
    begun_after: int


class History(NamedTuple):
    """What was recorded: the state in which it begins, its facts with their numbers, and whether they declare rules."""

    begin: Callable[[], Recorded]
    facts: Callable[[], Iterator[tuple[int, Event]]]
    declares: bool


def recorded_state(path: Path, *, progress: bool) -> Recorded:
    """The newest state of a service's directory: its snapshot and the facts after it.

    Raises:
        FleawatchError: there is nothing, or it is of another release.
    """
    with closing(_open(path)) as store:
        begin = _thawed(path, store.snapshot(), exact=False)
        return _fold(begin, _facts(store, begin.last), progress=progress)


def replayed_state(path: Path, *, progress: bool, upto: int | None = None) -> Recorded:
    """The state after folding every recorded fact: from the first one, or from the state kept where forgetting ended.

    Args:
        path: a state directory, a database, or a file of facts.
        progress: tell on standard error how far it is.
        upto: number of the last fact to fold; the newest one when None.

    Raises:
        FleawatchError: there is nothing, a fact cannot be read, facts are missing that no kept state contains, or that
            state is of another release.
    """
    if is_text(path):
        return _fold(_nothing(), _lines(path), progress=progress)
    with closing(_open(path)) as store:
        begin = _thawed(path, store.base(), exact=True)
        end = _fold(begin, _facts(store, begin.last, upto), progress=progress)
        after = store.base()
    if (after.seq if after else 0) != begin.last:
        raise FleawatchError(
            f"{path}: the service forgot old readings while they were folded. Remedy: replay once more"
        )
    return end


@contextmanager
def recorded_history(path: Path) -> Iterator[History]:
    """What was recorded, to be folded as often as one likes.

    Args:
        path: a state directory, a database, or a file of facts.

    Raises:
        FleawatchError: as `replayed_state`, when it is read.
    """
    if is_text(path):
        with path.open("rb") as lines:
            declares = any(_DECLARES in line for line in lines)
        yield History(_nothing, lambda: _lines(path), declares)
        return
    with closing(_open(path)) as store:
        base = store.base()
        begin = _thawed(path, base, exact=True)
        declares = begin.state.rules is not None or bool(store.facts(kinds=["rules_declared"], limit=1))
        yield History(lambda: _thawed(path, base, exact=True), lambda: _facts(store, begin.last), declares)


def is_text(path: Path) -> bool:
    """Whether `path` is a file with one fact a line, and not a database."""
    return path.is_file() and path.suffix in {".jsonl", ".ndjson", ".json"}


def _nothing() -> Recorded:
    return Recorded(empty_fleet(), 0, 0)


def _thawed(path: Path, snapshot: Snapshot | None, *, exact: bool) -> Recorded:
    if snapshot is None:
        return _nothing()
    try:
        return Recorded(thaw(snapshot.bodies, exact=exact), snapshot.seq, snapshot.seq)
    except ValueError as error:
        raise FleawatchError(f"{path}: after fact {snapshot.seq}, {error}. {_OTHER_RELEASE[exact]}") from None


def _open(path: Path) -> Store:
    file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise FleawatchError(
            f"{file} does not exist. Remedy: name a service's state directory with --state, or a file of facts"
        )
    return open_store(f"sqlite:{file}", mode="reader")


def _facts(store: Store, after: int, upto: int | None = None) -> Iterator[tuple[int, Event]]:
    while page := store.facts(after=after, limit=PAGE, before=None if upto is None else upto + 1):
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


def _fold(begin: Recorded, facts: Iterator[tuple[int, Event]], *, progress: bool) -> Recorded:
    rules, state, last = RulesInForce(), begin.state, begin.last
    for folded, (number, event) in enumerate(facts, start=1):
        state, _ = step(state, event, rules.policy(state))
        last = number
        if progress and folded % TELL_EVERY == 0:
            message(f"  {folded:,} facts")
    return Recorded(state, last, begin.begun_after)
