"""Operations that move or read money: a bet, a balance check, and the steps of an escrow."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from opentelemetry.trace import SpanContext

from fleawatch.events import (
    BalanceRead,
    BetSettled,
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowFailed,
    EscrowRefunded,
    EscrowReleased,
    OrderPlaced,
)
from fleawatch.events.base import Service
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.operation import Desk, Operation
from fleawatch.sdk.telemetry.trading import Number, ended


class Bet(Operation):
    """A bet is placed and settled in one call. Like an order it is unknown when that was sent and not answered."""

    __slots__ = ("_bet_id", "_payout", "_reason", "epoch", "game", "stake", "strategy")
    span_name: ClassVar[str] = "pf.bet.place"

    def __init__(
        self, desk: Desk, *, game: str, stake: Number, strategy: str | None = None, epoch: int | None = None
    ) -> None:
        super().__init__(desk, game=game, stake=stake, strategy=strategy, epoch=epoch)
        self.game, self.stake, self.strategy, self.epoch = game, stake, strategy, epoch
        self._bet_id, self._reason = "", ""
        self._payout: Number | None = None

    def settled(self, bet_id: str, payout: Number) -> None:
        """It was settled. `payout` is what came back in USD, the stake included; 0 when lost."""
        self._bet_id, self._payout = bet_id, payout

    def rejected(self, reason: str) -> None:
        """The casino refused it, with this code."""
        self._reason = reason

    def status(self) -> str:
        """How the attempt ended."""
        return ended(self, self._reason, told=self._payout is not None)

    def drafts(self) -> list[Draft]:
        status = self.status()
        strategy = self.strategy or self._follows or None
        placed = {
            "order_id": self._bet_id or f"own-{self.place.span_id:016x}" if self.place else "own",
            "market": "CASINO",
            "side": "buy",
            "order_type": "bet",
            "status": status,
            "endpoint": "games/play",
            "notional_usd": self.stake,
            "latency_s": self.duration_s,
            "reason": self._failure(status),
            "strategy": strategy,
            "opens": True,
            "epoch": self.epoch,
            "trace_id": self.trace_id,
        }
        found = [Draft(OrderPlaced, self.ended_at, "", placed)]
        if self._payout is not None:
            settled = {
                "bet_id": self._bet_id,
                "game": self.game,
                "stake": self.stake,
                "payout": self._payout,
                "exact": False,
                "strategy": strategy,
                "latency_s": self.duration_s,
                "trace_id": self.trace_id,
            }
            found.append(Draft(BetSettled, self.ended_at, self._bet_id, settled))
        return found

    def described(self) -> dict[str, Any]:
        net = None if self._payout is None else float(self._payout) - float(self.stake)
        return {
            "pf.strategy": self.strategy or self._follows,
            "pf.game_type": self.game,
            "pf.amount_usd": self.stake,
            "pf.pnl_usd": net,
            "error.type": self._failure(self.status()),
            **self.attributes,
        }

    def _failure(self, status: str) -> str | None:
        return self._reason or (None if status == "success" else self.why())


class BalanceCheck(Operation):
    """A balance is read before acting."""

    __slots__ = ("_read", "cache_age_s", "cache_hit", "service", "wallet_id")
    span_name: ClassVar[str] = "pf.wallet.balance_check"

    def __init__(self, desk: Desk, *, service: Service = "casino", wallet_id: str = "") -> None:
        super().__init__(desk, service=service, wallet_id=wallet_id)
        self.service: Service = service
        self.wallet_id = wallet_id
        self.cache_hit: bool | None = None
        self.cache_age_s: float | None = None
        self._read: list[dict[str, Any]] = []

    def read(
        self,
        currency: str,
        amount: Number,
        *,
        value_usd: Number | None = None,
        wallet_type: Literal["hot", "cold", "trading", "escrow"] = "hot",
    ) -> None:
        """A balance was read: in units of the currency, and in USD where that is known. Once for each currency."""
        dollars = amount if value_usd is None and currency in ("USD", "USDC") else value_usd
        self._read.append(
            {
                "service": self.service,
                "currency": currency,
                "amount": amount,
                "value_usd": dollars,
                "wallet_type": wallet_type,
                "account": self.wallet_id,
            }
        )

    def cached(self, *, hit: bool, age_s: float | None = None) -> None:
        """Whether the answer came from a cache, and how old it was in seconds. A cached balance is no reading anew."""
        self.cache_hit, self.cache_age_s = hit, age_s

    def drafts(self) -> list[Draft]:
        if self.cache_hit:
            return []
        return [Draft(BalanceRead, self.ended_at, "", fields) for fields in self._read]

    def described(self) -> dict[str, Any]:
        known = [float(one["value_usd"]) for one in self._read if one["value_usd"] is not None]
        return {
            "pf.wallet_id": self.wallet_id,
            "pf.cache_hit": self.cache_hit,
            "pf.cache_age_s": self.cache_age_s,
            "pf.balance_usd": sum(known) if known else None,
            "pf.assets_count": len(self._read) or None,
            **self.attributes,
        }


class _Escrow(Operation):
    """A step of an escrow: a trace of its own, linked to what caused it, for hours lie between the steps."""

    __slots__ = ("escrow_id",)
    linked: ClassVar[bool] = True

    def __init__(self, desk: Desk, *, escrow_id: str = "", **arguments: Any) -> None:
        super().__init__(desk, **({"escrow_id": escrow_id} if escrow_id else {}), **arguments)
        self.escrow_id = escrow_id

    def stand(self, outer: SpanContext) -> SpanContext | None:
        parent = super().stand(outer)
        creation = self._desk.creations.link(self.escrow_id) if self.escrow_id else None
        if creation is not None and creation not in self.links:
            self.links = (creation, *self.links)
        return parent

    def _state(self, after: str, *, done: bool) -> dict[str, Any]:
        """What its span says: `after` when the step was done, `unknown` when nobody knows."""
        state = after if done else "unknown" if self.is_open() else None
        return {"pf.escrow_id": self.escrow_id, "pf.escrow_status": state, "error.type": None if done else self.why()}

    def _is_done(self, *, told: bool) -> bool:
        """Whether a step is done that needs no word: a word holds whatever ends the block after it."""
        return told or (self.error is None and not self.doubt)

    def held_s(self) -> float | None:
        """Seconds for which the money was held; None when its creation is not known."""
        return self._desk.creations.held_s(self.escrow_id, self.ended_at)


class EscrowCreate(_Escrow):
    """Money is locked for somebody's work.

    A call that was sent and not answered leaves it unknown: it may exist, counts as no failure, and is looked for by reading.
    """

    __slots__ = ("_created", "amount_usd", "commission_usd", "conditions", "counterparty", "task", "timeout_hours")
    span_name: ClassVar[str] = "pf.escrow.create"

    def __init__(
        self,
        desk: Desk,
        *,
        amount_usd: Number,
        counterparty: str,
        timeout_hours: float | None = None,
        commission_usd: Number = 0,
        conditions: str = "",
        task: str = "",
    ) -> None:
        super().__init__(
            desk, amount_usd=amount_usd, counterparty=counterparty, timeout_hours=timeout_hours,
            commission_usd=commission_usd, conditions=conditions, task=task,
        )  # fmt: skip
        self.amount_usd, self.counterparty, self.timeout_hours = amount_usd, counterparty, timeout_hours
        self.commission_usd, self.conditions, self.task = commission_usd, conditions, task
        self._created: tuple[str, float] | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        self.note("escrow_initiated")
        return self

    def created(self, creator: str, escrow_id: str, *, expires_at: float) -> None:
        """It exists: the platform's ids of its creator and of it, and when it is released by itself, unix seconds."""
        self.escrow_id = escrow_id
        self._created = (creator, expires_at)
        if self.place is not None:
            self._desk.creations.remember(escrow_id, self.place.trace_id, self.place.span_id, self.started_ns / 1e9)
        self.note("escrow_created")

    def drafts(self) -> list[Draft]:
        if self._created is None:
            fields = {
                "escrow_id": self.escrow_id or self._own(),
                "amount_usd": self.amount_usd,
                "reason": self.why() or "",
                "unknown": self.is_open(),
            }
            return [Draft(EscrowFailed, self.ended_at, "", fields)]
        creator, expires_at = self._created
        fields = {
            "escrow_id": self.escrow_id,
            "creator": creator,
            "counterparty": self.counterparty,
            "amount_usd": self.amount_usd,
            "commission_usd": self.commission_usd,
            "expires_at": expires_at,
        }
        return [Draft(EscrowCreated, self.ended_at, self.escrow_id, fields)]

    def described(self) -> dict[str, Any]:
        return {
            "pf.escrow_id": self.escrow_id,
            "pf.amount_usd": self.amount_usd,
            "pf.fee_usd": self.commission_usd,
            "pf.escrow_status": self._status(),
            "pf.counterparty": self.counterparty,
            "pf.timeout_hours": None if self.timeout_hours is None else int(self.timeout_hours),
            "pf.conditions": self.conditions,
            "pf.task": self.task,
            "error.type": self.why() if self._created is None else None,
            **self.attributes,
        }

    def _status(self) -> str:
        if self._created is not None:
            return "funded"
        return "unknown" if self.is_open() else "failed"

    def _own(self) -> str:
        return f"{self._status()}-{self.place.span_id:016x}" if self.place else self._status()


class EscrowComplete(_Escrow):
    """The worker says that the work is done. It is what ends without an error, unless a call of it was not answered."""

    __slots__ = ("_told",)
    span_name: ClassVar[str] = "pf.escrow.complete"
    repeatable: ClassVar[bool] = True

    def __init__(self, desk: Desk, *, escrow_id: str = "") -> None:
        super().__init__(desk, escrow_id=escrow_id)
        self._told = False

    def completed(self) -> None:
        """It is, as reading says after a call that was not answered."""
        self.doubt, self._told = "", True

    def drafts(self) -> list[Draft]:
        if not self._is_done(told=self._told):
            return []
        return [Draft(EscrowCompleted, self.ended_at, self.escrow_id, {"escrow_id": self.escrow_id})]

    def described(self) -> dict[str, Any]:
        return {**self._state("completed", done=self._is_done(told=self._told)), **self.attributes}


class EscrowRelease(_Escrow):
    """The creator pays the worker."""

    __slots__ = ("_released", "release_reason")
    span_name: ClassVar[str] = "pf.escrow.release"
    repeatable: ClassVar[bool] = True

    def __init__(self, desk: Desk, *, escrow_id: str, release_reason: str = "") -> None:
        super().__init__(desk, escrow_id=escrow_id, release_reason=release_reason)
        self.release_reason = release_reason
        self._released: tuple[Number, Number] | None = None

    def released(self, net_usd: Number, *, commission_usd: Number) -> None:
        """It was paid: what the worker got, and what the platform kept, USD."""
        self._released = (net_usd, commission_usd)
        self.note("escrow_released")

    def drafts(self) -> list[Draft]:
        if self._released is None:
            return []
        fields = {"escrow_id": self.escrow_id, "net_usd": self._released[0], "commission_usd": self._released[1]}
        return [Draft(EscrowReleased, self.ended_at, self.escrow_id, fields)]

    def described(self) -> dict[str, Any]:
        net, fee = self._released or (None, None)
        return {
            **self._state("released", done=self._released is not None),
            "pf.released_amount_usd": net,
            "pf.fee_usd": fee,
            "pf.hold_duration_s": self.held_s() if self._released else None,
            "pf.release_reason": self.release_reason,
            **self.attributes,
        }


class EscrowDispute(_Escrow):
    """A party disputes: the money is frozen. It is what ends without an error, unless a call of it was not answered."""

    __slots__ = ("_told", "actor")
    span_name: ClassVar[str] = "pf.escrow.dispute"
    repeatable: ClassVar[bool] = True

    def __init__(self, desk: Desk, *, escrow_id: str, actor: str = "") -> None:
        super().__init__(desk, escrow_id=escrow_id, actor=actor)
        self.actor = actor
        self._told = False

    def disputed(self) -> None:
        """It is, as reading says after a call that was not answered."""
        self.doubt, self._told = "", True

    def drafts(self) -> list[Draft]:
        if not self._is_done(told=self._told):
            return []
        return [
            Draft(EscrowDisputed, self.ended_at, self.escrow_id, {"escrow_id": self.escrow_id, "actor": self.actor})
        ]

    def described(self) -> dict[str, Any]:
        return {**self._state("disputed", done=self._is_done(told=self._told)), **self.attributes}


class EscrowTimeout(_Escrow):
    """An escrow was refunded after its time."""

    __slots__ = ("_refunded",)
    span_name: ClassVar[str] = "pf.escrow.timeout"

    def __init__(self, desk: Desk, *, escrow_id: str) -> None:
        super().__init__(desk, escrow_id=escrow_id)
        self._refunded: tuple[Number, Number] | None = None

    def refunded(self, refund_usd: Number, *, commission_usd: Number) -> None:
        """What came back, and what the platform kept, USD."""
        self._refunded = (refund_usd, commission_usd)

    def drafts(self) -> list[Draft]:
        if self._refunded is None:
            return []
        fields = {"escrow_id": self.escrow_id, "refund_usd": self._refunded[0], "commission_usd": self._refunded[1]}
        return [Draft(EscrowRefunded, self.ended_at, self.escrow_id, fields)]

    def described(self) -> dict[str, Any]:
        return {
            **self._state("refunded", done=self._refunded is not None),
            "pf.hold_duration_s": self.held_s() if self._refunded else None,
            **self.attributes,
        }
