"""Hypothesis strategies for facts: any fact of any kind, and whole ledgers whose rows lie on one chain.

Facts are drawn from the annotations of their classes, so a new kind or field is covered as soon as it exists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from hypothesis import strategies as st
from msgspec.inspect import (
    BoolType,
    DecimalType,
    DictType,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from fleawatch.events import KINDS, EntryKind, Event
from fleawatch.events.base import LATEST

_Fact = TypeVar("_Fact", bound=Event)

AGENT_IDS: Final = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,11}", fullmatch=True)
"""Names of agents, never empty."""

_TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=12)
_PLACES: Final = 18


def facts(kind: type[_Fact], **fixed: Any) -> st.SearchStrategy[_Fact]:
    """Any fact of one kind that the door lets in; `fixed` fields keep the value or strategy given."""
    given = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in fixed.items()}
    return st.builds(kind, **{**_fields(kind), "v": st.just(1), **given})


def any_fact() -> st.SearchStrategy[Event]:
    """Any fact of any kind."""
    return st.sampled_from(sorted(KINDS)).flatmap(lambda tag: facts(KINDS[tag]))


def kinds() -> st.SearchStrategy[type[Event]]:
    """Any kind of fact, as its class."""
    return st.sampled_from([KINDS[tag] for tag in sorted(KINDS)])


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, st.SearchStrategy[Any]]:
    info = type_info(kind)
    return {field.name: _of(field.type) for field in info.fields} if isinstance(info, StructType) else {}


def _of(kind: Type) -> st.SearchStrategy[Any]:
    """Values of a type as a fact may carry them."""
    builder = _BUILDERS.get(type(kind))
    if builder is None:
        raise TypeError(f"no strategy for {kind}; facts are made of plain values")
    return builder(kind)


def _float(kind: FloatType) -> st.SearchStrategy[float]:
    least = -1e12 if kind.ge is None else kind.ge
    return st.floats(least, min(LATEST, kind.le or 1e12), allow_nan=False, allow_infinity=False)


def _decimal(least: Decimal | None) -> st.SearchStrategy[Decimal]:
    return st.decimals(
        -(10**9) if least is None else least, 10**9, allow_nan=False, allow_infinity=False, places=None
    ).map(lambda value: round(value, _PLACES) if abs(value.as_tuple().exponent) > _PLACES else value)  # type: ignore[arg-type]  # finite decimals have integer exponents


def _metadata(kind: Metadata) -> st.SearchStrategy[Any]:
    least = (kind.extra or {}).get("minimum")
    if isinstance(kind.type, DecimalType):
        return _decimal(least)
    if isinstance(kind.type, FloatType) and least is not None:
        return st.floats(least, 1e12, allow_nan=False, allow_infinity=False)
    return _of(kind.type)


_BUILDERS: Final[dict[type[Type], Callable[[Any], st.SearchStrategy[Any]]]] = {
    BoolType: lambda _: st.booleans(),
    NoneType: lambda _: st.none(),
    StrType: lambda kind: _TEXT if kind.pattern is None else AGENT_IDS,
    IntType: lambda kind: st.integers(-(2**63) if kind.ge is None else kind.ge, kind.le or 2**63 - 1),
    FloatType: _float,
    DecimalType: lambda _: _decimal(None),
    LiteralType: lambda kind: st.sampled_from(kind.values),
    Metadata: _metadata,
    UnionType: lambda kind: st.one_of(*map(_of, kind.types)),
    VarTupleType: lambda kind: st.lists(_of(kind.item_type), max_size=3).map(tuple),
    DictType: lambda kind: st.dictionaries(_of(kind.key_type), _of(kind.value_type), max_size=3),
    StructType: lambda kind: st.builds(
        kind.cls, **{**_fields(kind.cls), **({"v": st.just(1)} if issubclass(kind.cls, Event) else {})}
    ),
}


@dataclass(frozen=True, slots=True)
class Movement:
    """One ledger row to be: what it means, its signed change in USD, what it belongs to, the fee inside it."""

    entry: EntryKind
    amount: Decimal
    reference: str | None = None
    fee: Decimal = Decimal(0)


def amounts(least: str = "0.01", most: str = "20") -> st.SearchStrategy[Decimal]:
    """Money in USD with up to six decimals, as escrows have them."""
    return st.decimals(least, most, places=6, allow_nan=False, allow_infinity=False)


def _bet(draw: st.DrawFn, _: int) -> list[Movement]:
    stake = draw(amounts())
    lost = draw(st.booleans())
    return [Movement("stake", -stake), *([] if lost else [Movement("payout", draw(amounts()))])]


def _parlay(draw: st.DrawFn, _: int) -> list[Movement]:
    stake = draw(amounts(most="10"))
    end: EntryKind | None = draw(st.sampled_from((None, "parlay_payout", "parlay_refund")))
    paid = stake if end == "parlay_refund" else draw(amounts())
    return [Movement("parlay_stake", -stake), *([] if end is None else [Movement(end, paid)])]


def _challenge(draw: st.DrawFn, number: int) -> list[Movement]:
    stake, name = draw(amounts()), f"ch_{number}"
    end: EntryKind = draw(st.sampled_from(("challenge_payout", "challenge_refund")))
    paid = stake if end == "challenge_refund" else 2 * stake
    return [Movement("challenge_stake", -stake, name), Movement(end, paid, name)]


def _withdrawal(draw: st.DrawFn, number: int) -> list[Movement]:
    amount, name = draw(amounts()), f"wd_{number}"
    fee = Decimal("0.5")
    held = [Movement("withdrawal_hold", -amount - fee, name), Movement("withdrawal_release", amount + fee, name)]
    return [*held, Movement("withdrawal", -amount - fee, name, fee)] if draw(st.booleans()) else held


def _escrow(draw: st.DrawFn, number: int) -> list[Movement]:
    amount, name = draw(amounts(least="0.1")), f"esc_{number:016x}"
    lock = Movement("escrow_lock", -amount, name)
    end = draw(st.sampled_from(("open", "refund", "undone")))
    if end == "open":
        return [lock]
    if end == "undone":
        return [lock, Movement("escrow_lock_undone", amount, name)]
    return [lock, Movement("escrow_refund", amount - round(amount / 100, 6), name)]


_SINGLE: Final[tuple[tuple[EntryKind, int], ...]] = (
    ("deposit", 1), ("faucet", 1), ("bonus", 1), ("payment_received", 1), ("payment_sent", -1), ("referral", 1),
    ("escrow_referral", 1), ("escrow_release", 1), ("tournament_entry", -1), ("tournament_prize", 1),
    ("purchase", -1), ("adjustment", 1), ("adjustment", -1),
)  # fmt: skip


def _single(draw: st.DrawFn, number: int) -> list[Movement]:
    entry, sign = draw(st.sampled_from(_SINGLE))
    return [Movement(entry, sign * draw(amounts()), f"esc_in_{number}" if entry == "escrow_release" else None)]


_STORIES: Final = (_bet, _bet, _bet, _parlay, _challenge, _withdrawal, _escrow, _single, _single)


@st.composite
def movements(draw: st.DrawFn, *, most: int = 10) -> list[Movement]:
    """A clean ledger to be: a first deposit of 1,000 USD, then bets, escrows, flows and all else, in whole stories."""
    found = [Movement("deposit", Decimal(1000))]
    for number, story in enumerate(draw(st.lists(st.sampled_from(_STORIES), min_size=1, max_size=most))):
        found += story(draw, number)
    return found
