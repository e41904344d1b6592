"""What a gate is asked and what it answers: orders, answers with a named reason, warnings, its status."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, Protocol

import msgspec

from fleawatch.errors import TradingHalted
from fleawatch.events.control import GateState

Reason = Literal[
    "ok",
    "drawdown_critical", "drawdown_halt", "daily_loss_ratio", "daily_loss_usdc", "balance_exhausted", "api_errors_critical",
    "order_rate", "order_notional", "notional_rate", "ramp", "bad_order",
    "no_lease_yet", "lease_lost", "unknown_limit", "ordered", "payments_frozen",
    "halt_file", "manual", "state_unreadable", "state_unwritable", "belt_error", "service_decides", "closed",
]  # fmt: skip
"""Why a gate answers as it does.

The names of limits say that this limit is breached (or, for the four about single orders, that this order would).
`ordered` is the service's word, `belt_error` a fact that could not be booked, `service_decides` a local resume where
only the service may, `closed` a gate whose program has ended it.
"""

SEVERITY: Final[dict[GateState, int]] = {"active": 0, "reducing": 1, "halted": 2}
"""Order of the states: the larger is the more closed one."""


def stricter(one: GateState, other: GateState) -> GateState:
    """The more closed of two states."""
    return one if SEVERITY[one] >= SEVERITY[other] else other


class Sized(Protocol):
    """Whatever says how large it is."""

    @property
    def notional_usd(self) -> Decimal | float:
        """USD, 0 or above."""
        ...


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order before it is sent. `notional_usd` is its size in USD; a fact `OrderPlaced` serves as well."""

    notional_usd: Decimal | float
    market: str = ""
    side: Literal["buy", "sell"] = "buy"


class Answer(msgspec.Struct, frozen=True):
    """May it be done, and why. As a condition an answer is true exactly when it allows.

    Attributes:
        allowed: whether the order may be sent.
        reason: `ok`, or why not.
        state: state of the gate.
        epoch: the order carries it, so that the service knows under whose word it was sent.
    """

    allowed: bool
    reason: Reason
    state: GateState
    epoch: int

    def __bool__(self) -> bool:
        return self.allowed

    def or_raise(self) -> Answer:
        """The answer itself when it allows.

        Raises:
            TradingHalted: it does not.
        """
        if not self.allowed:
            raise TradingHalted(self.reason, self.state, self.epoch)
        return self


class Warned(msgspec.Struct, frozen=True):
    """A limit is near, or an order was too much: reduce the size, or switch the strategy.

    Attributes:
        name: of the limit.
        value: what was compared with it, in its unit.
        limit: its value in force.
    """

    name: str
    value: float
    limit: float


class Changed(msgspec.Struct, frozen=True):
    """A gate moved from one state to another."""

    before: GateState
    after: GateState
    reason: Reason
    epoch: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a gate stands, for health pages and people.

    Attributes:
        state, reason, epoch: as an answer would say now.
        limits: in force, by name, in the units of the catalog.
        unknown_limits: names the service sent and this gate cannot enforce.
        lease_s: seconds until the lease runs out, None without one.
        lease_problem: bounded word for the last failure to reach the service, empty while it works.
        drawdown: below the guard's peak, 0..1; None before the first equity.
        daily_loss: USD since midnight UTC, 0 or above; None before the first result.
        halt_id: of the halt in force, as the service ordered it; empty without one.
        dropped: errors kept from the agent, by what was being done.
    """

    state: GateState
    reason: Reason
    epoch: int
    limits: dict[str, float]
    unknown_limits: tuple[str, ...]
    lease_s: float | None
    lease_problem: str
    drawdown: float | None
    daily_loss: float | None
    halt_id: str
    payments_frozen: bool
    dropped: dict[str, int]
