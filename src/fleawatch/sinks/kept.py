"""What one process of several writes down after every batch, and what all of them say when one is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.spec import Owner
from fleawatch.events import BalanceRead, Heartbeat
from fleawatch.flow.samples import OF_PROCESS, Sample, readers_of, samples
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.sinks.merging import Ended, Series, Sheet, merged, rendered, shown
from fleawatch.sinks.process import ProcessReading

_MOST_HEARD: Final = 500
"""Kinds and balances whose times are kept; labels are bounded, so an agent has far fewer."""


class Files(Protocol):
    """What is used of `workers.WorkerFiles`."""

    def write(self, sheet: Sheet) -> None: ...

    def read(self) -> tuple[list[Sheet], Ended]: ...

    def close(self) -> None: ...

    def after_fork(self) -> None: ...


class Kept:
    """The metrics of this process, kept where the others find them. A process takes part from its first fact on.

    Args:
        files: this process's own, and those of the others.
        owners: whose metrics are kept.
        process: what this process says of itself; asked once a second.
    """

    def __init__(self, files: Files, owners: tuple[Owner, ...], process: ProcessReading) -> None:
        self._files = files
        self._readers = readers_of(CATALOG, *owners)
        self._process = process
        self._of_process = OF_PROCESS.intersection(metric.name for metric in CATALOG.owned_by(*owners))
        self._agent_id = ""
        self._acted_at = 0.0
        self._began = 0.0
        self._at = 0.0
        self._heard: dict[str, float] = {}
        self._about: list[Series] = []

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        """Write down what is known after these.

        Raises:
            OSError: it could not be written.
        """
        for fact, *_ in seen:
            if fact is None:
                continue
            self._agent_id = fact.agent_id
            self._at = max(self._at, fact.seen_at)
            self._began = self._began or fact.seen_at
            if not isinstance(fact, Heartbeat):
                self._acted_at = max(self._acted_at, fact.seen_at)
            kind = str(type(fact).__struct_config__.tag)
            self._heard[kind] = max(self._heard.get(kind, 0.0), fact.at)
            if isinstance(fact, BalanceRead) and len(self._heard) < _MOST_HEARD:
                self._heard[f"{kind}:{fact.currency}:{fact.wallet_type}"] = fact.at
                self._heard[f"{kind}@{fact.service}"] = fact.at
        self._write(state)

    def beat(self, state: FleetState, now: float) -> None:
        """Write down what the clock changes."""
        self._at = now
        if self._agent_id:
            self._about = self._of_this_process()
            self._write(state)

    def body(self, state: FleetState | None, at: float, *, openmetrics: bool) -> bytes:
        """What all processes say.

        Raises:
            OSError: the folder cannot be read or written.
            TimeoutError: another process has been reading it for too long.
        """
        self._at = at
        if state is not None and self._agent_id:
            self._about = self._about or self._of_this_process()
            self._write(state)
        return rendered(merged(*self._files.read(), at), openmetrics=openmetrics)

    def close(self, state: FleetState | None) -> None:
        """Write down the last word, and end."""
        try:
            if state is not None and self._agent_id:
                self._write(state)
        finally:
            self._agent_id = ""
            self._files.close()

    def after_fork(self) -> None:
        """The child writes a file of its own."""
        self._files.after_fork()
        self._agent_id, self._acted_at, self._began, self._at = "", 0.0, 0.0, 0.0
        self._heard.clear()
        self._about = []

    def _write(self, state: FleetState) -> None:
        series = shown(samples(self._readers, state, self._at))
        acted = self._acted_at > 0.0
        self._files.write(
            Sheet(self._agent_id, acted, self._heard, series + self._about, self._at, self._began, self._acted_at)
        )

    def _of_this_process(self) -> list[Series]:
        return shown(
            Sample(CATALOG.metrics[name], labels, value)
            for name, found in self._process().items()
            if name in self._of_process
            for labels, value in found.items()
        )
