"""Operations as spans of the program's own OpenTelemetry tracer provider: ddtrace's, or that of the OpenTelemetry SDK.

They begin and end in the caller's thread, because that is where a provider keeps which span is current: so they are
children of the program's spans and parents of what its instrumented clients do. Whatever goes wrong is counted, and the
operation goes on with ids of our own.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from typing import Final, NamedTuple

from opentelemetry.context import Context, attach
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    get_tracer,
    get_tracer_provider,
    set_span_in_context,
)

from fleawatch._version import __version__
from fleawatch.catalog.datadog import OPERATIONS
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.context import Place, left
from fleawatch.sdk.telemetry.describe import EXCEPTION, Describer
from fleawatch.sdk.telemetry.operation import Operation

_KINDS: Final[Mapping[str, SpanKind]] = {
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_DATADOG_NAMES: Final[Mapping[str, str]] = dict(OPERATIONS)


class Live(NamedTuple):
    """A span that a provider made and that has not ended; `outer` was current before."""

    span: Span
    outer: Span
    token: Token[Context]
    place: Place


class Provider:
    """Hands operations to the provider that is in force when they begin.

    Args:
        describer: of finished operations.
        shield: counts what goes wrong.
    """

    def __init__(self, describer: Describer, shield: Shield) -> None:
        self._describer = describer
        self._shield = shield
        self._tracer = get_tracer("fleawatch", __version__)

    def begin(self, operation: Operation, parent: SpanContext | None) -> Live | None:
        """Begin its span and make it the current one; None when there is no provider that makes spans."""
        try:
            span = self._tracer.start_span(
                operation.span_name,
                context=self._context(operation, parent),
                kind=_KINDS[operation.span_kind],
                links=[Link(SpanContext(one.trace_id, one.span_id, is_remote=True)) for one in operation.links],
            )
            made = span.get_span_context()
            if not made.is_valid or (not span.is_recording() and made == parent):
                return None
            state = made.trace_state.to_header() if made.trace_state else ""
            outer = parent.span_id if parent is not None and parent.is_valid else 0
            place = Place(made.trace_id, made.span_id, outer, made.trace_flags.sampled, state)
            before = get_current_span()
            return Live(span, before, attach(set_span_in_context(span)), place)
        except Exception as error:  # noqa: BLE001 - a provider's fault must not reach the agent
            self._shield.note("provider", error)
            return None

    def note(self, live: Live, name: str, attributes: Mapping[str, object]) -> None:
        """An event of a span that goes on. It happens now: no provider is told a time, for they differ in its unit."""
        try:
            live.span.add_event(self._describer.text(name), self._describer.describe({}, dict(attributes)))
        except Exception as error:  # noqa: BLE001 - as above
            self._shield.note("provider", error)

    def end(self, operation: Operation, live: Live, *, here: bool = True) -> None:
        """Say what became of it, end its span, and make the span before current again, if it is among those that run `here`."""
        try:
            record = operation.record = self._describer.span(operation)
            if record is not None:
                if is_datadog(live.span):
                    live.span.set_attribute("operation.name", _DATADOG_NAMES.get(record.name, record.name))
                live.span.set_attributes(record.attributes)
                if operation.error is not None:
                    # Never `record_exception`, which adds the stack, unscrubbed.
                    live.span.add_event(EXCEPTION, record.events[-1].attributes)
                if record.error_type:
                    live.span.set_status(Status(StatusCode.ERROR, record.error_message or None))
        except Exception as error:  # noqa: BLE001 - as above
            self._shield.note("provider", error)
        # It ends whatever went wrong: a span that stays open would be the parent of everything after it.
        try:
            live.span.end(operation.ended_ns)
            if not here:
                return
            if is_datadog(live.span):
                # Its context goes back to the parent of what ended, and the root of a linked trace has none.
                if live.outer.get_span_context().is_valid:
                    attach(set_span_in_context(live.outer))
            else:
                left(live.token)
        except Exception as error:  # noqa: BLE001 - as above
            self._shield.note("provider", error)

    def _context(self, operation: Operation, parent: SpanContext | None) -> Context | None:
        if not operation.linked:
            return None
        if parent is None:
            return Context()
        return set_span_in_context(NonRecordingSpan(parent), Context())


def is_datadog(thing: object) -> bool:
    """Whether it is a span or provider of Datadog's tracer."""
    return type(thing).__module__.startswith("ddtrace.")


def under_datadog() -> bool:
    """Whether Datadog's tracer is the program's provider. Its context knows no way back from a span that it did not make."""
    return is_datadog(get_tracer_provider())


def remote(trace_id: int, span_id: int, *, sampled: bool) -> SpanContext:
    """The context of a span of somebody else."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
