"""What the belt asks the world to do. Outputs are frozen, carry an idempotency key, and are acted on once.

The shell commits them in the same transaction as the fact that caused them, as rows that are claimed once.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Level = Literal["info", "warning", "error", "critical"]


class Output(msgspec.Struct, frozen=True, kw_only=True, tag_field="output", tag=str.lower):
    """Something to do. `key` is the same whenever the same fact is folded: doing it twice is refused by the store."""

    key: str
    agent_id: str
    at: float


class Notice(Output, frozen=True, kw_only=True):
    """A thing worth a line in the log and a mark on a chart.

    Attributes:
        event: name of a log event of the catalog (`escrow_settled`, `large_loss` ...).
        fields: bounded, scrubbed values of the event's fields; money as float USD.
    """

    event: str
    level: Level
    message: str
    fields: dict[str, str | float | int | bool | None] = msgspec.field(default_factory=dict)


AnyOutput = Notice
"""Every kind of output, as one tagged union."""

_decoder: Final = msgspec.json.Decoder(AnyOutput)


def encode_output(output: Output) -> bytes:
    """One output as JSON."""
    return msgspec.json.encode(output)


def decode_output(data: bytes | str) -> AnyOutput:
    """One output from JSON as `encode_output` wrote it."""
    return _decoder.decode(data)
