"""Trace context as headers of a request: W3C, B3 in one header or in several, as `OTEL_PROPAGATORS` names them.

Without the propagators of the OpenTelemetry distribution, which would be a dependency for each. Baggage goes out only
when it is named. What comes in is a stranger's: it is read strictly, and whether it is believed is for the caller to say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from typing import Final
from urllib.parse import quote

from opentelemetry.baggage import get_all
from opentelemetry.trace import SpanContext, TraceFlags, TraceState, get_current_span

DEFAULT: Final = ("tracecontext",)
KNOWN: Final = frozenset({"tracecontext", "b3", "b3multi", "baggage"})
_LONGEST_BAGGAGE: Final = 4_096
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-[^,]*)?")
_B3: Final = re.compile(r"([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?")
_TRACE: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}")
_SPAN: Final = re.compile(r"[0-9a-f]{16}")
_LONGEST: Final = 512


def chosen(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The propagators that `OTEL_PROPAGATORS` names and that are known here; W3C's when it names none. `none` is none."""
    text = (os.environ if environ is None else environ).get("OTEL_PROPAGATORS", "")
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if names == ["none"]:
        return ()
    return tuple(dict.fromkeys(name for name in names if name in KNOWN)) or DEFAULT


def inject(headers: MutableMapping[str, str], propagators: tuple[str, ...], context: SpanContext | None = None) -> None:
    """Put the context of a span, the current one when None, into headers. Nothing when there is no span."""
    span = get_current_span().get_span_context() if context is None else context
    if "baggage" in propagators and (carried := _baggage()):
        headers["baggage"] = carried
    if not span.is_valid:
        return
    trace, own, sampled = f"{span.trace_id:032x}", f"{span.span_id:016x}", int(span.trace_flags.sampled)
    if "tracecontext" in propagators:
        headers["traceparent"] = f"00-{trace}-{own}-{sampled:02x}"
        if state := span.trace_state.to_header() if span.trace_state else "":
            headers["tracestate"] = state
    if "b3" in propagators:
        headers["b3"] = f"{trace}-{own}-{sampled}"
    if "b3multi" in propagators:
        headers.update({"x-b3-traceid": trace, "x-b3-spanid": own, "x-b3-sampled": str(sampled)})


def extract(headers: Mapping[str, str], propagators: tuple[str, ...]) -> SpanContext | None:
    """The context in headers, by the first propagator that finds one; None without. Never raises.

    Args:
        headers: names in lower case.
        propagators: in order of preference.
    """
    for name in propagators:
        found = _READERS[name](headers) if name in _READERS else None
        if found is not None and found.is_valid:
            return found
    return None


def _w3c(headers: Mapping[str, str]) -> SpanContext | None:
    match = _match(_TRACEPARENT, headers.get("traceparent"))
    if match is None:
        return None
    sampled = bool(int(match[3], 16) & TraceFlags.SAMPLED)
    state = headers.get("tracestate", "")
    known = TraceState.from_header([state]) if 0 < len(state) <= _LONGEST else None
    return _context(match[1], match[2], sampled=sampled, state=known)


def _b3(headers: Mapping[str, str]) -> SpanContext | None:
    match = _match(_B3, headers.get("b3"))
    return None if match is None else _context(match[1], match[2], sampled=match[3] in ("1", "d"))


def _b3multi(headers: Mapping[str, str]) -> SpanContext | None:
    trace = _match(_TRACE, headers.get("x-b3-traceid"))
    span = _match(_SPAN, headers.get("x-b3-spanid"))
    if trace is None or span is None:
        return None
    sampled = headers.get("x-b3-sampled") in ("1", "true") or headers.get("x-b3-flags") == "1"
    return _context(trace[0], span[0], sampled=sampled)


_READERS: Final = {"tracecontext": _w3c, "b3": _b3, "b3multi": _b3multi}


def _match(form: re.Pattern[str], text: object) -> re.Match[str] | None:
    return form.fullmatch(text.strip().lower()) if isinstance(text, str) and len(text) <= _LONGEST else None


def _context(trace: str, span: str, *, sampled: bool, state: TraceState | None = None) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=flags, trace_state=state)


def _baggage() -> str:
    pairs = ",".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in get_all().items())
    return pairs if len(pairs) <= _LONGEST_BAGGAGE else ""
