"""What every store asks of the facts it is to record, so that all of them refuse the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from fleawatch.errors import BadEvent, StoreError
from fleawatch.events import AnyEvent, Event, decode, encode
from fleawatch.flow.outputs import AnyOutput, Output, decode_output, encode_output
from fleawatch.ports import Snapshot


class Ready(NamedTuple):
    """A fact as it will be read back, and its body as JSON."""

    event: AnyEvent
    body: str


def ready(facts: Sequence[Event]) -> list[Ready]:
    """The facts, each read back from its own body: one that cannot be read back would stop every later start.

    Raises:
        StoreError: a fact could not be read back, or occurs twice.
    """
    batch: list[Ready] = []
    seen: set[str] = set()
    for fact in facts:
        if fact.fact_id in seen:
            raise StoreError(
                f"fact {fact.fact_id} occurs twice in one commit. Remedy: merge the reports of one fact first."
            )
        seen.add(fact.fact_id)
        try:
            body = encode(fact)
            batch.append(Ready(decode(body), body.decode()))
        except (BadEvent, msgspec.MsgspecError, UnicodeError, TypeError) as error:
            raise StoreError(
                f"fact {fact.fact_id!r} could not be recorded: {error}. Remedy: check facts where they come in."
            ) from error
    return batch


def ready_outputs(outputs: Sequence[Output]) -> list[tuple[AnyOutput, str]]:
    """The outputs, each read back from its own body, with that body as JSON; the first of one key only.

    Raises:
        StoreError: an output could not be read back.
    """
    news: dict[str, tuple[AnyOutput, str]] = {}
    for output in outputs:
        try:
            body = encode_output(output)
            news.setdefault(output.key, (decode_output(body), body.decode()))
        except (msgspec.MsgspecError, UnicodeError, TypeError) as error:
            raise StoreError(
                f"output {output.key!r} could not be recorded: {error}. Remedy: check outputs where they are made."
            ) from error
    return list(news.values())


def seen_at(batch: Sequence[Ready], output: Output) -> float:
    """When the reason for an output was seen, unix seconds; without facts beside it, when the output says it was."""
    return batch[-1].event.seen_at if batch else output.at


def recorded_twice(fact_ids: Sequence[str]) -> StoreError:
    """The refusal of facts that are recorded already."""
    return StoreError(
        f"fact {fact_ids[0]} is already recorded ({len(fact_ids)} such in this commit). "
        "Remedy: ask known() first, and record a better report as an amendment."
    )


def snapshot_ahead(snapshot: Snapshot, last: int) -> StoreError:
    """The refusal of a snapshot of facts that do not exist: a restart would leave out the facts up to its number."""
    return StoreError(
        f"the snapshot was of fact {snapshot.seq}; the newest recorded one is {last}. "
        "Remedy: save the state after a fact that was committed."
    )


def no_output(output_id: int) -> StoreError:
    """The refusal of a report on an output that is not there."""
    return StoreError(f"there is no output {output_id}. Remedy: report only on outputs that were claimed.")
