"""The two shapes of a compiled value: one number under labels that are known beforehand, or a table of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.verdict import Pairs

Number: TypeAlias = float | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number. `key` is None for a constant, which combines with every series; `limit` names it if it is a limit."""

    key: Pairs | None
    read: Callable[[Context], Number]
    limit: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers by their labels; a missing series is not there. `numbers` are the same without labels, where that is less work."""

    read: Callable[[Context], dict[Pairs, Number]]
    numbers: Callable[[Context], Iterable[Number]] | None = None


Compiled: TypeAlias = Scalar | Table


def as_table(value: Compiled) -> Callable[[Context], dict[Pairs, Number]]:
    """The value as a table, whatever its shape."""
    if isinstance(value, Table):
        return value.read
    key, read = value.key or (), value.read
    return lambda context: {key: read(context)}


def mapped(value: Compiled, change: Callable[[float, Context], Number]) -> Compiled:
    """`value` with each number changed; None stays None."""
    if isinstance(value, Scalar):
        read = value.read

        def one(context: Context) -> Number:
            number = read(context)
            return None if number is None else change(number, context)

        return Scalar(value.key, one)
    rows, numbers = value.read, value.numbers

    def changed(context: Context) -> dict[Pairs, Number]:
        return {key: None if number is None else change(number, context) for key, number in rows(context).items()}

    if numbers is None:
        return Table(changed)
    return Table(changed, lambda context: [None if one is None else change(one, context) for one in numbers(context)])


def joined(left: Compiled, right: Compiled, combine: Callable[[Number, Number], Number]) -> Compiled:
    """Both values combined where they have the same labels; a constant combines with every series.

    `combine` sees None where a number is unknown. A series that one table lacks is left out.
    """
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        if left.key is not None and right.key is not None and left.key != right.key:
            raise ValueError(f"labels {left.key} and {right.key} never agree; sum the values by their common labels")
        first, second = left.read, right.read
        return Scalar(
            right.key if left.key is None else left.key, lambda context: combine(first(context), second(context))
        )
    if isinstance(left, Scalar) and left.key is None:
        constant, rows = left.read, as_table(right)
        return Table(lambda context: {key: combine(constant(context), number) for key, number in rows(context).items()})
    if isinstance(right, Scalar) and right.key is None:
        constant, rows = right.read, as_table(left)
        return Table(lambda context: {key: combine(number, constant(context)) for key, number in rows(context).items()})
    ours, theirs = as_table(left), as_table(right)

    def both(context: Context) -> dict[Pairs, Number]:
        others = theirs(context)
        return {key: combine(number, others[key]) for key, number in ours(context).items() if key in others}

    return Table(both)
