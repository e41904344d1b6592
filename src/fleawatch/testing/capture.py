"""Test your own instrumentation: what your code told, as plain data, on a clock and with ids that are the same every time.

    def test_it_records_the_fill():
        with capture() as seen:
            buy(seen.telemetry)                      # your code
        assert seen.facts("order_filled")[0]["price"] == "100.1"

Nothing is sent anywhere, the environment is not looked at, and a mistake in what is told is raised.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from fleawatch.events import encode
from fleawatch.flow.outputs import Notice
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.telemetry import Telemetry
from fleawatch.sdk.timing import ManualTiming
from fleawatch.sinks.factlog import Lines
from fleawatch.sinks.recorder import Recorder

WITHIN_S = 10.0


class Captured:
    """What was told so far.

    Attributes:
        telemetry: to hand to the code under test.
        timing: its clocks; `timing.advance(seconds)` lets time pass.
    """

    def __init__(self, agent_id: str, strategy: str, seed: int, **chosen: Any) -> None:
        self.timing = ManualTiming()
        self._recorder = Recorder()
        self._log = _Log()
        self.telemetry = Telemetry(
            agent_id, strategy=strategy, sinks=[self._recorder, self._log], heartbeat_s=None, ids=Ids(seed=seed),
            timing=self.timing, environ={}, **chosen,
        )  # fmt: skip

    def facts(self, kind: str = "") -> list[dict[str, Any]]:
        """Facts as JSON documents, all or those of a kind (`order_filled`); amounts are text, so that no digit is lost."""
        self._carry()
        found = [json.loads(encode(fact)) for fact in self._recorder.facts]
        return [fact for fact in found if not kind or fact["kind"] == kind]

    def spans(self, name: str = "") -> list[dict[str, Any]]:
        """Finished spans, all or those of a name; ids are text."""
        self._carry()
        found = []
        for span in self._recorder.spans:
            document = msgspec.to_builtins(span)
            document |= {"trace_id": span.trace, "span_id": span.span, "duration_s": span.duration_s}
            document["parent_id"] = f"{span.parent_id:016x}" if span.parent_id else ""
            found.append(document)
        return [span for span in found if not name or span["name"] == name]

    def metrics(self) -> dict[str, float]:
        """Samples by name with labels, as Prometheus would read them: `pf_orders_total{agent_id="a-1",...}`."""
        self._carry()
        body = self.telemetry.metrics().decode()
        lines = (line.rpartition(" ") for line in body.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def logs(self, event: str = "") -> list[dict[str, Any]]:
        """Lines of the structured log, all or those of an event (`trade_executed`)."""
        self._carry()
        found = [json.loads(line) for line in self._log.written()]
        return [line for line in found if not event or line["event"] == event]

    def _carry(self) -> None:
        """Wait for the worker; raises what was wrong with what was told."""
        self.telemetry.flush(WITHIN_S)


class _Log:
    """Lines in memory."""

    name = "logs"

    def __init__(self) -> None:
        self.dropped = 0
        self._lines = Lines(service="under-test")
        self._stream = io.BytesIO()
        self._notices: list[Notice] = []

    def written(self) -> list[bytes]:
        return self._stream.getvalue().splitlines()

    def tell(self, notices: Sequence[Notice]) -> None:
        self._notices += notices

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        notices, self._notices = self._notices, []
        self._stream.write(b"".join(self._lines.of(seen, notices)))

    def beat(self, state: FleetState, now: float) -> None:
        """Nothing is due by the clock."""

    def flush(self, within_s: float) -> bool:
        del within_s
        return True

    def close(self, within_s: float) -> None:
        """Nothing is open."""

    def after_fork(self) -> None:
        """Nothing is shared."""


@contextmanager
def capture(agent_id: str = "agent-under-test", *, strategy: str = "", seed: int = 1) -> Iterator[Captured]:
    """Capture what is told to `.telemetry` within the block; it can still be asked after it."""
    found = Captured(agent_id, strategy, seed)
    try:
        yield found
        found.telemetry.flush(WITHIN_S)
    finally:
        found.telemetry.shutdown()
