"""Operations of a trader: a decision cycle, a signal, an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Literal

from fleawatch.events import DecisionCycle, OrderFilled, OrderPlaced, SignalComputed
from fleawatch.events.trading import OrderType, Side
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.operation import Desk, Operation

Number = Decimal | float | int | str
"""Money or a price as a caller has it. Text and Decimal keep every digit."""


class Cycle(Operation):
    """One pass from observing to acting. What ends it without an error is `acted` unless it is told otherwise."""

    __slots__ = ("_result", "cycle_id", "market")
    span_name: ClassVar[str] = "pf.decision_cycle"

    def __init__(self, desk: Desk, *, market: str = "", cycle_id: str = "") -> None:
        super().__init__(desk, market=market)
        self.market = market
        self.cycle_id = cycle_id
        self._result = "acted"

    def ended(
        self, result: Literal["acted", "no_action", "low_confidence", "low_balance", "halted"], **attributes: Any
    ) -> None:
        """How the pass ended. `attributes` are those of the event that tells why nothing was done."""
        self._result = result
        if result == "low_confidence":
            self.note("low_confidence_skip", **attributes)
        elif result == "low_balance":
            self.note("insufficient_balance", **attributes)

    def drafts(self) -> list[Draft]:
        fields = {
            "cycle_id": self._id(),
            "result": self._outcome(),
            "duration_s": self.duration_s,
            "trace_id": self.trace_id,
        }
        return [Draft(DecisionCycle, self.ended_at, "", fields)]

    def described(self) -> dict[str, Any]:
        found = {"pf.cycle_id": self._id(), "pf.market": self.market, "pf.strategy": self._follows}
        return {**found, "pf.cycle_outcome": self._outcome(), **self.attributes}

    def _outcome(self) -> str:
        return self._result if self.error is None else self.outcome()

    def _id(self) -> str:
        return self.cycle_id or (f"{self.place.span_id:016x}" if self.place else "")


class Signal(Operation):
    """A strategy computes a signal."""

    __slots__ = ("_action", "_confidence", "_result", "_value", "market", "model_version", "price_count", "signal_type")
    span_name: ClassVar[str] = "pf.signal.analysis"

    def __init__(
        self,
        desk: Desk,
        *,
        market: str = "",
        model_version: str = "",
        signal_type: str = "",
        price_count: int | None = None,
    ) -> None:
        super().__init__(
            desk, market=market, model_version=model_version, signal_type=signal_type, price_count=price_count
        )
        self.market, self.model_version = market, model_version
        self.signal_type, self.price_count = signal_type, price_count
        self._action, self._result = "hold", "acted"
        self._confidence: float | None = None
        self._value: float | None = None

    def computed(
        self,
        action: Literal["buy", "sell", "hold", "close", "bet"],
        *,
        confidence: float | None = None,
        value: float | None = None,
        result: Literal["acted", "low_confidence", "low_balance"] = "acted",
    ) -> None:
        """What the strategy wants, how sure it is (0..1), and what becomes of it."""
        self._action, self._confidence, self._value, self._result = action, confidence, value, result

    def drafts(self) -> list[Draft]:
        fields = {
            "strategy": self._follows,
            "action": self._action,
            "result": self._result if self.error is None else self.outcome(),
            "duration_s": self.duration_s,
            "market": self.market,
            "model_version": self.model_version,
            "confidence": self._confidence,
        }
        return [Draft(SignalComputed, self.ended_at, "", fields)]

    def described(self) -> dict[str, Any]:
        return {
            "pf.strategy": self._follows,
            "pf.asset": self.market.partition("-")[0],
            "pf.signal_type": self.signal_type,
            "pf.signal_confidence": self._confidence,
            "pf.signal_value": self._value,
            "pf.action": self._action,
            "pf.model_version": self.model_version,
            "pf.model_latency_ms": self.duration_s * 1000,
            "pf.price_count": self.price_count,
            **self.attributes,
        }


def ended(attempt: Operation, reason: str, *, told: bool) -> str:
    """How an attempt to order ended: what was told of it, else what its error says, and `timeout` where nobody knows.

    A word about it holds whatever ends the block after it, such as the error of the refusal itself, raised again.
    """
    if told or reason:
        return "rejected" if reason else "success"
    outcome = attempt.outcome()
    return "timeout" if attempt.doubt and outcome in ("success", "error") else outcome


class Order(Operation):
    """An attempt to order. Without a word about its end it counts as accepted, or as what its error says.

    A call that was sent and not answered leaves it unknown, whether the block raised that or went on: the order may exist,
    and is reconciled by reading. Until it is told what became of it, its status is `timeout`.
    """

    __slots__ = (
        "_answer", "_calls_ns", "_fills", "_reason", "endpoint", "epoch", "expected_price", "idempotency_key", "market", "notional_usd",
        "opens", "order_type", "quantity", "side", "strategy",
    )  # fmt: skip
    span_name: ClassVar[str] = "pf.trade.execute"

    def __init__(  # noqa: PLR0913 - what is known of an order before it is sent, all by name
        self,
        desk: Desk,
        *,
        market: str,
        side: Side,
        notional_usd: Number,
        order_type: OrderType = "market",
        endpoint: str = "trade/open",
        quantity: Number | None = None,
        expected_price: Number | None = None,
        opens: bool | None = None,
        strategy: str | None = None,
        epoch: int | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(
            desk, market=market, side=side, notional_usd=notional_usd, order_type=order_type, endpoint=endpoint,
            quantity=quantity, expected_price=expected_price, opens=opens, strategy=strategy, epoch=epoch,
            idempotency_key=idempotency_key,
        )  # fmt: skip
        self.market, self.side, self.notional_usd, self.order_type = market, side, notional_usd, order_type
        self.endpoint, self.quantity, self.expected_price, self.opens = endpoint, quantity, expected_price, opens
        self.strategy, self.epoch, self.idempotency_key = strategy, epoch, idempotency_key
        self._answer: tuple[str, float | None] = ("", None)
        self._fills: tuple[dict[str, Any], ...] = ()
        self._reason = ""
        self._calls_ns: tuple[int, ...] = ()

    def was_called(self, took_ns: int) -> None:
        self._calls_ns = (*self._calls_ns[:1], took_ns)

    def accepted(self, order_id: str) -> None:
        """The service took it; nothing is filled yet."""
        self._answer = (order_id, None)

    def filled(  # noqa: PLR0913 - what a fill is, all by name
        self,
        order_id: str,
        *,
        price: Number,
        trade_id: str = "",
        fee_usd: Number = 0,
        realized_pnl_usd: Number = 0,
        notional_usd: Number | None = None,
        quantity: Number | None = None,
        fill_ratio: float = 1.0,
    ) -> None:
        """It was filled, wholly unless `fill_ratio` says otherwise.

        An order that is filled in parts is told of each of them, by its own `trade_id`; the same id again corrects what was told.

        Args:
            order_id: the platform's id of the order.
            price: quote currency per unit of base.
            trade_id: the platform's id of the fill; with it, it is one fact with the platform's own row.
            fee_usd: positive = paid.
            realized_pnl_usd: P&L realised by it before fees; 0 for an opening fill. It is on the span and in the fact; a result
                is booked when its position goes flat: by `position_closed`, or by the platform's own row.
            notional_usd: what was filled by it; when not told, that share of the order which was filled until now and not told before.
            quantity: the same in units of the asset.
            fill_ratio: filled until now / asked for, 0..1.
        """
        self._answer = (order_id, fill_ratio)
        fill = {
            "trade_id": trade_id or order_id,
            "order_id": order_id,
            "market": self.market,
            "side": self.side,
            "notional_usd": notional_usd,
            "price": price,
            "fee_usd": fee_usd,
            "realized_pnl_usd": realized_pnl_usd,
            "expected_price": self.expected_price,
            "strategy": self.strategy,
            "ratio": fill_ratio,
        }
        self._fills = (*(one for one in self._fills if one["trade_id"] != fill["trade_id"]), fill)
        self.attributes["pf.fill_quantity"] = quantity
        self.note("order_filled")

    def partially_filled(self, order_id: str, fill_ratio: float, *, price: Number, **rest: Any) -> None:
        """A part of it was filled; as `filled`."""
        self.filled(order_id, price=price, fill_ratio=fill_ratio, **rest)

    def rejected(self, reason: str) -> None:
        """The service refused it, with this code."""
        self._reason = reason

    def status(self) -> str:
        """How the attempt ended."""
        return ended(self, self._reason, told=self._answer != ("", None))

    def drafts(self) -> list[Draft]:
        order_id, ratio = self._answer
        trace_id, status = self.trace_id, self.status()
        own = f"own-{self.place.span_id:016x}" if self.place else "own"
        placed = {
            "order_id": order_id or own,
            "market": self.market,
            "side": self.side,
            "order_type": self.order_type,
            "status": status,
            "endpoint": self.endpoint,
            "notional_usd": self.notional_usd,
            "latency_s": self.duration_s,
            "fill_ratio": ratio,
            "expected_price": self.expected_price,
            "reason": self._failure(status),
            "strategy": self.strategy or self._follows or None,
            "opens": self.opens,
            "epoch": self.epoch,
            "idempotency_key": self.idempotency_key,
            "trace_id": trace_id,
        }
        found = [Draft(OrderPlaced, self.ended_at, "", placed)]
        before: Number = 0
        for one in self._fills:
            fill = {
                **one,
                "trade_id": one["trade_id"] or own,
                "order_id": order_id or own,
                "trace_id": trace_id,
                "strategy": one["strategy"] or self._follows or None,
            }
            ratio = fill.pop("ratio")
            if fill["notional_usd"] is None:
                fill["notional_usd"] = _share(self.notional_usd, ratio, before)
            before = _plus(before, fill["notional_usd"]) if len(self._fills) > 1 else before
            found.append(Draft(OrderFilled, self.ended_at, str(one["trade_id"] or ""), fill))
        return found

    def described(self) -> dict[str, Any]:
        fill, status = self._fills[-1] if self._fills else {}, self.status()
        return {
            "pf.strategy": self.strategy or self._follows,
            "pf.asset": self.market.partition("-")[0],
            "pf.market": self.market,
            "pf.side": self.side,
            "pf.quantity": self.quantity,
            "pf.fill_price": fill.get("price"),
            "pf.expected_price": self.expected_price,
            "pf.slippage_bps": self._slippage(),
            "pf.fee_usd": self._sum("fee_usd"),
            "pf.pnl_usd": self._sum("realized_pnl_usd"),
            "pf.order_id": self._answer[0],
            "pf.order_type": self.order_type,
            "pf.order_status": status,
            "pf.api_latency_ms": self._api_latency_s() * 1000,
            "error.type": self._failure(status),
            **self.attributes,
        }

    def _failure(self, status: str) -> str | None:
        return self._reason or (None if status == "success" else self.why())

    def _api_latency_s(self) -> float:
        """Seconds of the one call that could have placed it; of the whole attempt where no client was watched, or it called twice."""
        return self._calls_ns[0] / 1e9 if len(self._calls_ns) == 1 else self.duration_s

    def _sum(self, name: str) -> Any:
        """Of all its fills; None without one."""
        return sum(float(fill[name]) for fill in self._fills) if self._fills else None

    def _slippage(self) -> float | None:
        """Basis points against the expected price, positive = worse; None without an expected price."""
        if not self._fills or not self.expected_price:
            return None
        expected = float(self.expected_price)
        return (float(self._fills[-1]["price"]) / expected - 1.0) * 10_000 * (1 if self.side == "buy" else -1)


def _share(whole: Number, ratio: float, before: Number) -> Number:
    """What was filled of an order until now, without what was told before; never more than all of it.

    What is no number stays it, and is refused by name.
    """
    if ratio == 1.0 and not before:
        return whole
    try:
        return max(Decimal(str(whole)) * min(Decimal(str(ratio)), Decimal(1)) - Decimal(str(before)), Decimal(0))
    except ArithmeticError:
        return whole


def _plus(one: Number, other: Number) -> Number:
    try:
        return Decimal(str(one)) + Decimal(str(other))
    except ArithmeticError:
        return one


class ConfirmationPoll(Operation):
    """Asking until an order is confirmed."""

    __slots__ = ("_polls", "_status", "order_id")
    span_name: ClassVar[str] = "pf.trade.confirmation_poll"

    def __init__(self, desk: Desk, *, order_id: str) -> None:
        super().__init__(desk, order_id=order_id)
        self.order_id = order_id
        self._polls, self._status = 0, ""

    def polled(self, status: str = "") -> None:
        """It was asked once more; `status` is the answer."""
        self._polls += 1
        self._status = status

    def described(self) -> dict[str, Any]:
        return {
            "pf.order_id": self.order_id,
            "pf.poll_count": self._polls,
            "pf.order_status": self._status,
            **self.attributes,
        }
