"""Answers to typed values: exact decimals, named complaints, and what can be done without.

Each answer has a `Struct` that names the fields that are needed, and no others are kept (`_info` goes this way). A
field without default is needed: without it the reading fails as `schema`. A field that may be `UNSET` is wanted: the
reading goes on without it and says so. A number is read from its text, so 997.5430000000001 stays what it was.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from fleawatch.errors import SourceError
from fleawatch.sources.routes import Route
from fleawatch.units import looks_like_key

_T = TypeVar("_T")
_PATH: Final = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_STEP: Final = re.compile(r"\.(?P<field>[A-Za-z0-9_]+)|\[(?P<index>\d+)\]")
_loose: Final = msgspec.json.Decoder(float_hook=Decimal)
_exact: Final = msgspec.json.Encoder(decimal_format="number")
_MENDS: Final = 64


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What every JSON object answer may carry: an `error` makes it a failure, whatever its status."""

    error: Any = UNSET


_decoders: Final[dict[type[Any], msgspec.json.Decoder[Any]]] = {}


def _decoder(kind: type[_T]) -> msgspec.json.Decoder[_T]:
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found


_wanted_fields: Final[dict[type[Any], tuple[str, ...]]] = {}


def _wanted(kind: type[Any]) -> tuple[str, ...]:
    """Fields of a struct that an answer should have although the reading can go on without them."""
    found = _wanted_fields.get(kind)
    if found is None:
        found = _wanted_fields[kind] = tuple(
            field.name for field in msgspec.structs.fields(kind) if field.default is UNSET and field.name != "error"
        )
    return found


def decode(body: bytes, kind: type[_T], route: Route) -> tuple[_T, tuple[str, ...]]:
    """`body` as `kind`, and the fields that were wanted but missing or of another type.

    Raises:
        SourceError: `invalid_body` when it is no JSON, `schema` when a needed field is missing or of another type,
            `upstream` when the answer carries an `error`.
    """
    mended: tuple[str, ...] = ()
    try:
        value = _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        value, mended = _mend(body, kind, route, error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SourceError("invalid_body", f"{route} answered with something that is not JSON") from None
    if not isinstance(value, Answer):
        return value, mended
    if value.error is not UNSET and value.error:
        raise SourceError("upstream", f"{route} answered 200 with the error {word(value.error)!r}")
    missing = tuple(name for name in _wanted(kind) if getattr(value, name) is UNSET)
    return value, tuple(dict.fromkeys((*mended, *missing))) if mended or missing else ()


def _mend(body: bytes, kind: type[_T], route: Route, first: Exception) -> tuple[_T, tuple[str, ...]]:
    """Take out fields of a wrong type one by one; when one of them was needed, that ends the reading."""
    raw = _loose.decode(body)
    surprises: list[str] = []
    error = first
    for _ in range(_MENDS):
        found = _PATH.search(str(error))
        path = found["path"] if found else ""
        if str(error).startswith("Object missing required field") or not _remove(raw, path):
            break
        surprises.append(_name(path))
        try:
            return _decoder(kind).decode(_exact.encode(raw)), tuple(dict.fromkeys(surprises))
        except msgspec.ValidationError as next_error:
            error = next_error
    raise SourceError("schema", f"{route} answered in an unknown form: {word(error)}")


def _remove(raw: Any, path: str) -> bool:
    """Take the field at `path` out of its object; False when it is no field of an object."""
    steps = [match["field"] or int(match["index"]) for match in _STEP.finditer(path)]
    if not steps or isinstance(steps[-1], int) or "".join(_STEP.sub("", path)):
        return False
    try:
        for step in steps[:-1]:
            raw = raw[step]
        del raw[steps[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _name(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path).lstrip(".")


def word(text: object, limit: int = 100) -> str:
    """A platform's words, short and without anything that looks like a key."""
    plain = " ".join(str(text).split())
    return "(withheld: it looked like a key)" if looks_like_key(plain) else plain[:limit]


def given(value: _T | UnsetType | None) -> _T | None:
    """The value, or None when the answer had none."""
    return None if value is UNSET or isinstance(value, UnsetType) else value
