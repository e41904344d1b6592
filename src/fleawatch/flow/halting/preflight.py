"""What a halt of an agent would mean, before it is ordered: what is open, what it costs, what goes on, what a resume resets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from fleawatch.events.control import HaltMode
from fleawatch.flow.books import Resting
from fleawatch.flow.halting import guard
from fleawatch.flow.halting.resume import may_resume, stale
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import AgentState, Escrow, FleetState, Position
from fleawatch.units import iso

TAKER_FEE: Final = 0.00055
"""Share of the notional that the platform says a closing order costs, at its dearest tier: 0.00035 and 0.0002."""

_PROTECTED: Final = {True: "yes, by a stop", False: "no", None: "unknown"}
_Number = TypeVar("_Number", int, float)
_MADE_UP: Final = 2
"""Colons in the id of a position that the platform lost sight of: it was made of what the exchange shows."""
_ENDED: Final = frozenset({"released", "refunded", "failed"})


class OpenPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position that a halt leaves open. Money is USD; None where it is not known.

    `protected`: whether a stop-loss rests for it; None where resting orders, or all of them, are not known.
    """

    position_id: str
    market: str
    side: str
    notional_usd: float
    unrealized_usd: float | None
    liquidation_price: float | None
    protected: bool | None = None


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that rests at the platform and is executed there whatever the gate says."""

    order_id: str
    kind: str
    market: str
    side: str
    price: float
    notional_usd: float
    position_id: str | None


class OpenEscrow(msgspec.Struct, frozen=True, kw_only=True):
    """An escrow that goes on. As `creator` it gets its money back when time runs out; as `counterparty` it owes work."""

    escrow_id: str
    role: str
    amount_usd: float
    status: str
    expires_at: float | None


class Preflight(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before a halt.

    Attributes:
        state, epoch: how the agent stands.
        refused: why this mode cannot be carried out; empty when it can.
        stale: collectors that are not fresh, with the reason: what is said of them is old.
        open_orders: how many orders rest at the platform; None when they were not read, or only in part.
        orders: those that are listed; more may rest while `open_orders` is None.
        flatten_cost_usd: estimated fee of closing every position; None when it is not known which there are.
        keeps_running: what goes on in spite of the halt.
        resume_resets: what a resume changes, and what it does not.
        resume: whether it could be resumed now: `ok`, or why not.
    """

    agent_id: str
    mode: HaltMode
    at: float
    state: str
    epoch: int
    refused: tuple[str, ...]
    stale: dict[str, str]
    open_orders: int | None
    orders: tuple[OpenOrder, ...]
    positions: tuple[OpenPosition, ...]
    escrows: tuple[OpenEscrow, ...]
    flatten_cost_usd: float | None
    keeps_running: tuple[str, ...]
    resume_resets: tuple[str, ...]
    resume: str


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What a halt of several agents would mean. A sum of which a part is not known is None: never less than it is.

    Attributes:
        stale: agents of whom something is old.
        open_orders, positions, notional_usd, flatten_cost_usd: as for one agent.
        unprotected: positions of which it is not known that a stop protects them.
        escrows, escrow_usd: open ones; `first_timeout_at` when the first of them times out.
        obligations: open escrows as the counterparty, who owes work.
        refused: agents for whom the mode cannot be carried out.
    """

    agents: int
    halted: int
    stale: int
    open_orders: int | None
    positions: int | None
    notional_usd: float | None
    unprotected: int | None
    flatten_cost_usd: float | None
    escrows: int
    escrow_usd: float
    first_timeout_at: float | None
    obligations: int
    refused: int


def totals(found: Sequence[Preflight]) -> Totals:
    """Preflights as one; zeros for no agent."""
    positions = [position for one in found for position in one.positions]
    escrows = [escrow for one in found for escrow in one.escrows]
    known = all("trading" not in one.stale for one in found)
    return Totals(
        agents=len(found),
        halted=sum(one.state != "active" for one in found),
        stale=sum(bool(one.stale) for one in found),
        open_orders=_sum(one.open_orders for one in found),
        positions=len(positions) if known else None,
        notional_usd=sum((one.notional_usd for one in positions), 0.0) if known else None,
        unprotected=sum(not one.protected for one in positions) if known else None,
        flatten_cost_usd=_sum(one.flatten_cost_usd for one in found),
        escrows=len(escrows),
        escrow_usd=sum((one.amount_usd for one in escrows), 0.0),
        first_timeout_at=min((one.expires_at for one in escrows if one.expires_at is not None), default=None),
        obligations=sum(one.role == "counterparty" for one in escrows),
        refused=sum(bool(one.refused) for one in found),
    )


def _sum(parts: Iterable[_Number | None]) -> _Number | int | None:
    """A sum of which every part is known, or None."""
    found = list(parts)
    return None if any(part is None for part in found) else sum(part for part in found if part is not None)


def preflight(fleet: FleetState, agent_id: str, mode: HaltMode, policy: Policy) -> Preflight:
    """What a halt of `agent_id` in `mode` would mean now.

    Raises:
        KeyError: nobody of this name is watched.
    """
    agent, at = fleet.agents[agent_id], fleet.at
    old = stale(agent, at)
    known = "trading" not in old
    trading = agent.trading
    resting = tuple(trading.resting) if known else ()
    counted = known and trading.resting_known == "whole"
    stops = {one.position_id for one in resting if one.kind == "stop_loss"}
    positions = tuple(
        _position(one, True if one.position_id in stops else _bare(one, counted=counted))
        for one in trading.positions.values()
    )
    escrows = tuple(_escrow(one) for one in agent.escrows.values() if one.status not in _ENDED)
    return Preflight(
        agent_id=agent_id,
        mode=mode,
        at=at,
        state=agent.control.state,
        epoch=agent.control.epoch or 0,
        refused=_refused(agent, mode, policy, known=known),
        stale=old,
        open_orders=len(resting) if counted else None,
        orders=tuple(_order(one) for one in resting),
        positions=positions,
        escrows=escrows,
        flatten_cost_usd=sum((one.notional_usd for one in positions), 0.0) * TAKER_FEE if known else None,
        keeps_running=_keeps_running(agent, mode, escrows, len(resting) if counted else None),
        resume_resets=_resume_resets(agent),
        resume=may_resume(fleet, agent_id, policy),
    )


def _bare(one: Position, *, counted: bool) -> bool | None:
    """False for a position that no stop names; None when stops are not all known, or it has no id that one could name."""
    return False if counted and one.position_id.count(":") < _MADE_UP else None


def _order(one: Resting) -> OpenOrder:
    return OpenOrder(
        order_id=one.order_id, kind=one.kind, market=one.market, side=one.side, price=one.price, notional_usd=one.notional,
        position_id=one.position_id,
    )  # fmt: skip


def _position(one: Position, protected: bool | None) -> OpenPosition:  # noqa: FBT001 - three answers, no switch
    return OpenPosition(
        position_id=one.position_id,
        market=one.market,
        side=one.side,
        notional_usd=one.notional,
        unrealized_usd=one.unrealized,
        liquidation_price=one.liquidation_price,
        protected=protected,
    )


def _escrow(one: Escrow) -> OpenEscrow:
    return OpenEscrow(
        escrow_id=one.escrow_id, role=one.role, amount_usd=one.amount, status=one.status, expires_at=one.expires_at
    )


def _refused(agent: AgentState, mode: HaltMode, policy: Policy, *, known: bool) -> tuple[str, ...]:
    if mode != "flatten":
        return ()
    found = []
    if agent.agent_id not in policy.halting.flatten:
        found.append("closing its positions was not allowed in the configuration: actuate.flatten")
    if not known:
        found.append("its positions are not known now: the trading collector is not fresh")
    return tuple(found)


def _keeps_running(
    agent: AgentState, mode: HaltMode, escrows: tuple[OpenEscrow, ...], orders: int | None
) -> tuple[str, ...]:
    found = []
    if orders is None:
        found.append(
            "resting orders at the platform: their number is unknown, not 0, and they are filled whatever the gate says"
        )
    elif orders:
        found.append(
            f"resting orders at the platform: {orders}, filled whatever the gate says, until they are cancelled there"
        )
    if agent.trading.positions and mode != "flatten":
        found.append("open positions: their results, their liquidation and their stops")
    if mode == "reduce":
        found.append("closing orders, and payments")
    if mode == "freeze_payments":
        found.append("bets and orders")
    if any(one.role == "creator" for one in escrows):
        found.append("escrows it created: each is refunded, less the commission, when its time runs out")
    if any(one.role == "counterparty" for one in escrows):
        found.append("work it owes: an escrow that it does not complete in time is lost")
    return tuple(found)


def _resume_resets(agent: AgentState) -> tuple[str, ...]:
    peak, nav = guard.peak_nav(agent), agent.performance.nav.value
    found = [
        "the state becomes active, payments are free, the epoch rises: leases of before are void",
        "alerts that only a person ends, and that have an action, end",
    ]
    if peak is not None and nav is not None:
        found.append(
            f"with rebase the guard measures from NAV {nav:.4f} in place of {peak:.4f}, and the day's loss from now"
        )
    found.append("metrics keep the true peak; lowered limits at the platform and a stopped process stay as they are")
    return tuple(found)


def told(found: Preflight) -> str:
    """A preflight for people: lines of plain text. Names in it may be a stranger's; whoever shows it escapes it."""
    lines = [f"{found.agent_id}: {found.mode} (now {found.state}, epoch {found.epoch})"]
    lines += [f"  REFUSED: {reason}" for reason in found.refused]
    lines += [f"  OLD: {collector} is not fresh ({reason})" for collector, reason in found.stale.items()]
    lines.append("  open orders: unknown" if found.open_orders is None else f"  open orders: {found.open_orders}")
    for rests in found.orders:
        whose = f", of {rests.position_id}" if rests.position_id else ""
        lines.append(
            f"    {rests.order_id} {rests.kind} {rests.side} {rests.market} {rests.notional_usd:.2f} USD at {rests.price:g}{whose}"
        )
    lines.append(f"  open positions: {len(found.positions)}")
    for one in found.positions:
        result = "unknown" if one.unrealized_usd is None else f"{one.unrealized_usd:+.2f} USD"
        edge = "unknown" if one.liquidation_price is None else f"{one.liquidation_price:g}"
        lines.append(
            f"    {one.position_id} {one.side} {one.market} {one.notional_usd:.2f} USD, result {result}, "
            f"liquidation at {edge}, protected: {_PROTECTED[one.protected]}"
        )
    cost = "unknown" if found.flatten_cost_usd is None else f"about {found.flatten_cost_usd:.2f} USD of fees"
    lines.append(f"  closing them costs {cost}")
    lines.append(f"  open escrows: {len(found.escrows)}")
    for held in found.escrows:
        until = "unknown" if held.expires_at is None else iso(held.expires_at)
        lines.append(f"    {held.escrow_id} as {held.role}, {held.amount_usd:.2f} USD, {held.status}, until {until}")
    lines += ["  goes on:", *(f"    {line}" for line in found.keeps_running)]
    lines += ["  a resume:", *(f"    {line}" for line in found.resume_resets)]
    lines.append(f"  could be resumed now: {found.resume}")
    return "\n".join(lines) + "\n"
