"""Balances and single movements outside a ledger: on-chain holdings, domains, referral pots, self-reported money.

On chain, a change of quantity without an announced swap is a flow, and a change of price is P&L. At a service without
a ledger, announced deposits are flows, announced purchases P&L, and what neither explains is the residual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.events import (
    BalanceRead,
    BonusGranted,
    DepositCredited,
    DomainBought,
    Event,
    FaucetClaimed,
    PaymentMoved,
    ReferralIncome,
    ReferralTotals,
    Swapped,
    WithdrawalChanged,
)
from fleawatch.flow.fold.equity import moment, settle, transfer
from fleawatch.flow.fold.ledger import book_of
from fleawatch.flow.state import AgentState, FleetState, Happening, Holding

_DUST: Final = 1e-9


def balance(fleet: FleetState, agent: AgentState, event: BalanceRead) -> None:
    """A balance was read: what it means depends on whose books it belongs to.

    Several holdings are read one after the other: what a swap took from one it gave to another, so the agent is valued
    when the reading ends (`SourceRead`), not between the two.
    """
    if event.service == "casino":
        _casino(fleet, agent, event)
    elif event.service == "wallet":
        _on_chain(fleet, agent, event)
    else:
        _ledgerless(fleet, agent, event)


def _casino(fleet: FleetState, agent: AgentState, event: BalanceRead) -> None:
    amount = float(event.amount)
    agent.casino.read_balance, agent.casino.read_at = amount, event.at
    _hold(agent, "casino", "USDC", event.wallet_type, amount, amount)
    if agent.self_reported:
        agent.parts["casino"] = amount
        settle(fleet, agent, moment(fleet, agent, event))
        return
    book_of(agent, "casino", event.currency).conservation.balance(amount)


def _on_chain(fleet: FleetState, agent: AgentState, event: BalanceRead) -> None:
    key = f"wallet:{event.account}:{event.currency}"
    amount = float(event.amount)
    value = None if event.value_usd is None else float(event.value_usd)
    held = agent.holdings.get(key)
    at = moment(fleet, agent, event)
    if held is not None and held.value is not None and value is not None and agent.equity is not None:
        moved = _unexplained(held, amount - held.amount)
        price = value / amount if amount > _DUST else (held.value / held.amount if held.amount > _DUST else 0.0)
        if abs(moved * price) > _DUST:
            transfer(fleet, agent, "wallet", moved * price, at)
            _count_flow(agent, moved * price)
    explained = held.explained if held else 0.0
    _hold(
        agent,
        key,
        event.currency,
        event.wallet_type,
        amount,
        value if value is not None or held is None else held.value,
    )
    agent.holdings[key].explained = explained
    agent.parts["wallet"] = sum(h.value or 0.0 for name, h in agent.holdings.items() if name.startswith("wallet:"))
    if "wallet" not in agent.profile.collectors:
        settle(fleet, agent, at)


def _unexplained(held: Holding, change: float) -> float:
    """The part of a change of quantity that no announced swap explains; the rest is used up."""
    if held.explained * change <= 0:
        return change
    used = min(abs(held.explained), abs(change)) * (1 if change > 0 else -1)
    held.explained -= used
    return change - used


def _ledgerless(fleet: FleetState, agent: AgentState, event: BalanceRead) -> None:
    amount = float(event.amount)
    at = moment(fleet, agent, event)
    part = "domains" if event.service == "domains" else "trading"
    book = book_of(agent, event.service, event.currency)
    if event.service == "domains":
        announced = agent.announced.pop(event.service, (0.0, 0.0))
        first = book.rows == 0
        if not first:
            book.conservation.row(announced[0] + announced[1], amount)
        else:
            book.conservation.row(0.0, amount)
        book.rows += 1
        book.balance, book.at = amount, event.at
        book.conservation.balance(amount)
        book.conservation.settle()
        if not first and announced[0]:
            transfer(fleet, agent, "domains", announced[0], at)
            _count_flow(agent, announced[0])
        agent.income["domains"] = agent.income.get("domains", 0.0) + (0.0 if first else announced[1])
    agent.parts[part] = amount
    _hold(agent, event.service, "USDC", event.wallet_type, amount, amount)
    settle(fleet, agent, at)


def _hold(agent: AgentState, key: str, currency: str, wallet_type: str, amount: float, value: float | None) -> None:
    held = agent.holdings.get(key)
    if held is None:
        agent.holdings[key] = Holding(currency=currency, wallet_type=wallet_type, amount=amount, value=value)
    else:
        held.amount, held.value, held.wallet_type = amount, value, wallet_type


def _count_flow(agent: AgentState, amount: float) -> None:
    if amount > 0:
        agent.deposits += amount
        agent.tallies.add("pf_wallet_deposits_usdc_total", ("deposit",), amount)
    else:
        agent.withdrawals -= amount
        agent.tallies.add("pf_wallet_withdrawals_usdc_total", ("withdrawal",), -amount)


def _announce(agent: AgentState, service: str, flow: float, pnl: float) -> None:
    flows, gains = agent.announced.get(service, (0.0, 0.0))
    agent.announced[service] = (flows + flow, gains + pnl)


def deposited(fleet: FleetState, agent: AgentState, event: DepositCredited) -> None:
    """A deposit: the ledger shows it where there is one; elsewhere it explains the next balance."""
    amount = float(event.amount_usd)
    if event.service == "domains":
        _announce(agent, "domains", amount, 0.0)
    elif agent.self_reported:
        _self_flow(fleet, agent, event, amount, "pf_wallet_deposits_usdc_total", "deposit")
    fleet.happened.append(Happening(what="deposit", agent_id=agent.agent_id, at=event.at, amount=amount))


def withdrawn(fleet: FleetState, agent: AgentState, event: WithdrawalChanged) -> None:
    """A withdrawal, reported by the agent itself, leaves when it is asked for and returns when it fails."""
    if not agent.self_reported or event.status not in {"pending", "failed"}:
        return
    sign = -1.0 if event.status == "pending" else 1.0
    _self_flow(
        fleet,
        agent,
        event,
        sign * float(event.amount_usd),
        "pf_wallet_withdrawals_usdc_total" if sign < 0 else "",
        "withdrawal",
    )


def paid(fleet: FleetState, agent: AgentState, event: PaymentMoved) -> None:
    """A payment to or from another agent, reported by the agent itself: a flow."""
    if agent.self_reported:
        received = event.direction == "received"
        metric = "pf_wallet_deposits_usdc_total" if received else "pf_wallet_withdrawals_usdc_total"
        _self_flow(fleet, agent, event, float(event.amount_usd) * (1 if received else -1), metric, "payment")


def claimed(fleet: FleetState, agent: AgentState, event: FaucetClaimed) -> None:
    """A claim at the faucet. A success is counted where the money shows: in the ledger, if it is read."""
    if event.status != "success":
        agent.tallies.add("pf_faucet_claims_total", (event.status,))
    elif agent.self_reported:
        agent.tallies.add("pf_faucet_claims_total", ("success",))
        _self_flow(fleet, agent, event, float(event.amount_usd), "pf_wallet_deposits_usdc_total", "faucet")


def granted(fleet: FleetState, agent: AgentState, event: BonusGranted) -> None:
    """A bonus, reported by the agent itself: a flow."""
    if agent.self_reported:
        _self_flow(fleet, agent, event, float(event.amount_usd), "pf_wallet_deposits_usdc_total", "bonus")


def _self_flow(fleet: FleetState, agent: AgentState, event: Event, amount: float, metric: str, kind: str) -> None:
    transfer(fleet, agent, "casino", amount, moment(fleet, agent, event))
    if amount > 0:
        agent.deposits += amount
    else:
        agent.withdrawals -= amount
    if metric:
        agent.tallies.add(metric, (kind,), abs(amount))


def swapped(_: FleetState, agent: AgentState, event: Swapped) -> None:
    """A swap explains the coming changes of two holdings: they are no flows."""
    changes = ((event.from_currency, -float(event.from_amount)), (event.to_currency, float(event.to_amount)))
    for currency, change in changes:
        for key, held in agent.holdings.items():
            if key.startswith("wallet:") and held.currency == currency:
                held.explained += change
                break


def bought(_: FleetState, agent: AgentState, event: DomainBought) -> None:
    """A domain was bought: an expense that explains the next balance."""
    _announce(agent, "domains", 0.0, -float(event.price_usd))


def earned(fleet: FleetState, agent: AgentState, event: ReferralIncome) -> None:
    """One referral payment, reported by the agent itself."""
    if agent.self_reported:
        amount = float(event.amount_usd)
        agent.income["referral"] = agent.income.get("referral", 0.0) + amount
        agent.tallies.add("pf_referral_income_usdc_total", (event.service, str(event.level or 1)), amount)
        agent.parts["casino"] = agent.parts.get("casino", 0.0) + amount
        settle(fleet, agent, moment(fleet, agent, event))


def referral_totals(fleet: FleetState, agent: AgentState, event: ReferralTotals) -> None:
    """Lifetime referral earnings at a service: new ones are income, and what it still holds is the agent's money."""
    for level, count in enumerate(event.referred, start=1):
        agent.referred[level] = max(agent.referred.get(level, 0), count)
    if event.service == "casino" and not agent.self_reported:
        return  # its payments are ledger rows, with their levels
    earned_usd = float(event.earned_usd)
    agent.tallies.reach("pf_referral_income_usdc_total", (event.service, "1"), earned_usd)
    known = agent.earned.get(event.service)
    if known is not None and earned_usd > known:
        gain = earned_usd - known
        agent.income["referral"] = agent.income.get("referral", 0.0) + gain
        if event.service == "domains":
            _announce(agent, "domains", 0.0, gain)
    agent.earned[event.service] = max(known or 0.0, earned_usd)
    if event.service in {"trading", "wallet"}:
        agent.pots[event.service] = float(event.available_usd if event.available_usd is not None else event.earned_usd)
        agent.parts["referral"] = sum(agent.pots.values())
        settle(fleet, agent, moment(fleet, agent, event))


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    BalanceRead: balance,
    DepositCredited: deposited,
    WithdrawalChanged: withdrawn,
    PaymentMoved: paid,
    FaucetClaimed: claimed,
    BonusGranted: granted,
    Swapped: swapped,
    DomainBought: bought,
    ReferralIncome: earned,
    ReferralTotals: referral_totals,
}
