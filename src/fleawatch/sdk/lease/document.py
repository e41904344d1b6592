"""The documents that service and gate exchange, and the door where bad ones are refused.

Times in a lease are the service's own; a gate counts `ttl_s` on its own pace clock and compares none of them with its
wall clock.
"""

from __future__ import annotations

import math
from typing import Annotated, Final

import msgspec

from fleawatch.events.control import GateState, HaltMode

LONGEST_TTL_S: Final = 600.0
"""A lease is believed for ten minutes at most, whatever it says."""
LARGEST: Final = 1 << 16
"""Bytes of the largest document."""

_Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Baselines(msgspec.Struct, frozen=True):
    """What the service measures from, in its own units; None where it is not known."""

    peak_nav: float | None = None
    nav: float | None = None
    day_start_equity: float | None = None
    equity: float | None = None
    spendable: float | None = None


class HaltOrder(msgspec.Struct, frozen=True):
    """A halt in force."""

    halt_id: str
    mode: HaltMode
    reason: str = ""
    ordered_at: float = 0.0


class Ramp(msgspec.Struct, frozen=True):
    """No order above `max_notional_usd` until `until`, by the service's clock."""

    until: float
    max_notional_usd: float


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Permission to trade, with everything the gate must know.

    Attributes:
        epoch: rises with every halt and resume.
        issued_at: unix seconds of the service; rises with every lease of an epoch.
        ttl_s: how long it holds from the moment it was asked for or pushed.
        limits: by name, as sent; names and values are looked at by the gate.
    """

    agent_id: str
    epoch: _Epoch
    state: GateState
    issued_at: float
    ttl_s: float
    expires_at: float = 0.0
    limits: dict[str, float | int | str | bool | None] = {}
    baselines: Baselines | None = None
    halt: HaltOrder | None = None
    payments_frozen: bool = False
    ramp: Ramp | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate tells the service.

    Attributes:
        limits: in force.
        unknown_limits: sent by the service and not enforced.
        halt_id: of the halt that the gate obeys, None without one.
        last_order_at: unix seconds of the agent, None before the first order.
        now: the agent's wall clock.
    """

    epoch: int
    state: GateState
    reason: str
    limits: dict[str, float]
    unknown_limits: tuple[str, ...]
    halt_id: str | None
    last_order_at: float | None
    now: float


_decoder: Final = msgspec.json.Decoder(Lease)
_encoder: Final = msgspec.json.Encoder()


def read_lease(body: bytes, agent_id: str) -> Lease:
    """A lease for this agent.

    Raises:
        ValueError: it is none, it is another agent's, or a number in it makes no sense.
    """
    if len(body) > LARGEST:
        raise ValueError(f"the lease had {len(body)} bytes, more than {LARGEST}")
    try:
        lease = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"the lease was refused: {error}") from None
    if lease.agent_id != agent_id:
        raise ValueError("the lease was another agent's")
    numbers = [lease.issued_at, lease.ttl_s]
    if lease.ramp is not None:
        numbers += [lease.ramp.until, lease.ramp.max_notional_usd]
    if not all(math.isfinite(number) and number >= 0 for number in numbers) or lease.ttl_s == 0:
        raise ValueError("a time of the lease, its ttl_s or its ramp was not a number above 0")
    return lease


def write_report(report: Report) -> bytes:
    """A report as JSON."""
    return _encoder.encode(report)
