"""Which numbers a fact may carry: finite, of a size that can be summed, and no smaller than their field allows.

The rules are read once from the annotations of the facts. JSON cannot say NaN, but a decimal in a string can, and a
fact that was built in this process was never decoded at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from types import NoneType
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.inspect import (
    DecimalType,
    DictType,
    Field,
    FloatType,
    IntType,
    Metadata,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from fleawatch.errors import Problem
from fleawatch.events.base import LARGEST, SCHEMA_VERSION

Check = Callable[[Any, str, list[Problem]], None]
"""Appends what is wrong with a value to a list; the text is where the value stands."""

_DIGITS: Final = 20
"""`LARGEST` as a power of ten."""


class Bounds(NamedTuple):
    """The smallest and largest number a field takes; None where only `LARGEST` bounds it."""

    least: float | None = None
    most: float | None = None


def newer_version(version: int) -> Problem:
    """The complaint about a fact written by a newer release."""
    return Problem("v", f"was {version}; this release knows up to {SCHEMA_VERSION}", "upgrade Fleawatch to read it")


def complaint(where: str, value: float | Decimal, bounds: Bounds) -> Problem | None:
    """What is wrong with one number, or None."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            return Problem(where, f"was {value}", "send a finite number, or leave an unknown one out")
        beyond = bool(value) and value.adjusted() >= _DIGITS
    elif value - value != 0:
        return Problem(where, f"was {value}", "send a finite number, or leave an unknown one out")
    else:
        beyond = not -LARGEST < value < LARGEST
    if beyond:
        return Problem(where, f"was {value:.6g}, beyond any account", f"send a number below {LARGEST:g}")
    if bounds.least is not None and value < bounds.least:
        return Problem(where, f"was {value}", f"send a number of at least {bounds.least:g}")
    if bounds.most is not None and value > bounds.most:
        return Problem(where, f"was {value}", f"send a number of at most {bounds.most:.15g}; times are unix seconds")
    return None


def options(kind: Type) -> tuple[Type, ...]:
    """The alternatives of a type; itself when it is no union."""
    return kind.types if isinstance(kind, UnionType) else (kind,)


def plain(kind: Type) -> Type:
    """A type without what its annotation adds."""
    return kind.type if isinstance(kind, Metadata) else kind


def bounds_of(kind: Type) -> Bounds | None:
    """The bounds of a numeric type, None when it is no number."""
    for option in options(kind):
        inner = plain(option)
        if isinstance(inner, FloatType | IntType):
            least = inner.ge
        elif isinstance(inner, DecimalType):
            least = None
        else:
            continue
        if isinstance(option, Metadata):
            least = (option.extra or {}).get("minimum", least)
        return Bounds(least, None if isinstance(inner, DecimalType) else inner.le)
    return None


def checker(kind: type[msgspec.Struct]) -> Check:
    """The check of every number of a struct, at any depth."""
    info = type_info(kind)
    if not isinstance(info, StructType):
        raise TypeError(f"{kind} was no struct; only structs have fields to check")
    return _struct(info.fields)


def _struct(fields: tuple[Field, ...]) -> Check:
    numbers = [
        (field.name, bounds, *_usual(bounds), *_usual_decimals(bounds))
        for field in fields
        if (bounds := bounds_of(field.type)) is not None
    ]
    nested = [(field.name, inner) for field in fields if (inner := _nested(field.type)) is not None]

    def check_struct(value: Any, where: str, problems: list[Problem]) -> None:
        for name, bounds, least, most, low, beyond in numbers:
            number = getattr(value, name)
            # These two lines pass nearly every number there is.
            if number is None or (type(number) is float and least <= number <= most):
                continue
            if type(number) is Decimal and number.is_finite() and low <= number < beyond:
                continue
            if (problem := complaint(where + name, number, bounds)) is not None:
                problems.append(problem)
        for name, inner in nested:
            inner(getattr(value, name), where + name, problems)

    return check_struct


def _usual(bounds: Bounds) -> tuple[float, float]:
    """A range in which no float has a complaint."""
    least, most = math.nextafter(-LARGEST, 0.0), math.nextafter(LARGEST, 0.0)
    return (
        least if bounds.least is None else max(least, bounds.least),
        most if bounds.most is None else min(most, bounds.most),
    )


def _usual_decimals(bounds: Bounds) -> tuple[Decimal, Decimal]:
    """A range in which no decimal has a complaint, the second excluded."""
    beyond = Decimal(10) ** _DIGITS
    if bounds.most is not None:
        return beyond, beyond  # a time or a count is no decimal, and has every question asked
    return Decimal(bounds.least) if bounds.least is not None else 1 - beyond, beyond


def _nested(kind: Type) -> Check | None:
    """The check of a struct, tuple or map inside a fact; None when it holds no numbers."""
    structs = {option.cls: option for option in options(kind) if isinstance(option, StructType)}
    if structs:
        checks: dict[type, Check] = {cls: _struct(option.fields) for cls, option in structs.items()}
        checks[NoneType] = _nothing
        return lambda value, where, problems: checks[type(value)](value, f"{where}.", problems)
    for option in options(kind):
        inner = plain(option)
        if isinstance(inner, VarTupleType) and (item := _item(inner.item_type)) is not None:
            return _rows(item)
        if isinstance(inner, DictType) and (item := _item(inner.value_type)) is not None:
            return _values(item)
    return None


def _nothing(_: Any, __: str, ___: list[Problem]) -> None:
    """A struct that may be left out holds no numbers where it is."""


def _item(kind: Type) -> Check | None:
    bounds = bounds_of(kind)
    if bounds is None:
        return _nested(kind)

    def check_number(value: Any, where: str, problems: list[Problem]) -> None:
        if (problem := complaint(where, value, bounds)) is not None:
            problems.append(problem)

    return check_number


def _rows(item: Check) -> Check:
    def check_rows(rows: Any, where: str, problems: list[Problem]) -> None:
        for index, row in enumerate(rows):
            item(row, f"{where}[{index}]", problems)

    return check_rows


def _values(item: Check) -> Check:
    def check_values(values: Any, where: str, problems: list[Problem]) -> None:
        for key, value in values.items():
            item(value, f"{where}.{key}", problems)

    return check_values
