"""The shape of a state: every field that it holds, by name and type.

A decoder forgives a field that is missing and one that it does not know, so that a sum that was renamed would come back
as its default. A snapshot therefore says what it holds, and its reader compares.
"""

from __future__ import annotations

from msgspec import inspect


def shape_of(root: type) -> frozenset[str]:
    """Every field of the struct `root` and of the structs in it, each as `Struct.field: type`.

    The text is the same on every Python and machine. Allowed words and ranges are left out: a decoder checks those.
    """
    lines: set[str] = set()
    met: set[type] = set()
    waiting: list[inspect.Type] = [inspect.type_info(root)]
    while waiting:
        kind = waiting.pop()
        waiting += _inside(kind)
        if not isinstance(kind, inspect.StructType) or kind.cls in met:
            continue
        met.add(kind.cls)
        for place, field in enumerate(kind.fields):
            owner = f"{kind.cls.__name__}[{place}]" if kind.array_like else kind.cls.__name__
            lines.add(f"{owner}.{field.encode_name}: {_written(field.type)}")
            waiting.append(field.type)
    return frozenset(lines)


def _inside(kind: inspect.Type) -> list[inspect.Type]:
    """The types that a type other than a struct is made of, in order."""
    if isinstance(kind, inspect.StructType):
        return []
    values = [getattr(kind, name) for name in kind.__struct_fields__]
    nested = [value for value in values if isinstance(value, inspect.Type)]
    return nested + [
        one for value in values if isinstance(value, tuple) for one in value if isinstance(one, inspect.Type)
    ]


def _written(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.StructType):
        return kind.cls.__name__
    name = type(kind).__name__.removesuffix("Type").lower()
    parts = [_written(one) for one in _inside(kind)]
    if isinstance(kind, inspect.UnionType):
        parts.sort()
    return f"{name}[{', '.join(parts)}]" if parts else name
