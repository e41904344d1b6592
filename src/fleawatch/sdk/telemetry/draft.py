"""A fact before it is one: what the caller's thread writes down, which costs a tuple, and how the worker makes a fact of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import msgspec

from fleawatch.errors import BadEvent, Problem
from fleawatch.events import Event, checked, fact_id
from fleawatch.events.amend import AGENT

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
        service = _OF_PLATFORM.get(tag) if draft.name else None
        name = draft.name if service else f"{self._agent_id}:{self._mark}:{self._count}"
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


def _typed(kind: type[Event], fields: Mapping[str, Any]) -> dict[str, Any]:
    money = _money_of(kind)
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in money or value is None or isinstance(value, Decimal):
            found[name] = value
            continue
        try:
            found[name] = Decimal(str(value))
        except InvalidOperation:
            problem = Problem(name, f"was {value!r}", "give a number")
            raise BadEvent(f"a fact of kind {kind.__struct_config__.tag} was refused", (problem,)) from None
    return found


_MONEY: Final[dict[type[Event], frozenset[str]]] = {}


def _money_of(kind: type[Event]) -> frozenset[str]:
    known = _MONEY.get(kind)
    if known is None:
        fields = msgspec.structs.fields(kind)
        known = _MONEY[kind] = frozenset(one.encode_name for one in fields if "Decimal" in str(one.type))
    return known
