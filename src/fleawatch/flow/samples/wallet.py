"""Balances by currency and place, money that can be spent, and agents that were referred."""

from __future__ import annotations

from collections.abc import Mapping

from fleawatch.catalog import wallet as words
from fleawatch.catalog.labels import CURRENCY
from fleawatch.flow.books import Holding
from fleawatch.flow.samples.equity import add, within
from fleawatch.flow.samples.shape import Keyed, Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import holding_labels
from fleawatch.flow.state import AgentState
from fleawatch.flow.tally import Labels


def native(view: AgentView) -> Mapping[Labels, Value]:
    """Units of each currency by place; holdings with equal labels are added."""
    found: dict[Labels, Value] = {}
    for held in _shown(view):
        add(found, holding_labels(held.currency, held.wallet_type), held.amount)
    return within(CURRENCY, 0, found)


def usd(view: AgentView) -> Mapping[Labels, Value]:
    """USD by currency and place; None while one of the holdings that are added has no price."""
    found: dict[Labels, Value] = {}
    for held in _shown(view):
        add(found, holding_labels(held.currency, held.wallet_type), held.value)
    return within(CURRENCY, 0, found)


def _shown(view: AgentView) -> list[Holding]:
    usable, shows = view.usable, view.shows
    return [
        held
        for key, held in view.agent.holdings.items()
        if (service := key.partition(":")[0]) in usable or shows(service)
    ]


def spendable(view: AgentView) -> tuple[Value]:
    """USD at the casino, from which bets, payments and escrows are paid; the newer of balance and last ledger row."""
    return (cash(view.agent) if view.shows("casino") else None,)


def cash(agent: AgentState) -> float | None:
    """USD at the casino as last told; None before it was."""
    casino = agent.casino
    balance, read_at = casino.read_balance, casino.read_at
    for key, book in agent.books.items():
        if key.startswith("casino:") and book.rows and (balance is None or book.at > read_at):
            balance, read_at = book.balance, book.at
    return balance


def referred(view: AgentView) -> list[Value]:
    """Referred agents by level; None before a service has told."""
    levels = view.agent.referred
    if not levels or not view.money:
        return [None, None, None]
    return [levels.get(level, 0) for level in (1, 2, 3)]


READERS = (
    Keyed(words.NATIVE, native),
    Keyed(words.USD, usd),
    fixed(words.SPENDABLE, read=spendable),
    fixed(words.REFERRED, read=referred),
)
