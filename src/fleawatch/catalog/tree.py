"""What can be done with any query tree: walk it, swap its limits, write it down as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TypeAlias, cast

from fleawatch.catalog.query import Condition, Threshold, Value

Node: TypeAlias = Value | Condition

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""What JSON can say."""


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, parents first, left to right."""
    yield node
    for child in _children(node):
        yield from walk(child)


def relax(condition: Condition, levels: Mapping[str, str]) -> Condition:
    """`condition` with every limit named in `levels` replaced: what must hold for a firing alert to go on firing."""
    return cast("Condition", _swap(condition, levels))


def plain(value: object) -> Plain:
    """A declaration or query tree as JSON-able data; a query node names its class under `node`.

    Raises:
        TypeError: something in it is not a declaration, a text or a number.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(value[key]) for key in sorted(value)}
    if is_dataclass(value) and not isinstance(value, type):
        data = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {"node": type(value).__name__, **data} if isinstance(value, (Value, Condition)) else data
    raise TypeError(f"value was a {type(value).__name__}; a catalog holds only declarations, texts and numbers")


def _children(node: object) -> Iterator[Node]:
    for field in fields(node) if is_dataclass(node) else ():
        value = getattr(node, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, (Value, Condition)):
                yield item


def _swap(value: object, levels: Mapping[str, str]) -> object:
    if isinstance(value, Threshold):
        return Threshold(levels.get(value.limit, value.limit))
    if isinstance(value, tuple):
        return tuple(_swap(item, levels) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _swap(getattr(value, field.name), levels) for field in fields(value)})
    return value
