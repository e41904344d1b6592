"""A fact before it is one: what the caller's thread writes down, which costs a tuple, and how the worker makes a fact of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.inspect import LiteralType, NoneType, StrType, StructType, type_info

from fleawatch.errors import BadEvent, Problem
from fleawatch.events import Event, checked, fact_id
from fleawatch.events.amend import AGENT
from fleawatch.events.numbers import options, plain
from fleawatch.scrub import is_public, scrub

_OF_PLATFORM: Final[Mapping[str, str]] = {
    "bet_settled": "casino",
    "parlay_settled": "casino",
    "order_filled": "trading",
    "position_opened": "trading",
    "position_closed": "trading",
    "escrow_created": "escrow",
    "escrow_completed": "escrow",
    "escrow_released": "escrow",
    "escrow_refunded": "escrow",
    "escrow_disputed": "escrow",
}
"""Facts that the platform names: their id is the same whoever reports them, so that one fact is one fact."""
LONGEST_TEXT: Final = 2_048
"""Characters of a text of a fact."""


class Draft(NamedTuple):
    """A fact to be.

    Attributes:
        kind: its class.
        at: unix seconds.
        name: the platform's id of it; empty where it has none.
        fields: of the kind; money as anything that `Decimal(str(...))` takes.
    """

    kind: type[Event]
    at: float
    name: str
    fields: Mapping[str, Any]


class Drafter:
    """Makes facts of drafts, under ids that no other fact has.

    Args:
        agent_id: whose they are.
        now: the time of day, unix seconds.
    """

    def __init__(self, agent_id: str, now: Callable[[], float]) -> None:
        self._agent_id = agent_id
        self._now = now
        self.renew()

    def renew(self) -> None:
        """Begin anew with a mark that no other process has: after a fork the old one is the parent's."""
        self._mark, self._count = secrets.token_hex(6), 0

    def fact(self, draft: Draft) -> Event:
        """The fact.

        Raises:
            BadEvent: with every problem of its fields.
        """
        self._count += 1
        kind = draft.kind
        tag = str(kind.__struct_config__.tag)
        given = _text("name_id", draft.name)
        service = _OF_PLATFORM.get(tag) if given else None
        name = given if service else f"{self._agent_id}:{self._mark}:{self._count}"
        made = kind(
            fact_id=fact_id(service or AGENT, tag, name),
            agent_id=self._agent_id,
            at=draft.at,
            seen_at=self._now(),
            source=AGENT,
            **_typed(kind, draft.fields),
        )
        checked(made)
        return made


class _Fields(NamedTuple):
    """Which fields of a kind may be unknown, which are money, and which are text.

    A text has the words that it may be; without any, it is free.
    """

    unknown: frozenset[str]
    money: frozenset[str]
    texts: Mapping[str, tuple[object, ...]]


def _typed(kind: type[Event], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as the decoder at the service's door would take them: nothing that it refuses may count here."""
    unknown, money, texts = _fields_of(kind)
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in fields.items():
        found[name] = value
        words = texts.get(name)
        if value is None:
            if name not in unknown:
                problems.append(Problem(name, "was None", "give what it was"))
        elif words:
            if value not in words:
                problems.append(Problem(name, _was(value), f"give {' or '.join(map(str, words))}"))
        elif words is not None:
            found[name] = _text(name, value)
        elif name in money and not isinstance(value, Decimal):
            try:
                found[name] = Decimal(str(value))
            except InvalidOperation:
                problems.append(Problem(name, _was(value), "give a number"))
    if problems:
        raise BadEvent(f"a fact of kind {kind.__struct_config__.tag} was refused", tuple(problems))
    return found


def _was(value: object) -> str:
    return f"was {scrub(repr(value))[:_SHORT]}"


def _text(name: str, value: Any) -> str:
    """A text of a fact: without secrets, of a length, and such that it can be written. Ids may be numbers."""
    text = value if type(value) is str else str(value)
    if len(text) > _SHORT:
        text = text[:LONGEST_TEXT]
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    if not name.endswith("_id"):
        return _clean(text) if len(text) <= _SHORT else scrub(text)
    if scrub(text) == text or is_public(text):
        return text
    # An id stays one: two of them must not become the same.
    return "redacted-" + hashlib.sha256(text.encode()).hexdigest()[:12]


_SHORT: Final = 64
_clean: Final = lru_cache(maxsize=1_024)(scrub)
_FIELDS: Final[dict[type[Event], _Fields]] = {}


def _fields_of(kind: type[Event]) -> _Fields:
    known = _FIELDS.get(kind)
    if known is None:
        info = type_info(kind)
        texts: dict[str, tuple[object, ...]] = {}
        unknown = set()
        for field in info.fields if isinstance(info, StructType) else ():
            for option in map(plain, options(field.type)):
                if isinstance(option, NoneType):
                    unknown.add(field.name)
                elif isinstance(option, LiteralType):
                    texts[field.name] = tuple(option.values)
                elif isinstance(option, StrType):
                    texts[field.name] = ()
        fields = msgspec.structs.fields(kind)
        money = frozenset(one.encode_name for one in fields if "Decimal" in str(one.type))
        known = _FIELDS[kind] = _Fields(frozenset(unknown), money, texts)
    return known
