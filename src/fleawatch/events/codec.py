"""Facts to bytes and back, and the door where bad ones are refused.

The fast path is one pass of the compiled decoder and a check of every number. Only when it fails does the slow path
(`complaints`) look at the fact again, field by field, to report every problem at once.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from fleawatch.errors import BadEvent, Problem
from fleawatch.events.base import SCHEMA_VERSION, Event
from fleawatch.events.complaints import complaints
from fleawatch.events.numbers import Check, checker, newer_version
from fleawatch.events.vocabulary import KINDS, AnyEvent

_encoder: Final = msgspec.json.Encoder()


@cache
def _decoder() -> msgspec.json.Decoder[AnyEvent]:
    """Of every kind; made by the first who reads a fact, because an agent that only tells facts starts sooner without."""
    return msgspec.json.Decoder(AnyEvent)


class _Checks(dict[type[Event], Check]):
    """The check of each kind, made when the first fact of it comes."""

    def __missing__(self, kind: type[Event]) -> Check:
        made = self[kind] = checker(kind)
        return made


_CHECKS: Final = _Checks()


def encode(event: Event) -> bytes:
    """One fact as compact JSON. Amounts are strings, so that no reader loses a digit."""
    return _encoder.encode(event)


def decode(data: bytes | str) -> AnyEvent:
    """One fact from JSON.

    Raises:
        BadEvent: with every problem of the fact: unknown kind or field, wrong type, missing field, NaN, infinity,
            negative time or amount, a number beyond any account, newer schema version.
    """
    try:
        event: AnyEvent = _decoder().decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadEvent("a fact was refused", complaints(data, KINDS, error)) from None
    checked(event)
    return event


def check(event: Event) -> tuple[Problem, ...]:
    """What is wrong with a fact that was built in this process: its numbers, at any depth, and its version."""
    problems: list[Problem] = []
    _CHECKS[type(event)](event, "", problems)
    if event.v > SCHEMA_VERSION:
        problems.append(newer_version(event.v))
    return tuple(problems)


def checked(event: Event) -> None:
    """Refuse a bad fact built in this process.

    Raises:
        BadEvent: as `check` found.
    """
    problems = check(event)
    if problems:
        raise BadEvent(f"a fact of kind {type(event).__struct_config__.tag} was refused", problems)
