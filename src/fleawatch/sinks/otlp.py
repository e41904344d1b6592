"""Spans to a receiver of OTLP, through the official exporters, from a thread of its own.

Only sampled spans are sent. What waits is bounded: when the receiver is slow or gone, the oldest spans are dropped and
counted, and nothing else is held up. A span is a failure when it has an error; success is said by saying nothing.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as OtelEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from fleawatch._version import __version__
from fleawatch.events.span import SpanRecord
from fleawatch.flow.state import FleetState
from fleawatch.ports import Counts, Observed

QUEUE: Final = 8_192
BATCH: Final = 512
EVERY_S: Final = 1.0
GRACE_S: Final = 0.2
"""For a request that is under way when the sink is closed."""
_SCOPE: Final = InstrumentationScope("fleawatch", __version__)
_KINDS: Final[Mapping[str, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


def readable(span: SpanRecord, resource: Resource) -> ReadableSpan:
    """A span as the exporters take it."""
    state = TraceState.from_header([span.trace_state]) if span.trace_state else TraceState()
    attributes: dict[str, Any] = dict(span.attributes)
    status = Status(StatusCode.ERROR, span.error_message or None) if span.error_type else Status(StatusCode.UNSET)
    parent = (
        SpanContext(span.trace_id, span.parent_id, is_remote=False, trace_flags=_SAMPLED) if span.parent_id else None
    )
    return ReadableSpan(
        name=span.name,
        context=SpanContext(span.trace_id, span.span_id, is_remote=False, trace_flags=_SAMPLED, trace_state=state),
        parent=parent,
        resource=resource,
        attributes=attributes,
        events=[OtelEvent(event.name, dict(event.attributes), event.at_ns) for event in span.events],
        links=[
            Link(SpanContext(link.trace_id, link.span_id, is_remote=True, trace_flags=_SAMPLED), dict(link.attributes))
            for link in span.links
        ],
        kind=_KINDS[span.kind],
        status=status,
        start_time=span.start_ns,
        end_time=span.end_ns,
        instrumentation_scope=_SCOPE,
    )


class Otlp:
    """Sends spans.

    Args:
        connect: opens an exporter, which has its own time-out and retries; called again in the child of a fork.
        resource: what is said about the process; `service.instance.id` is added, one for each process.
        size: spans that wait at most.

    Attributes:
        dropped: spans that could not wait, or that the receiver did not acknowledge.
    """

    name = "otlp"
    _sending: int
    _thread: threading.Thread

    def __init__(self, connect: Callable[[], SpanExporter], resource: Mapping[str, Any], *, size: int = QUEUE) -> None:
        self._connect = connect
        # With what OTEL_RESOURCE_ATTRIBUTES says of the deployment, and the SDK of itself; what is given wins.
        self._known = Resource.create(dict(resource))
        self._size = size
        self._waiting: deque[SpanRecord] = deque()
        self._begin()

    def counts(self) -> Counts:
        return {"pf_spans_dropped_total": {(): float(self.dropped)}}

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        waiting, last = self._waiting, 0
        for _, span, _ in seen:
            # The facts of one operation share its span, and follow one another.
            if span is None or not span.sampled or span.span_id == last:
                continue
            last = span.span_id
            if len(waiting) >= self._size:
                waiting.popleft()
                self.dropped += 1
            waiting.append(span)
        if len(waiting) >= BATCH:
            self._wanted.set()

    def beat(self, state: FleetState, now: float) -> None:
        """The thread has a clock of its own."""

    def flush(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while (self._waiting or self._sending) and time.monotonic() < deadline and self._thread.is_alive():
            self._wanted.set()
            time.sleep(0.002)
        return not self._waiting and not self._sending

    def close(self, within_s: float) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        self._wanted.set()
        self._thread.join(within_s)
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._exporter.shutdown()
        # That ends a pause between two attempts. What is under way even then was never acknowledged.
        self._thread.join(GRACE_S)
        self.dropped += self._sending
        self._sending = 0

    def after_fork(self) -> None:
        # The parent's exporter is left alone: closing it here would end what the parent is sending.
        self._waiting = deque()
        self._begin()

    def _begin(self) -> None:
        self.dropped = 0
        self._exporter = self._connect()
        self._resource = self._known.merge(Resource({"service.instance.id": str(uuid.uuid4())}))
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._sending = 0
        self._thread = threading.Thread(target=self._run, name="fleawatch-otlp", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        # What the program instruments, our own sending is no part of.
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
        while True:
            self._wanted.wait(EVERY_S)
            self._wanted.clear()
            while self._waiting:
                self._send()
            if self._ended.is_set():
                return

    def _send(self) -> None:
        batch: list[SpanRecord] = []
        while self._waiting and len(batch) < BATCH:
            self._sending += 1
            batch.append(self._waiting.popleft())
        try:
            result = self._exporter.export([readable(span, self._resource) for span in batch])
            if result is not SpanExportResult.SUCCESS:
                self.dropped += self._sending
        except Exception:  # noqa: BLE001 - whatever an exporter raises, the spans are lost and the thread goes on
            self.dropped += self._sending
        finally:
            self._sending = 0
