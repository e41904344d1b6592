"""Facts to bytes and back, and the door where bad ones are refused.

The fast path is one pass of the compiled decoder and a check that every number is finite. Only when it fails does the
slow path look at the fact again, field by field, to report every problem at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, get_args, get_type_hints

import msgspec

from fleawatch.errors import BadEvent, Problem
from fleawatch.events.base import SCHEMA_VERSION, Event
from fleawatch.events.vocabulary import KINDS, AnyEvent

_decoder: Final = msgspec.json.Decoder(AnyEvent)
_encoder: Final = msgspec.json.Encoder()


def encode(event: Event) -> bytes:
    """One fact as compact JSON. Amounts are strings, so that no reader loses a digit."""
    return _encoder.encode(event)


def decode(data: bytes | str) -> AnyEvent:
    """One fact from JSON.

    Raises:
        BadEvent: with every problem of the fact: unknown kind or field, wrong type, missing field, NaN, infinity,
            negative time or amount, newer schema version.
    """
    try:
        event: AnyEvent = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadEvent("a fact was refused", _explain(data, error)) from None
    problems = check(event)
    if problems:
        raise BadEvent(f"a fact of kind {type(event).__struct_config__.tag} was refused", problems)
    return event


def check(event: Event) -> tuple[Problem, ...]:
    """What is wrong with a fact that was built in this process: numbers that are not finite or below their minimum."""
    problems: list[Problem] = []
    for name, minimum in _NUMBERS[type(event)]:
        value = getattr(event, name)
        if value is None:
            continue
        if not value.is_finite() if isinstance(value, Decimal) else not math.isfinite(value):
            problems.append(Problem(name, f"was {value}", "send a finite number, or leave an unknown one out"))
        elif minimum is not None and value < minimum:
            problems.append(Problem(name, f"was {value}", f"send a number of at least {minimum}"))
    if event.v > SCHEMA_VERSION:
        problems.append(
            Problem("v", f"was {event.v}; this release knows up to {SCHEMA_VERSION}", "upgrade Fleawatch to read it")
        )
    for nested in _NESTED.get(type(event), ()):
        problems += nested(event)
    return tuple(problems)


def checked(event: Event) -> None:
    """Refuse a bad fact built in this process.

    Raises:
        BadEvent: as `check` found.
    """
    problems = check(event)
    if problems:
        raise BadEvent(f"a fact of kind {type(event).__struct_config__.tag} was refused", problems)


def _number_fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, float | None], ...]:
    """Numeric fields of a struct with their minimum, read once from its annotations."""
    found: list[tuple[str, float | None]] = []
    for field in msgspec.inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        minimum: float | None = None
        numeric = False
        options = field.type.types if isinstance(field.type, msgspec.inspect.UnionType) else (field.type,)
        for option in options:
            inner, extra = option, {}
            if isinstance(option, msgspec.inspect.Metadata):
                inner, extra = option.type, option.extra or {}
            if isinstance(inner, msgspec.inspect.FloatType | msgspec.inspect.DecimalType | msgspec.inspect.IntType):
                numeric = True
                bound = extra.get("minimum", getattr(inner, "ge", None))
                minimum = bound if bound is not None else minimum
        if numeric:
            found.append((field.name, minimum))
    return tuple(found)


_NUMBERS: Final = {kind: _number_fields(kind) for kind in KINDS.values()}


def _nested_checks(kind: type[Event]) -> tuple[Callable[[Any], list[Problem]], ...]:
    """Checks for structs, tuples of structs and maps of floats inside a fact."""
    checks: list[Callable[[Any], list[Problem]]] = []
    hints = get_type_hints(kind)
    for name, hint in hints.items():
        arguments = get_args(hint)
        if hint == dict[str, float]:
            checks.append(_map_check(name))
        elif arguments and isinstance(arguments[0], type) and issubclass(arguments[0], Event):
            checks.append(_event_check(name))
        elif arguments and isinstance(arguments[0], type) and issubclass(arguments[0], msgspec.Struct):
            checks.append(_rows_check(name, _number_fields(arguments[0])))
    return tuple(checks)


def _map_check(name: str) -> Callable[[Any], list[Problem]]:
    def check_map(event: Any) -> list[Problem]:
        return [
            Problem(f"{name}.{key}", f"was {value}", "send a finite number")
            for key, value in getattr(event, name).items()
            if not math.isfinite(value)
        ]

    return check_map


def _event_check(name: str) -> Callable[[Any], list[Problem]]:
    def check_event(event: Any) -> list[Problem]:
        return [Problem(f"{name}.{p.where}", p.what, p.remedy) for p in check(getattr(event, name))]

    return check_event


def _rows_check(name: str, numbers: tuple[tuple[str, float | None], ...]) -> Callable[[Any], list[Problem]]:
    def check_rows(event: Any) -> list[Problem]:
        return [
            Problem(f"{name}[{index}].{field}", f"was {value}", f"send a finite number of at least {minimum or 0}")
            for index, row in enumerate(getattr(event, name))
            for field, minimum in numbers
            if (value := getattr(row, field)) is not None
            and (not math.isfinite(value) or (minimum is not None and value < minimum))
        ]

    return check_rows


_NESTED: Final = {kind: checks for kind in KINDS.values() if (checks := _nested_checks(kind))}


def _explain(data: bytes | str, first: Exception) -> tuple[Problem, ...]:
    """Every problem of a fact that the decoder refused. Slow on purpose: it converts field by field."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        return (Problem("", f"was not JSON: {error}", "send one JSON object a fact"),)
    if not isinstance(raw, dict):
        return (Problem("", f"was a JSON {type(raw).__name__}", "send one JSON object a fact"),)
    tag = raw.get("kind")
    kind = KINDS.get(tag) if isinstance(tag, str) else None
    if kind is None:
        return (Problem("kind", f"was {tag!r}", f"send one of {', '.join(sorted(KINDS))}"),)
    return _field_problems(kind, raw) or (Problem("", str(first), "mend the fact and send it again"),)


def _field_problems(kind: type[Event], raw: dict[str, Any]) -> tuple[Problem, ...]:
    hints = get_type_hints(kind, include_extras=True)
    numbers = dict(_NUMBERS[kind])
    known = {field.name: field for field in msgspec.structs.fields(kind)}
    problems = [
        Problem(name, "was not a field of this kind", f"leave it out; known are {', '.join(known)}")
        for name in sorted(raw.keys() - known.keys() - {"kind"})
    ]
    for name, field in known.items():
        if name not in raw:
            if field.required:
                problems.append(Problem(name, "was missing", "send it"))
            continue
        try:
            value = msgspec.convert(raw[name], hints[name], builtin_types=())
        except msgspec.ValidationError as error:
            problems.append(Problem(name, f"was {raw[name]!r}: {error}", "send the documented type"))
            continue
        if name in numbers and isinstance(value, int | float | Decimal):
            problems += _number_problems(name, value, numbers[name])
    return tuple(problems)


def _number_problems(name: str, value: float | Decimal, minimum: float | None) -> list[Problem]:
    if not math.isfinite(value):
        return [Problem(name, f"was {value}", "send a finite number, or leave an unknown one out")]
    if minimum is not None and value < minimum:
        return [Problem(name, f"was {value}", f"send a number of at least {minimum}")]
    return []
