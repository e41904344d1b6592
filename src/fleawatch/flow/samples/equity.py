"""What an agent owns, how well that is known, and what no fact explains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fleawatch.catalog import performance as returns
from fleawatch.catalog import trading, wallet
from fleawatch.catalog.labels import OTHER
from fleawatch.catalog.spec import Label
from fleawatch.flow import conservation
from fleawatch.flow.samples.shape import Keyed, OfFleet, Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import book_labels
from fleawatch.flow.state import FleetState
from fleawatch.flow.tally import Labels

_KNOWN, _PARTIAL, _UNKNOWN = (1, 0, 0), (0, 1, 0), (0, 0, 1)


def money(view: AgentView) -> Sequence[Value]:
    """Equity, price of one unit, daily loss, equity at the day's start, and P&L by window; nothing while none is in view.

    Money is USD. Equity is the sum with unknown parts at their last value. The price of a unit is None before the first
    equity, the daily loss (0 or above) and the P&L are None before the first result.
    """
    if not view.money:
        return _NOTHING
    performance = view.agent.performance
    changes, daily = performance.changes, performance.daily
    total = changes.total
    return (
        view.agent.equity,
        performance.nav.value,
        daily.loss(),
        daily.opening_equity,
        *(
            _UNCHANGED
            if total is None
            else [0.0 if window.earliest is None else total - window.earliest for window in changes.windows.values()]
        ),
    )


_UNCHANGED: Final[tuple[Value, ...]] = (None,) * len(trading.PNL_WINDOW.windows)
_NOTHING: Final[tuple[Value, ...]] = (None,) * (4 + len(_UNCHANGED))


def state(view: AgentView) -> tuple[int, int, int]:
    """1 for `known`, `partial` or `unknown`. A part that is unknown by design makes nothing unknown."""
    agent = view.agent
    if not view.money or (agent.equity is None and not agent.by_design):
        return _UNKNOWN
    return _PARTIAL if agent.unknown else _KNOWN


def epochs(view: AgentView) -> tuple[Value]:
    """Total losses so far; None before the first equity could be summed."""
    nav = view.agent.performance.nav
    return (nav.total_losses if nav.epoch or view.agent.first_equity is not None else None,)


def residual(view: AgentView) -> Mapping[Labels, Value]:
    """USD by service and currency; None while a differing balance waits for its ledger."""
    basis = [(key, book.conservation.residual()) for key, book in view.agent.books.items()]
    basis = [one for one in basis if view.shows(book_labels(one[0])[0])]
    kept = view.memory.recall("residual", basis)
    if kept is not None:
        return kept
    found: dict[Labels, Value] = {}
    for key, residual in basis:
        add(found, book_labels(key)[1], residual)
    return view.memory.keep("residual", basis, found)


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


def within(label: Label, place: int, found: dict[Labels, Value]) -> dict[Labels, Value]:
    """The same series with no more values of a label than it may have: the first to come stay, the rest is added up as `other`.

    `place` is where the label stands among the values. Words of facts are bounded when they are folded; this is for what the
    state keeps as it was written.
    """
    if len(found) <= label.limit:
        return found
    kept: set[str] = set()
    bound: dict[Labels, Value] = {}
    for labels, value in found.items():
        word = labels[place]
        if word != OTHER and len(kept) >= label.limit and word not in kept:
            word = OTHER
        elif word != OTHER:
            kept.add(word)
        add(bound, (*labels[:place], word, *labels[place + 1 :]), value)
    return bound


READERS = (
    fixed(wallet.EQUITY, returns.INDEX, returns.DAILY_LOSS, returns.DAY_START, trading.PNL_WINDOW, read=money),
    fixed(wallet.EQUITY_STATE_NOW, read=state),
    fixed(returns.EPOCHS, read=epochs),
    Keyed(wallet.RESIDUAL, residual),
)
FLEET_READERS = (OfFleet(wallet.FLEET_RESIDUAL, fleet_residual),)
