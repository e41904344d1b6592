"""What an agent owns, how well that is known, and what no fact explains."""

from __future__ import annotations

from collections.abc import Mapping

from fleawatch.catalog import performance, trading, wallet
from fleawatch.flow import conservation
from fleawatch.flow.samples.shape import Keyed, OfFleet, Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import book_labels
from fleawatch.flow.state import FleetState
from fleawatch.flow.tally import Labels

_KNOWN, _PARTIAL, _UNKNOWN = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def equity(view: AgentView) -> tuple[Value]:
    """USD; the sum with unknown parts at their last value. None while nothing of it is in view."""
    return (view.agent.equity if view.money else None,)


def state(view: AgentView) -> tuple[int, int, int]:
    """1 for `known`, `partial` or `unknown`. A part that is unknown by design makes nothing unknown."""
    agent = view.agent
    if not view.money or (agent.equity is None and not agent.by_design):
        return _UNKNOWN
    return _PARTIAL if agent.unknown else _KNOWN


def index(view: AgentView) -> tuple[Value]:
    """Price of one unit; None before the first equity."""
    return (view.agent.performance.nav.value if view.money else None,)


def epochs(view: AgentView) -> tuple[Value]:
    """Total losses so far; None before the first equity could be summed."""
    nav = view.agent.performance.nav
    return (nav.total_losses if nav.epoch or view.agent.first_equity is not None else None,)


def daily_loss(view: AgentView) -> tuple[Value]:
    """USD, 0 or above; None before the first result."""
    return (view.agent.performance.daily.loss() if view.money else None,)


def day_start(view: AgentView) -> tuple[Value]:
    """USD at midnight UTC, or at the first reading of a first day."""
    return (view.agent.performance.daily.opening_equity if view.money else None,)


def pnl_window(view: AgentView) -> list[Value]:
    """USD by window; None before the first P&L."""
    changes = view.agent.performance.changes
    total = changes.total
    if total is None or not view.money:
        return [None] * len(trading.PNL_WINDOW.windows)
    return [0.0 if window.earliest is None else total - window.earliest for window in changes.windows.values()]


def residual(view: AgentView) -> Mapping[Labels, Value]:
    """USD by service and currency; None while a differing balance waits for its ledger."""
    found: dict[Labels, Value] = {}
    for key, book in view.agent.books.items():
        service, labels = book_labels(key)
        if view.shows(service):
            add(found, labels, book.conservation.residual())
    return found


def fleet_residual(fleet: FleetState, at: float) -> Mapping[Labels, Value]:
    """USD; None while a book of the fleet is not read, or is unknown itself."""
    for agent in fleet.agents.values():
        for service in conservation.BOOKKEEPERS:
            status = agent.sources.get(service)
            if service in agent.profile.collectors and (status is None or not status.usable(at)):
                return {}
    return {(): conservation.fleet_residual(fleet).total}


def add(found: dict[Labels, Value], labels: Labels, value: Value) -> None:
    """Add to what has the same labels. A sum with an unknown part is unknown."""
    if labels in found:
        before = found[labels]
        found[labels] = None if before is None or value is None else before + value
    else:
        found[labels] = value


READERS = (
    fixed(wallet.EQUITY, equity),
    fixed(wallet.EQUITY_STATE_NOW, state),
    fixed(performance.INDEX, index),
    fixed(performance.EPOCHS, epochs),
    fixed(performance.DAILY_LOSS, daily_loss),
    fixed(performance.DAY_START, day_start),
    fixed(trading.PNL_WINDOW, pnl_window),
    Keyed(wallet.RESIDUAL, residual),
)
FLEET_READERS = (OfFleet(wallet.FLEET_RESIDUAL, fleet_residual),)
