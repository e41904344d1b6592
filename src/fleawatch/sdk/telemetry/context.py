"""Which span is current, and the ids of new ones: the OpenTelemetry context, without its SDK.

A span of ours is a `NonRecordingSpan` in the context, so that instrumented clients and the user's own spans become its
children and its ids are propagated; what it took and how it ended is recorded by us, off the caller's thread.
"""

from __future__ import annotations

from contextvars import Token
from random import Random
from typing import Final, NamedTuple

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, set_span_in_context

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
_LARGEST: Final = float(1 << 63)


class Place(NamedTuple):
    """Where a new span stands. `parent_id` is 0 for a root."""

    trace_id: int
    span_id: int
    parent_id: int
    sampled: bool
    trace_state: str


class Ids:
    """New ids, and whether a new trace is sampled: by its id, so that every process decides alike.

    Args:
        ratio: share of new traces that is sampled, 0..1.
        seed: of the ids; the system's randomness when None. Ids are no secrets.
    """

    def __init__(self, ratio: float = 1.0, seed: int | None = None) -> None:
        self._seed = seed
        self._random = Random(seed)  # noqa: S311 - ids of spans are no secrets
        self._bound = int(ratio * _LARGEST)

    def under(self, parent: SpanContext | None) -> Place:
        """A place under `parent`; with None, or one that is not valid, the root of a new trace."""
        bits = self._random.getrandbits
        span_id = bits(64) or 1
        if parent is None or not parent.is_valid:
            trace_id = bits(128) or 1
            return Place(trace_id, span_id, 0, self.samples(trace_id), "")
        state = parent.trace_state.to_header() if parent.trace_state else ""
        return Place(parent.trace_id, span_id, parent.span_id, parent.trace_flags.sampled, state)

    def samples(self, trace_id: int) -> bool:
        """Whether a trace is sampled, as its id says."""
        return (trace_id & (1 << 63) - 1) < self._bound

    def after_fork(self) -> None:
        """The child must not give the ids of its parent again."""
        if self._seed is None:
            self._random.seed()


def current() -> SpanContext:
    """The span that is current; not valid when there is none."""
    return get_current_span().get_span_context()


def entered(place: Place) -> Token[Context]:
    """Make a span of ours the current one."""
    flags = _SAMPLED if place.sampled else _NOT_SAMPLED
    span = NonRecordingSpan(SpanContext(place.trace_id, place.span_id, is_remote=False, trace_flags=flags))
    return attach(set_span_in_context(span))


def left(token: Token[Context]) -> None:
    """Make the span before current again."""
    detach(token)
