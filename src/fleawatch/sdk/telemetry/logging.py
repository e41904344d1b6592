"""The agent's own log, joined to its telemetry: for `logging`, a handler, a formatter and a filter; for structlog, a processor.

Each line gets the ids of the operation it was written in, as W3C writes them and as Datadog does, who speaks (agent, service,
environment, version, strategy), and loses its secrets: by pattern in every text, by name in every field.

    logging.getLogger().addHandler(telemetry.log_handler("stdout"))
    structlog.configure(processors=[..., telemetry.log_processor(), structlog.processors.JSONRenderer()])

Ids are taken in the thread and task that logs. Behind a `QueueHandler` put `Enricher` before the queue. Where Datadog's tracer
runs, `dd.trace_id` and `dd.span_id` are those of its active span, in the one form that every line of ours has.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import weakref
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fleawatch.catalog.logs import COMMON_FIELDS, RESERVED_FIELDS
from fleawatch.scrub import Addresses, scrub, scrub_tree, scrub_within, without_addresses
from fleawatch.sdk.telemetry.context import current
from fleawatch.sinks.factlog import trace_fields
from fleawatch.sinks.writer import Writer, encoded
from fleawatch.units import iso

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.telemetry import Telemetry

LONGEST_TEXT: Final = 32_768
"""Characters of a text of a line: a message, a field, a stack."""
_DEEPEST: Final = 6
_MOST_ITEMS: Final = 200
_OWN: Final = "fleawatch_ids"
_TAKEN: Final = frozenset((*COMMON_FIELDS, *RESERVED_FIELDS, "dd.trace_id", "dd.span_id"))
_OF_TRACER: Final = frozenset(("dd.trace_id", "dd.span_id", "dd.service", "dd.version", "dd.env"))
"""What Datadog's tracer puts on records and events by itself; each line of ours says it already."""
_OF_RECORD: Final = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", _OWN))


@dataclass(frozen=True, slots=True)
class Origin:
    """Who speaks. `strategy` is asked for each line, for an agent may follow another one later."""

    agent_id: str
    service: str = ""
    environment: str = ""
    version: str = ""
    strategy: Callable[[], str] = str
    addresses: Addresses = "keep"

    @classmethod
    def of(cls, telemetry: Telemetry) -> Origin:
        """The agent that a telemetry belongs to."""
        told = telemetry.settings
        return cls(
            told.agent_id, told.service_name, told.environment, told.version, lambda: telemetry.strategy, told.addresses
        )

    def fields(self) -> dict[str, str]:
        """What is on every line; what is not known is left out."""
        found = {
            "service": self.service,
            "env": self.environment,
            "version": self.version,
            "agent_id": self.agent_id,
            "strategy": scrub(self.strategy()),
        }
        return {name: value for name, value in found.items() if value}

    def clean(self, value: Any) -> Any:
        """A value of a line without secrets, as plain JSON."""
        return self._addressed(scrub_tree(_plain(value)))

    def text(self, text: str) -> str:
        """A text of a line without secrets."""
        return without_addresses(scrub_within(text, LONGEST_TEXT), self.addresses)

    def _addressed(self, value: Any) -> Any:
        if self.addresses == "keep":
            return value
        if isinstance(value, str):
            return without_addresses(value, self.addresses)
        if isinstance(value, dict):
            return {name: self._addressed(one) for name, one in value.items()}
        return [self._addressed(one) for one in value] if isinstance(value, list) else value


def ids() -> dict[str, str]:
    """Ids of the operation, or of any other span of OpenTelemetry or Datadog, that is current here; empty outside of one.

    A tracer of Datadog that does not speak OpenTelemetry knows nothing of operations. What is Datadog's then names the span
    that is active there, and the rest the operation.
    """
    span, active = current(), _datadog_span()
    found = trace_fields(span.trace_id, span.span_id) if span.is_valid else {}
    if active is None:
        return found
    theirs = trace_fields(*active)
    return {**theirs, **found, **{name: theirs[name] for name in ("dd.trace_id", "dd.span_id")}}


def _datadog_span() -> tuple[int, int] | None:
    """Trace and span that are active in Datadog's tracer; None where it is not loaded, or nothing is."""
    tracer = getattr(sys.modules.get("ddtrace.trace"), "tracer", None)
    try:
        span = None if tracer is None else tracer.current_span()
        return (int(span.trace_id), int(span.span_id)) if span is not None and span.trace_id and span.span_id else None
    except Exception:  # noqa: BLE001 - a stranger's object; a line without its ids is better than none
        return None


def _without_the_tracers(given: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of the fields of a line without those that Datadog's tracer added, where it is loaded."""
    traced = "ddtrace" in sys.modules
    return {name: value for name, value in given.items() if not (traced and name in _OF_TRACER)}


class Enricher(logging.Filter):
    """Puts the ids, and who speaks, on each record, where any formatter finds them: `%(trace_id)s`, `%(agent_id)s`.

    Ids of Datadog have names that a format cannot hold, and stand under `dd_trace_id` and `dd_span_id`.
    """

    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self._origin = origin

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true: nothing is held back."""
        found = ids()
        setattr(record, _OWN, found)
        known = {"trace_id": "", "span_id": "", "dd.trace_id": "", "dd.span_id": "", **self._origin.fields(), **found}
        for name, value in known.items():
            record.__dict__.setdefault(name.replace(".", "_"), value)
        return True


class Formatter(logging.Formatter):
    """Makes a line of JSON of a record, with the names of the catalog."""

    def __init__(self, origin: Origin) -> None:
        super().__init__()
        self._origin = origin

    def format(self, record: logging.LogRecord) -> str:
        origin = self._origin
        enriched = getattr(record, _OWN, None)
        own = origin.fields()
        line: dict[str, Any] = {
            "timestamp": iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": origin.text(record.getMessage()),
            **own,
            **(ids() if enriched is None else enriched),
            **self._error(record),
        }
        given = {name: value for name, value in vars(record).items() if name not in _OF_RECORD}
        if enriched is not None:
            added = {*own, "trace_id", "span_id", "dd_trace_id", "dd_span_id"}
            given = {name: value for name, value in given.items() if name not in added}
        for name, value in origin.clean(_without_the_tracers(given)).items():
            line[f"field.{name}" if name in _TAKEN or name in line else name] = value
        return encoded(line).decode()

    def _error(self, record: logging.LogRecord) -> dict[str, str]:
        found: dict[str, str] = {}
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, _ = record.exc_info
            found = {"error.kind": kind.__name__, "error.message": self._origin.text(_plain(error))}
            record.exc_text = record.exc_text or self.formatException(record.exc_info)
        stack = record.exc_text or (self.formatStack(record.stack_info) if record.stack_info else "")
        return {**found, "error.stack": self._origin.text(stack)} if stack else found


class Handler(logging.Handler):
    """Writes lines to `stdout`, `stderr` or a file from a thread of its own: logging never waits for a disk or a reader.

    The child of a fork has a thread of its own too; what waited is the parent's to write.

    Attributes:
        dropped: lines that had no room, or could not be written.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, origin: Origin, where: str = "stdout", level: int | str = logging.NOTSET) -> None:
        super().__init__(level)
        self._writer = Writer(where)
        self.setFormatter(Formatter(origin))
        _open.add(self)
        self._end_with_child()

    @property
    def dropped(self) -> int:
        """Lines that are nowhere."""
        return self._writer.dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record's line to the thread."""
        try:
            self._writer.put([self.format(record).encode() + b"\n"])
            self._writer.renew()
        except Exception:  # noqa: BLE001 - as every handler of the library does
            self.handleError(record)

    def flush(self) -> None:
        """Wait until what was logged is written, for two seconds at most."""
        if hasattr(self, "_writer"):
            self._writer.flush(2.0)

    def close(self) -> None:
        """Write what waits, and let go. May be called twice."""
        _open.discard(self)
        self._writer.close(2.0)
        super().close()

    def after_fork(self) -> None:
        """This is the child of a fork, which has none of its parent's threads."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            # It forgets the parent's finalizers first, and then calls what was registered here.
            util.register_after_fork(self, Handler._end_with_child)
        self._writer.after_fork()

    def _end_with_child(self) -> None:
        """Write what waits at the end of a child of `multiprocessing` too, which runs finalizers of its own and no `atexit`."""
        process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
        if process is not None and util is not None and process.parent_process() is not None:
            util.Finalize(None, self.flush, exitpriority=0)


_open: Final[weakref.WeakSet[Handler]] = weakref.WeakSet()


def _after_fork() -> None:
    for handler in list(_open):
        handler.after_fork()


os.register_at_fork(after_in_child=_after_fork)


Processor = Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]


def processor(origin: Origin) -> Processor:
    """A processor of structlog. It belongs behind those that make text of errors, and before the one that renders."""

    def process(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        del logger, method
        found = origin.clean(_without_the_tracers(event))
        # Ids of two spans are never mixed in one line.
        own = {} if "trace_id" in found or "span_id" in found else ids()
        for name, value in {**origin.fields(), **own}.items():
            found.setdefault(name, value)
        event.clear()
        event.update(found)
        return event

    return process


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` as plain JSON, bounded in depth and length; an object is its text."""
    if value is None or isinstance(value, bool | int | float):
        return value if not isinstance(value, float) or math.isfinite(value) else None
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(name): _plain(one, depth + 1) for name, one in list(value.items())[:_MOST_ITEMS]}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, depth + 1) for one in list(value)[:_MOST_ITEMS]]
    try:
        text = str(value)  # a text is its own
        return text if len(text) <= LONGEST_TEXT else scrub_within(text, LONGEST_TEXT)
    except Exception as error:  # noqa: BLE001 - a stranger's object; the line is worth more than its text
        return f"<{type(value).__name__}: {type(error).__name__}>"
