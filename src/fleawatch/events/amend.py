"""Two reports of one fact become one: the platform decides money, the agent adds what only it knows.

A second report never adds to a count. When it knows something new (a strategy, an expected price, a latency), or is the
platform's own word on what only the agent had told, the fact is amended: what the first version booked under the old
properties moves to the new ones.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeVar, get_args

import msgspec

from fleawatch.events.base import Event
from fleawatch.events.escrow import EscrowCompleted, EscrowCreated, EscrowDisputed, EscrowRefunded, EscrowReleased
from fleawatch.events.play import BetSettled, ParlaySettled
from fleawatch.events.trading import OrderFilled, PositionClosed, PositionOpened

Amendable = (
    BetSettled | ParlaySettled | OrderFilled | PositionOpened | PositionClosed
    | EscrowCreated | EscrowCompleted | EscrowReleased | EscrowRefunded | EscrowDisputed
)  # fmt: skip
"""Facts that both the platform and the agent report."""

AMENDABLE: Final[tuple[type[Amendable], ...]] = get_args(Amendable)

AGENT: Final = "sdk"
"""Source of what an agent reports of itself."""
_MONEY: Final = frozenset({"stake", "payout", "notional_usd", "price", "fee_usd", "realized_pnl_usd"})
_RESULT: Final = ("stake", "payout", "realized_pnl_usd", "fee_usd")
"""What of it decides a result. A size is often told as it was asked for, and a price as it was quoted."""
_UNTOLD: Final = frozenset({"realized_pnl_usd", "fee_usd"})
"""Of these, 0 is what an agent tells that does not know."""
_ROUNDING: Final = Decimal("0.005")
"""USD: the platform lists bets in whole cents."""


class Amended(Event, frozen=True, kw_only=True):
    """A booked fact is now known better. `before` and `after` are the same fact.

    Their money and time are equal, unless only the agent had told and now the platform does: then it is the platform's.

    Attributes:
        told: the agent's report, where it came after the platform's and its money is another.
    """

    before: Amendable
    after: Amendable
    told: Amendable | None = None


_Fact = TypeVar("_Fact", bound=Amendable)


class Difference(msgspec.Struct, frozen=True):
    """One number of an agent's report that is not what the platform says of the same fact, USD."""

    field: str
    told: float
    shown: float


def differences(told: Amendable, shown: Amendable) -> list[Difference]:
    """Where the money that an agent told is not the platform's, by more than rounding. Empty for an honest one.

    Args:
        told: the agent's report.
        shown: the platform's, of the same fact.
    """
    found: list[Difference] = []
    for name in _RESULT:
        said, true = getattr(told, name, None), getattr(shown, name, None)
        if said is None or true is None or (name in _UNTOLD and not said):
            continue
        if abs(said - true) > _ROUNDING:
            found.append(Difference(name, float(said), float(true)))
    return found


def merge(booked: _Fact, report: _Fact) -> _Fact:
    """The booked fact with every property that it lacked and the report has.

    Money, time and identity stay as they were booked, but for what only the agent had told: there the platform's report
    is the fact, and the agent's adds to it. Returns `booked` itself when the report adds nothing, as one about another
    agent never does: nobody may put his strategy under somebody else's trade.

    Raises:
        ValueError: the two are not the same fact.
    """
    if booked.fact_id != report.fact_id or type(booked) is not type(report):
        raise ValueError(f"the report was of {report.fact_id}; only reports of one fact merge, here {booked.fact_id}")
    if booked.agent_id != report.agent_id:
        return booked
    if booked.source == AGENT != report.source:
        return _completed(report, booked)
    return _completed(booked, report)


def _completed(fact: _Fact, more: _Fact) -> _Fact:
    news = {
        name: getattr(more, name)
        for name in fact.__struct_fields__
        if name not in _MONEY and getattr(fact, name) is None and getattr(more, name) is not None
    }
    return msgspec.structs.replace(fact, **news) if news else fact
