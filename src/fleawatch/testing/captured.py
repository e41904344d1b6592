"""Test your own instrumentation: what your code told, as plain data, on a clock and with ids that are the same every time.

    def test_it_records_the_fill(capture):                       # a fixture of pytest
        buy(capture.telemetry)                                   # your code
        assert capture.fact("order_filled")["price"] == "100.1"

    with capture() as seen:                                      # the same anywhere: from fleawatch.testing import capture
        buy(seen.telemetry)

Any `Telemetry` that your code makes within the block is captured as well, and one that was made before by `watch`. Nothing
is sent, served or written, and a mistake in what is told is raised.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from typing import Any, Final, NamedTuple

import msgspec

from fleawatch.events import encode
from fleawatch.ports import TelemetrySink
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.logging import Formatter, Origin
from fleawatch.sdk.telemetry.telemetry import Telemetry
from fleawatch.sdk.timing import ManualTiming
from fleawatch.sinks.recorder import Recorder
from fleawatch.testing.found import number, only, samples, summed, words
from fleawatch.testing.lines import HeldLines
from fleawatch.testing.rerouted import WITHIN_S, lend, rerouted

AGENT_ID: Final = "agent-under-test"
_APART: Final = 1_000_003
"""Between the seeds of two agents of one test."""


class _Seen(NamedTuple):
    """One agent, and what it told."""

    telemetry: Telemetry
    recorder: Recorder
    lines: HeldLines


class Captured:
    """What was told so far; of several agents, by one after the other.

    Attributes:
        timing: the clocks; `timing.advance(seconds)` lets time pass, and nothing else does.
    """

    def __init__(self, agent_id: str = AGENT_ID, strategy: str = "", seed: int = 1, **chosen: Any) -> None:
        self.timing = ManualTiming()
        self._chosen = {"agent_id": agent_id, "strategy": strategy, **chosen}
        self._seed = seed
        self._seen: list[_Seen] = []
        self._own: Telemetry | None = None
        self._ends = ExitStack()
        self._scrapes: dict[int, dict[str, float]] = {}
        self._records: list[str] = []

    def __repr__(self) -> str:
        facts = (fact.__struct_config__.tag for one in self._seen for fact in one.recorder.facts)
        spans = (span.name for one in self._seen for span in one.recorder.spans)
        return f"<captured: facts {words(map(str, facts))}; spans {words(spans)}>"

    @property
    def telemetry(self) -> Telemetry:
        """To hand to the code under test; made when it is first asked for."""
        if self._own is None:
            with rerouted(self._making, self.timing, self._ids):
                self._own = Telemetry(environ={}, **self._chosen)
        return self._own

    def watch(self, telemetry: Telemetry) -> Telemetry:
        """Capture one that was made before the block, from now to its end: it begins from nothing, and sends nothing.

        Raises:
            TimeoutError: it was not done with what it was told before.
        """
        if all(one.telemetry is not telemetry for one in self._seen):
            ids, place = self._ids(telemetry.settings.sample), len(self._seen)
            give_back = lend(telemetry, self._taking(telemetry), self.timing, ids)
            self._ends.callback(self._return, place, give_back)
        return telemetry

    def facts(self, kind: str = "") -> list[dict[str, Any]]:
        """Facts as JSON documents, all or those of a kind (`order_filled`); amounts are text, so that no digit is lost."""
        self._carry()
        found = [json.loads(encode(fact)) for one in self._seen for fact in one.recorder.facts]
        return [fact for fact in found if not kind or fact["kind"] == kind]

    def fact(self, kind: str) -> dict[str, Any]:
        """The only fact of a kind; an AssertionError that names what was told when there is none, or another."""
        return only(self.facts(kind), "facts", kind, (fact["kind"] for fact in self.facts()))

    def spans(self, name: str = "") -> list[dict[str, Any]]:
        """Finished spans, all or those of a name; ids are text."""
        self._carry()
        found = []
        for span in (span for one in self._seen for span in one.recorder.spans):
            document = msgspec.to_builtins(span)
            document |= {"trace_id": span.trace, "span_id": span.span, "duration_s": span.duration_s}
            document["parent_id"] = f"{span.parent_id:016x}" if span.parent_id else ""
            found.append(document)
        return [span for span in found if not name or span["name"] == name]

    def span(self, name: str) -> dict[str, Any]:
        """The only finished span of a name; an AssertionError that names those there are when there is none, or another."""
        return only(self.spans(name), "spans", name, (span["name"] for span in self.spans()))

    def metrics(self) -> dict[str, float]:
        """Samples by name with labels, as Prometheus would read them: `pf_orders_total{agent_id="a-1",...}`."""
        self._carry()
        return summed(self._scrapes.get(place) or self._scrape(place) for place in range(len(self._seen)))

    def metric(self, name: str, **labels: object) -> float:
        """The sample with these labels, whatever its others are; an AssertionError that shows those near it when it is not one."""
        return number(self.metrics(), name, labels)

    def logs(self, event: str = "") -> list[dict[str, Any]]:
        """Lines of the structured log, all or those of an event (`trade_executed`)."""
        self._carry()
        found = [json.loads(line) for one in self._seen for line in one.lines.written()]
        return [line for line in found if not event or line["event"] == event]

    def log(self, event: str) -> dict[str, Any]:
        """The only line of an event; an AssertionError that names those there are when there is none, or another."""
        return only(self.logs(event), "lines", event, (line["event"] for line in self.logs()))

    def records(self) -> list[dict[str, Any]]:
        """What `logging` was given in the block, as `log_handler` would write it: `message`, `level`, `logger`, ids."""
        return [json.loads(line) for line in self._records]

    def end(self) -> None:
        """Carry what is left, end what was made, give back what was lent; raises what was wrong with what was told."""
        with self._ends:
            self._carry()

    def _return(self, place: int, give_back: Callable[[], None]) -> None:
        self._scrapes[place] = self._scrape(place)
        give_back()

    def _scrape(self, place: int) -> dict[str, float]:
        return samples(self._seen[place].telemetry.metrics().decode())

    def _taking(self, telemetry: Telemetry) -> Sequence[TelemetrySink]:
        recorder, lines = Recorder(), HeldLines()
        self._seen.append(_Seen(telemetry, recorder, lines))
        return (recorder, lines)

    def _making(self, telemetry: Telemetry) -> Sequence[TelemetrySink]:
        self._ends.callback(telemetry.shutdown)
        return self._taking(telemetry)

    def _ids(self, sample: float) -> Ids:
        return Ids(sample, seed=self._seed + _APART * len(self._seen))

    def _carry(self) -> None:
        """Wait for the workers; raises what was wrong with what was told."""
        for place, one in enumerate(self._seen):
            if place not in self._scrapes:
                one.telemetry.flush(WITHIN_S)

    def _log(self, record: logging.LogRecord) -> None:
        origin = Origin.of(self._seen[-1].telemetry) if self._seen else Origin(str(self._chosen["agent_id"]))
        dated = copy(record)
        dated.created = self.timing.now()
        self._records.append(Formatter(origin).format(dated))


class _Handler(logging.Handler):
    """Gives records of the block to what is captured, in the thread and task that logs."""

    def __init__(self, captured: Captured) -> None:
        super().__init__()
        self._captured = captured

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        try:
            self._captured._log(record)  # noqa: SLF001 - the other half
        except Exception:  # noqa: BLE001 - as every handler of the library does
            self.handleError(record)


@contextmanager
def capture(agent_id: str = AGENT_ID, *, strategy: str = "", seed: int = 1) -> Iterator[Captured]:
    """Capture what is told within the block, to `.telemetry` and to any other that is made in it; it can still be asked after it."""
    found = Captured(agent_id, strategy, seed)
    handler = _Handler(found)
    logging.getLogger().addHandler(handler)
    try:
        with rerouted(found._making, found.timing, found._ids):  # noqa: SLF001 - the other half
            yield found
    except BaseException:
        # What the block raised is what its reader must see.
        with suppress(Exception):
            found.end()
        raise
    else:
        found.end()
    finally:
        logging.getLogger().removeHandler(handler)
