"""What an agent does, as lines of JSON: one for each fact that a person would look for, under its name in the catalog.

A line carries the trace it belongs to, as W3C writes ids and as Datadog does. It is written by the background thread in
one write, and the file is opened anew when something has moved it away. Free text is scrubbed; parties are hashed.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

from fleawatch.catalog import limits
from fleawatch.catalog.logs import COMMON_FIELDS, RESERVED_FIELDS
from fleawatch.events import (
    ApiCall,
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowFailed,
    EscrowRefunded,
    EscrowReleased,
    Event,
    FaucetClaimed,
    OrderFilled,
    OrderPlaced,
    ReferralIncome,
    SignalComputed,
    SlowSpan,
    SpanErrors,
    StrategySwitched,
)
from fleawatch.events.span import SpanRecord
from fleawatch.flow.state import FleetState
from fleawatch.ports import Observed
from fleawatch.scrub import scrub, scrub_fields
from fleawatch.units import iso

_FAILED_FROM: Final = 400
_TAKEN: Final = frozenset((*COMMON_FIELDS, *RESERVED_FIELDS))
_encode: Final = msgspec.json.Encoder().encode

Line = tuple[str, str, dict[str, Any]]
"""Event of the catalog, level, fields."""


def party(name: str) -> str:
    """Another party, so that a reader can follow it and nobody can name it: 12 hex digits; empty stays empty."""
    return hashlib.sha256(name.encode()).hexdigest()[:12] if name else ""


def trace_fields(span: SpanRecord | None) -> dict[str, str]:
    """Ids of the trace as W3C writes them (32 and 16 hex digits) and as Datadog does (decimal, 64 bits)."""
    if span is None:
        return {}
    return {
        "trace_id": span.trace,
        "span_id": span.span,
        "dd.trace_id": str(span.trace_id & (1 << 64) - 1),
        "dd.span_id": str(span.span_id),
    }


class Lines:
    """Makes lines of facts. `service`, `environment` and `version` are on each."""

    def __init__(self, *, service: str, environment: str = "", version: str = "") -> None:
        self._common = {"service": service, "env": environment, "version": version}

    def of(self, seen: Sequence[Observed]) -> list[bytes]:
        """The lines of what was seen, each with its line feed; a fact that nobody looks for has none."""
        return [line for fact, span in seen if fact is not None and (line := self._line(fact, span)) is not None]

    def _line(self, fact: Event, span: SpanRecord | None) -> bytes | None:
        teller = _TELLERS.get(type(fact))
        told = None if teller is None else teller(fact)
        if told is None:
            return None
        event, level, fields = told
        line: dict[str, Any] = {
            "timestamp": iso(fact.at),
            "level": level,
            "logger": "fleawatch",
            "message": event.replace("_", " "),
            **self._common,
            "agent_id": fact.agent_id,
            "event": event,
            **trace_fields(span),
        }
        if span is not None and span.error_type:
            fields = {**fields, "error.kind": span.error_type, "error.message": span.error_message}
        for name, value in scrub_fields(
            {name: value for name, value in fields.items() if value not in (None, "")}
        ).items():
            line[name if name not in _TAKEN or name.startswith("error.") or name == "strategy" else f"field.{name}"] = (
                value
            )
        return _encode(line) + b"\n"


class FactLog:
    """Writes facts as lines.

    Args:
        where: `stdout`, `stderr` or the path of a file, which is appended to.
        service: name of the program.
        environment: where it is deployed.
        version: its release.

    Raises:
        OSError: the file cannot be opened.
    """

    name = "logs"

    def __init__(self, where: str, *, service: str, environment: str = "", version: str = "") -> None:
        self.dropped = 0
        self._path = None if where in ("stdout", "stderr") else Path(where)
        self._standard = where
        self._file: IO[bytes] | None = None
        self._identity: tuple[int, int] = (0, 0)
        self._lines = Lines(service=service, environment=environment, version=version)
        self._open()

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        del state
        lines = self._lines.of(seen)
        if not lines:
            return
        try:
            self._write(b"".join(lines))
        except (OSError, ValueError):
            self.dropped += len(lines)
            raise

    def beat(self, state: FleetState, now: float) -> None:
        """Look whether the file is still the one of that name; a rotated one is opened anew."""
        del state, now
        if self._path is not None and self._moved(self._path):
            self._open()

    def flush(self, within_s: float) -> bool:
        del within_s
        return True

    def close(self, within_s: float) -> None:
        del within_s
        if self._file is not None and self._path is not None:
            self._file.close()
        self._file = None

    def after_fork(self) -> None:
        """The file is appended to by parent and child alike: each line is one write."""

    def _open(self) -> None:
        if self._path is None:
            stream = sys.stdout if self._standard == "stdout" else sys.stderr
            self._file = getattr(stream, "buffer", None) or _Text(stream)  # type: ignore[assignment]
            return
        if self._file is not None:
            self._file.close()
        self._file = self._path.open("ab", buffering=0)
        status = os.fstat(self._file.fileno())
        self._identity = (status.st_dev, status.st_ino)

    def _moved(self, path: Path) -> bool:
        try:
            status = path.stat()
        except FileNotFoundError:
            return True
        return (status.st_dev, status.st_ino) != self._identity

    def _write(self, body: bytes) -> None:
        if self._file is None:
            raise ValueError("the log is closed")
        self._file.write(body)
        if self._path is None:
            self._file.flush()


class _Text:
    """A text stream that stands for a binary one, as pytest puts in the place of standard output."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, body: bytes) -> int:
        return self._stream.write(body.decode())

    def flush(self) -> None:
        self._stream.flush()


class _Escrow(Protocol):
    escrow_id: str


def _filled(fact: OrderFilled) -> Line:
    fields = {
        "market": fact.market, "side": fact.side, "size": float(fact.notional_usd), "price": float(fact.price),
        "order_id": fact.order_id, "fee_usd": float(fact.fee_usd), "slippage_bps": _slippage(fact), "strategy": fact.strategy,
    }  # fmt: skip
    return "trade_executed", "info", fields


def _slippage(fact: OrderFilled) -> float | None:
    if not fact.expected_price:
        return None
    moved = float(fact.price) / float(fact.expected_price) - 1.0
    return moved * 10_000 * (1 if fact.side == "buy" else -1)


def _placed(fact: OrderPlaced) -> Line | None:
    if fact.status == "success":
        return None  # its fill tells of it
    fields = {
        "market": fact.market, "side": fact.side, "size": float(fact.notional_usd), "error.kind": fact.reason or fact.status,
        "status_code": fact.status, "latency_ms": fact.latency_s * 1000, "order_id": fact.order_id,
    }  # fmt: skip
    return "order_failed", "error", fields


def _signal(fact: SignalComputed) -> Line:
    fields = {"market": fact.market, "strategy": fact.strategy, "confidence": fact.confidence, "action": fact.action}
    return "signal_generated", "info", fields


def _escrow(status: str, **more: Callable[[Any], Any]) -> Callable[[Any], Line]:
    def tell(fact: _Escrow) -> Line:
        fields = {"escrow.status": status, "escrow_id": fact.escrow_id}
        return "escrow_transaction", "error" if status == "failed" else "info", {
            **fields, **{name: read(fact) for name, read in more.items()},
        }  # fmt: skip

    return tell


def _call(fact: ApiCall) -> Line | None:
    if fact.status_code.isdigit() and int(fact.status_code) < _FAILED_FROM:
        return None
    return "api_call_failed", "warning", {"endpoint": fact.endpoint, "status_code": fact.status_code}


def _slow(fact: SlowSpan) -> Line:
    fields = {
        "span_name": fact.span_name, "duration_ms": fact.duration_s * 1000, "threshold_ms": fact.threshold_s * 1000,
        "overage_pct": 100 * (fact.duration_s / fact.threshold_s - 1) if fact.threshold_s else None,
    }  # fmt: skip
    return "slow_span", "warning", fields


def _failing(fact: SpanErrors) -> Line | None:
    limit = limits.SPAN_ERRORS.default
    if not fact.samples or limit is None or fact.errors / fact.samples <= limit:
        return None
    fields = {"span_name": fact.span_name, "error_rate": fact.errors / fact.samples, "samples": fact.samples}
    return "high_error_rate", "error", fields


def _money(event: str, **more: Callable[[Any], Any]) -> Callable[[Any], Line]:
    return lambda fact: (
        event,
        "info",
        {"amount_usd": float(fact.amount_usd), **{k: read(fact) for k, read in more.items()}},
    )


_TELLERS: Final[Mapping[type[Event], Callable[[Any], Line | None]]] = {
    OrderFilled: _filled,
    OrderPlaced: _placed,
    SignalComputed: _signal,
    EscrowCreated: _escrow(
        "created", amount_usd=lambda fact: float(fact.amount_usd), counterparty=lambda fact: party(fact.counterparty)
    ),
    EscrowCompleted: _escrow("completed"),
    EscrowReleased: _escrow("released", amount_usd=lambda fact: float(fact.net_usd)),
    EscrowRefunded: _escrow("refunded", amount_usd=lambda fact: float(fact.refund_usd)),
    EscrowDisputed: _escrow("disputed"),
    EscrowFailed: _escrow("failed", amount_usd=lambda fact: float(fact.amount_usd)),
    ApiCall: _call,
    SlowSpan: _slow,
    SpanErrors: _failing,
    FaucetClaimed: _money("faucet_claim"),
    ReferralIncome: _money("referral_income", pf_service=lambda fact: fact.service),
    StrategySwitched: lambda fact: (
        "strategy_switch", "info", {"before": fact.before, "after": fact.after, "reason": scrub(fact.reason)},
    ),
}  # fmt: skip
"""What a fact tells; a kind that is missing has no line."""
