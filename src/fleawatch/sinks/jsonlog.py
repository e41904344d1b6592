"""Outputs as lines of JSON: one object a line, for people with `jq` and for log stores.

A line carries the fields every line has and those of its event, side by side. Names that a log store takes for itself,
and those of the common fields, are never overwritten by an event's field: it then stands under `field.`. Secrets are
removed from names and values before anything is written.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from fleawatch.catalog.logs import COMMON_FIELDS, RESERVED_FIELDS
from fleawatch.catalog.spec import Severity
from fleawatch.flow.outputs import AnyOutput, Delivery, HaltCommand, Level, Notice, TopUp
from fleawatch.scrub import Plain, scrub, scrub_fields
from fleawatch.units import iso

_TAKEN: Final = frozenset((*COMMON_FIELDS, *RESERVED_FIELDS, "service", "logger"))
_OTHER_LINE_ENDS: Final = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""What JSON leaves as it is and some readers take for the end of a line."""

_encode: Final = msgspec.json.Encoder().encode


_LEVELS: Final[dict[Severity, Level]] = {"critical": "critical", "warning": "warning", "info": "info", "none": "info"}


def _told(output: AnyOutput) -> Notice | None:
    """What a line says of an output; None for what is no news beside the alert it carries."""
    if isinstance(output, Notice):
        return output
    if isinstance(output, (Delivery, HaltCommand, TopUp)):
        return None
    fields: dict[str, str | float | int | bool | None] = {
        "alertname": output.alert,
        "severity": output.severity,
        "fingerprint": output.fingerprint,
        "reason": output.reason,
        "value": output.value,
    }
    return Notice(
        key=output.key,
        agent_id=output.agent_id,
        at=output.at,
        event="alert_resolved" if output.change == "resolved" else "alert_fired",
        level="info" if output.change == "resolved" else _LEVELS[output.severity],
        message=output.summary,
        fields=fields,
    )


class Writable(Protocol):
    """A text stream: standard output, an open file, `io.StringIO`."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


class JsonLog:
    """Writes each output as one line and flushes it.

    A repeated output is a repeated line: its `key` tells. Errors of the stream go to the caller, who tries again. The
    stream belongs to whoever opened it, so `close` flushes it and leaves it open.
    """

    def __init__(self, stream: Writable, *, service: str = "fleawatch", logger: str = "fleawatch") -> None:
        self._stream = stream
        self._service = service
        self._logger = logger

    def emit(self, output: AnyOutput) -> None:
        told = _told(output)
        if told is None:
            return
        line: dict[str, Plain] = {
            "timestamp": iso(output.at),
            "level": told.level,
            "logger": self._logger,
            "message": scrub(told.message),
            "service": self._service,
            "event": told.event,
            "agent_id": scrub(output.agent_id),
            "key": scrub(output.key),
        }
        for name, value in scrub_fields(told.fields).items():
            line[f"field.{name}" if name in _TAKEN or name in line else name] = value
        # One write, so that lines of several threads do not mix. JSON escapes line feeds; NaN and infinity become null.
        self._stream.write(_encode(line).decode().translate(_OTHER_LINE_ENDS) + "\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()
