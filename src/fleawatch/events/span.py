"""A finished span: one timed operation of an agent, as plain values. No fact: money never depends on it.

Names and attributes are those of the catalog. Trace and span ids are integers; in text they are 32 and 16 hex digits.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SpanKind = Literal["internal", "client", "producer", "consumer"]
AttributeValue = str | bool | int | float | tuple[str, ...]
Attributes = dict[str, AttributeValue]


class SpanEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something at a moment within a span. `at_ns` in unix nanoseconds."""

    name: str
    at_ns: int
    attributes: Attributes = {}


class SpanLink(msgspec.Struct, frozen=True, kw_only=True):
    """A span of another trace that this one belongs to without being its child."""

    trace_id: int
    span_id: int
    attributes: Attributes = {}


class SpanRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A span that has ended.

    Attributes:
        trace_id, span_id: never 0.
        parent_id: span it is a child of; 0 for the root of a trace.
        sampled: whether it is exported; one that is not is still counted and judged.
        start_ns, end_ns: unix nanoseconds, `end_ns >= start_ns`.
        error_type: bounded word for what went wrong; empty on success.
        error_message: scrubbed text; empty on success.
        trace_state: W3C `tracestate` as it came in.
    """

    name: str
    kind: SpanKind
    trace_id: int
    span_id: int
    parent_id: int
    start_ns: int
    end_ns: int
    sampled: bool = True
    attributes: Attributes = {}
    events: tuple[SpanEvent, ...] = ()
    links: tuple[SpanLink, ...] = ()
    error_type: str = ""
    error_message: str = ""
    trace_state: str = ""

    @property
    def duration_s(self) -> float:
        """How long it took, seconds."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def trace(self) -> str:
        """Trace id as 32 hex digits."""
        return f"{self.trace_id:032x}"

    @property
    def span(self) -> str:
        """Span id as 16 hex digits."""
        return f"{self.span_id:016x}"
