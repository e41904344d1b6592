"""What the agent expected of a fill, joined to the platform's row of it: slippage is the agent's decision on the platform's price.

An agent is told the id of its order and not that of the fill, so most agents report a fill under the order. The platform's
row names its order too. Whichever comes first waits for the other, the newest few of each; no money hangs on it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fleawatch.catalog.declare import SLIPPAGE
from fleawatch.catalog.labels import ASSET, MARKET, STRATEGY
from fleawatch.events import OrderFilled
from fleawatch.flow.fold.misreports import compare
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.flow.words import word

WAITING_KEPT: Final = 32
"""Fills of each side that wait for the other: a minute's, at the rate that the platform allows."""

_FIELDS: Final = OrderFilled.__struct_fields__
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[Any]).decode


def measure(agent: AgentState, fill: OrderFilled) -> None:
    """Measure a fill against the price expected at decision time; without one there is nothing to measure."""
    if not fill.expected_price:
        return
    expected = float(fill.expected_price)
    signed = (float(fill.price) - expected) / expected * (1 if fill.side == "buy" else -1)
    agent.tallies.observe("pf_trade_slippage_ratio", (word(agent, MARKET, fill.market),), SLIPPAGE, max(0.0, signed))
    if signed:
        strategy = word(agent, STRATEGY, fill.strategy or agent.profile.strategy_at(fill.at))
        asset = word(agent, ASSET, fill.market.partition("-")[0])
        direction = "adverse" if signed > 0 else "improvement"
        cost = abs(signed) * float(fill.notional_usd)
        agent.tallies.add("pf_trade_slippage_cost_usdc_total", (strategy, asset, direction), cost)


def told(fleet: FleetState, agent: AgentState, report: OrderFilled, at: float) -> None:
    """The agent told of a fill that the platform is read for. Under the order's id alone, it is joined to that order's row."""
    if report.trade_id != report.order_id:
        return
    row = _take(agent.trading.unmeasured, report.order_id)
    if row is None:
        _keep(agent.trading.expected, report)
    else:
        compare(fleet, agent, report, row, at)
        measure(agent, _joined(row, report))


def shown(fleet: FleetState, agent: AgentState, row: OrderFilled, at: float) -> OrderFilled:
    """The platform's row with what the agent told of its order; the row itself while nothing was told."""
    if row.expected_price or not row.order_id:
        return row
    report = _take(agent.trading.expected, row.order_id)
    if report is None:
        _keep(agent.trading.unmeasured, row)
        return row
    compare(fleet, agent, report, row, at)
    return _joined(row, report)


def _joined(row: OrderFilled, report: OrderFilled) -> OrderFilled:
    strategy = report.strategy if row.strategy is None else row.strategy
    return msgspec.structs.replace(row, expected_price=report.expected_price, strategy=strategy)


def _keep(waiting: dict[str, bytes], fill: OrderFilled) -> None:
    # Packed, because most fills wait in vain: as facts, the last ones of every agent would be a third of its state.
    waiting[fill.order_id] = _pack(msgspec.structs.astuple(fill))
    if len(waiting) > WAITING_KEPT:
        del waiting[next(iter(waiting))]


def _take(waiting: dict[str, bytes], order_id: str) -> OrderFilled | None:
    packed = waiting.pop(order_id, None)
    return None if packed is None else msgspec.convert(dict(zip(_FIELDS, _unpack(packed), strict=True)), OrderFilled)
