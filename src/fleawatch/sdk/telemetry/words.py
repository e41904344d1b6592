"""What an agent tells in one word: a method a fact, without a span."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from fleawatch.events import (
    AgentError,
    BonusGranted,
    CapitalReported,
    FundingPaid,
    Heartbeat,
    LimitsInForce,
    MarketTick,
    ParlaySettled,
    PaymentMoved,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    ReferralIncome,
    StrategySwitched,
)
from fleawatch.scrub import scrub_within
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.operation import outcome_of
from fleawatch.sdk.telemetry.trading import Number

_LONGEST_MESSAGE: Final = 300
_LOOKED_AT: Final = 4_096
"""Characters of a message that are scrubbed, in the caller's thread: what is cut from it leaves enough."""


class Words(ABC):
    """The words of `Telemetry`, which says when and carries them."""

    strategy: str
    _acted_ns: int
    _now: Callable[[], float]

    @abstractmethod
    def _put(self, draft: Draft) -> None:
        """Hand a fact in."""

    def referral_income(self, service: str, amount_usd: Number, *, level: int = 1) -> None:
        """Income from a referred agent; `level` is its distance, 1..3."""
        self._tell(ReferralIncome, service=service, level=level, amount_usd=amount_usd)

    def bonus(self, bonus: str, amount_usd: Number) -> None:
        """A bonus was granted."""
        self._tell(BonusGranted, bonus=bonus, amount_usd=amount_usd)

    def funding(self, market: str, amount_usd: Number) -> None:
        """Funding of a position; positive = paid by the agent."""
        self._tell(FundingPaid, market=market, amount_usd=amount_usd)

    def payment(self, payment_id: str, direction: str, amount_usd: Number, *, counterparty: str = "") -> None:
        """Money was `sent` or `received`."""
        self._tell(
            PaymentMoved, payment_id=payment_id, direction=direction, amount_usd=amount_usd, counterparty=counterparty
        )

    def parlay(self, parlay_id: str, *, legs: int, stake: Number, payout: Number) -> None:
        """A parlay was settled."""
        draft = {
            "parlay_id": parlay_id,
            "legs": legs,
            "stake": stake,
            "payout": payout,
            "strategy": self.strategy or None,
        }
        self._put(Draft(ParlaySettled, self._now(), parlay_id, draft))

    def strategy_switch(self, after: str, *, reason: str = "") -> None:
        """The agent follows another strategy from now on."""
        before, self.strategy = self.strategy, after
        self._tell(StrategySwitched, before=before, after=after, reason=reason)

    def position_opened(self, position_id: str, **position: Any) -> None:
        """A position exists; fields of `events.PositionOpened`."""
        self._put(Draft(PositionOpened, self._now(), position_id, {"position_id": position_id, **position}))

    def position_marked(self, position_id: str, *, market: str, price: Number, unrealized_pnl_usd: Number) -> None:
        """An open position was valued."""
        self._tell(
            PositionMarked, position_id=position_id, market=market, price=price, unrealized_pnl_usd=unrealized_pnl_usd
        )

    def position_closed(self, position_id: str, **position: Any) -> None:
        """A position went flat; fields of `events.PositionClosed`."""
        self._put(Draft(PositionClosed, self._now(), position_id, {"position_id": position_id, **position}))

    def capital(self, capital_usd: Number) -> None:
        """The account value at the exchange, unrealised P&L excluded."""
        self._tell(CapitalReported, capital_usd=capital_usd)

    def price(self, market: str, price: Number, *, at: float | None = None) -> None:
        """A price the agent decides on; `at` is when the exchange made it, unix seconds."""
        self._put(Draft(MarketTick, self._now() if at is None else at, "", {"market": market, "price": price}))

    def limits(self, limits: dict[str, float], *, epoch: int = 0) -> None:
        """The limits that the agent enforces, by name, in the units of the catalog."""
        try:
            held = dict(limits)
        except (TypeError, ValueError):
            held = limits  # the worker refuses and counts it
        self._tell(LimitsInForce, limits=held, epoch=epoch)

    def error(self, component: str, error: BaseException | str = "") -> None:
        """A component of the agent failed; `error` is what ended it, or words about it."""
        try:
            message = scrub_within(str(error), _LOOKED_AT)[:_LONGEST_MESSAGE]
        except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - an error that cannot say what it is, or ends whoever asks
            message = type(error).__name__
        raised = error if isinstance(error, BaseException) else None
        self._tell(
            AgentError, component=component, message=message, error_type="" if raised is None else type(raised).__name__,
            outcome="error" if raised is None else outcome_of(raised),
        )  # fmt: skip

    def heartbeat(self) -> None:
        """A sign of life, with the time of the last finished operation."""
        self._tell(Heartbeat, last_action_at=self._acted_ns / 1e9 or None)

    def _tell(self, kind: Any, **fields: Any) -> None:
        self._put(Draft(kind, self._now(), "", fields))
