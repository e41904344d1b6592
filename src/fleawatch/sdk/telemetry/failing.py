"""What an operation tells that failed and that no fact of its own speaks of: `agent_error`, once for each error.

Orders, bets, creations of escrows, claims, signals, cycles and calls say themselves how they ended. A balance check, a step of
an escrow, a poll or a task has a fact for what it came to and none for a failure; without this it would leave a span alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from fleawatch.events import AgentError
from fleawatch.events.span import SpanRecord
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.operation import Operation

_PREFIX: Final = "pf."


def with_failure(item: Operation, span: SpanRecord | None, drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts of an operation, or where it has none and failed, that it did.

    An error that passes through several operations is told of by the innermost one that tells of it in this way. Called once
    for each operation, in the order in which they ended: those within come before those around.

    Args:
        item: has ended.
        span: says whether it failed, and why; None when it could not be described.
        drafts: its own facts.
    """
    error = item.error
    counted = error is not None and item.counted is error
    found = list(drafts)
    if not found and not counted:
        found = _failure(item, span)
        counted = bool(found)
    if error is not None and counted and item.around is not None:
        item.around.counted = error
    return found


def _failure(item: Operation, span: SpanRecord | None) -> list[Draft]:
    why = item.why() if span is None else span.error_type
    if not why:
        return []
    fields = {
        "component": item.span_name.removeprefix(_PREFIX),
        "message": "" if span is None else span.error_message,
        "outcome": _outcome(item),
        "error_type": why,
        "trace_id": item.trace_id,
    }
    return [Draft(AgentError, item.ended_at, "", fields)]


def _outcome(item: Operation) -> Literal["error", "timeout", "cancelled"]:
    outcome = item.outcome()
    if outcome == "cancelled":
        return "cancelled"
    # What was sent and not answered may have been done: for the platform's counters, too, that is a time-out.
    return "timeout" if outcome == "timeout" or item.doubt else "error"
