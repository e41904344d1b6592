"""The windows of the fleet as one: returns from its own NAV, trades and P&L from those of its agents.

The fleet's NAV knows nothing of single trades, so what is told of them is what its agents' tallies add up to. P&L is the
sum over agents too, so that a window says what the table adds up to.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from fleawatch.flow.state import AgentState, FleetState
from fleawatch.risk.summary import Summary, reasons, trade_numbers
from fleawatch.risk.trades import Tally
from fleawatch.units import WINDOWS, Window
from fleawatch.web.number import Number, Standing
from fleawatch.web.windows import TRADES, basis, numbers


def fleet_windows(state: FleetState, standing: Standing) -> dict[Window, dict[str, Number]]:
    """The numbers of each window; `standing` is that of the fleet's equity."""
    return {window: numbers(_summary(state, window), standing, standing) for window in WINDOWS}


def fleet_basis(state: FleetState, standing: Standing) -> dict[str, Number]:
    """What all windows share; the daily loss nets what agents won against what others lost."""
    days = [agent.performance.daily for agent in state.agents.values()]
    changes = [day.total - day.opening for day in days if day.total is not None and day.opening is not None]
    loss = max(0.0, -sum(changes)) if changes else None
    return {**basis(state.performance, standing), "daily_loss": standing.number(loss, "no P&L reading yet")}


def _summary(state: FleetState, window: Window) -> Summary:
    agents = state.agents.values()
    trades = structs.asdict(trade_numbers(_merged(agents, window)))
    found = structs.replace(state.performance.summary(window), pnl=_pnl(agents, window), **trades)
    why = {name: reason for name, reason in reasons(found, 0.0).items() if name in TRADES or name == "pnl"}
    return structs.replace(found, why={**found.why, **why})


def _merged(agents: Iterable[AgentState], window: Window) -> Tally:
    whole = Tally()
    for agent in agents:
        whole = whole.merge(agent.performance.trades.windows[window].tally)
    return whole


def _pnl(agents: Iterable[AgentState], window: Window) -> float | None:
    changes = [agent.performance.changes.change(window) for agent in agents]
    known = [change for change in changes if change is not None]
    return sum(known) if known else None
