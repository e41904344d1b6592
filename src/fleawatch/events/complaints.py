"""Everything that is wrong with a fact the decoder refused. Slow on purpose: it looks at each field by itself.

It never accepts: it only explains. Its own reader takes what JSON forbids (NaN, infinity, numbers out of range), so
that those are reported at their field, together with all other problems.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec.inspect import DictType, StructType, Type, VarTupleType, type_info

from fleawatch.errors import Problem
from fleawatch.events.base import SCHEMA_VERSION, Event
from fleawatch.events.numbers import bounds_of, complaint, newer_version, options, plain


def complaints(data: bytes | str, kinds: Mapping[str, type[Event]], first: Exception) -> tuple[Problem, ...]:
    """Every problem of a refused fact; never empty.

    Args:
        data: what was refused.
        kinds: every known kind by its tag.
        first: what the decoder said.
    """
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        return (Problem("", f"was not JSON: {error}", "send one JSON object a fact"),)
    if not isinstance(raw, dict):
        return (Problem("", f"was a JSON {_word(raw)}", "send one JSON object a fact"),)
    tag = raw.pop("kind", None)
    kind = kinds.get(tag) if isinstance(tag, str) else None
    if kind is None:
        return (Problem("kind", f"was {tag!r:.80}", f"send one of {', '.join(sorted(kinds))}"),)
    problems: list[Problem] = []
    _struct(type_info(kind), raw, "", problems)
    version = raw.get("v")
    if isinstance(version, int) and version > SCHEMA_VERSION and not any(one.where == "v" for one in problems):
        problems.append(newer_version(version))
    return tuple(problems) or (Problem("", str(first), "mend the fact and send it again"),)


def _struct(kind: Type, raw: Any, where: str, problems: list[Problem]) -> None:
    if not isinstance(kind, StructType) or not isinstance(raw, dict):
        problems.append(Problem(where.rstrip("."), f"was a JSON {_word(raw)}", "send an object"))
        return
    known = {field.encode_name: field for field in kind.fields}
    for name in sorted(raw.keys() - known.keys()):
        problems.append(  # noqa: PERF401 - the other problems are appended to the same list
            Problem(f"{where}{name}", "was not a field of this kind", f"leave it out; known are {', '.join(known)}")
        )
    hints = get_type_hints(kind.cls, include_extras=True)
    for name, field in known.items():
        if name in raw:
            _value(field.type, hints[field.name], raw[name], f"{where}{name}", problems)
        elif field.required:
            problems.append(Problem(f"{where}{name}", "was missing", "send it"))


def _value(kind: Type, hint: Any, raw: Any, where: str, problems: list[Problem]) -> None:
    structs = {option.tag: option for option in options(kind) if isinstance(option, StructType)}
    inner = plain(options(kind)[0])
    if structs:
        _one_of(structs, raw, where, problems)
    elif isinstance(inner, VarTupleType) and isinstance(raw, list):
        for index, row in enumerate(raw):
            _value(inner.item_type, get_args(hint)[0], row, f"{where}[{index}]", problems)
    elif isinstance(inner, DictType) and isinstance(raw, dict):
        for key, value in raw.items():
            _value(inner.value_type, get_args(hint)[1], value, f"{where}.{key}", problems)
    else:
        _leaf(kind, hint, raw, where, problems)


def _one_of(structs: Mapping[Any, StructType], raw: Any, where: str, problems: list[Problem]) -> None:
    """A struct among structs that their tags tell apart; a single one may have no tag."""
    if len(structs) == 1 and None in structs:
        _struct(structs[None], raw, f"{where}.", problems)
        return
    tag = raw.get("kind") if isinstance(raw, dict) else None
    kind = structs.get(tag) if isinstance(tag, str) else None
    if kind is None:
        problems.append(Problem(f"{where}.kind", f"was {tag!r:.80}", f"send one of {', '.join(sorted(structs))}"))
        return
    _struct(kind, {key: value for key, value in raw.items() if key != "kind"}, f"{where}.", problems)


def _leaf(kind: Type, hint: Any, raw: Any, where: str, problems: list[Problem]) -> None:
    """One value: its number first, because that says more than its type."""
    bounds = bounds_of(kind)
    number = _number(raw)
    if bounds is not None and number is not None and (problem := complaint(where, number, bounds)) is not None:
        problems.append(problem)
        return
    try:
        msgspec.convert(raw, hint, builtin_types=())
    except msgspec.ValidationError as error:
        problems.append(Problem(where, f"was {raw!r:.80}: {error}", "send the documented type"))


def _number(raw: Any) -> float | Decimal | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, int | float):
        return raw
    try:
        return Decimal(raw) if isinstance(raw, str) else None
    except ArithmeticError:
        return None


def _word(raw: Any) -> str:
    return "null" if raw is None else type(raw).__name__
