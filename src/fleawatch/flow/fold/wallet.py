"""Balances and single movements outside a ledger: on-chain holdings, domains, referral pots, self-reported money.

On chain, a change of quantity without an announced swap is a flow, and a change of price is P&L. At a service without
a ledger, announced deposits are flows, announced purchases P&L, and what neither explains is the residual.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from fleawatch.catalog.labels import CURRENCY
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
from fleawatch.flow.fold.equity import ignore, known_since, reported_move, settle, transfer
from fleawatch.flow.fold.ledger import book_of, tell_residual
from fleawatch.flow.fold.recipients import judge_recipient
from fleawatch.flow.state import AgentState, FleetState, Happening, Holding
from fleawatch.flow.words import word
from fleawatch.units import DAY

_DUST: Final = 1e-9
_LEVELS: Final = 3
SWAP_WAITS: Final = DAY
"""A swap explains a change of quantity that shows within a day; one that failed explains none."""
CURRENCIES: Final = 64
"""Currencies that announced swaps may wait for."""


def balance(fleet: FleetState, agent: AgentState, event: BalanceRead, at: float) -> None:
    """A balance was read: what it means depends on whose books it belongs to.

    Several holdings are read one after the other: what a swap took from one it gave to another, so a polled agent is
    valued when the reading ends (`SourceRead`), not between the two.
    """
    word(agent, CURRENCY, event.currency)  # counted where it is none, although it is shown from the holding
    if event.service == "casino":
        _casino(fleet, agent, event, at)
        return
    if event.service == "domains":
        _domains(fleet, agent, event)
    elif event.source == "gateway":
        _gateway(agent, event)
    elif event.service == "wallet":
        _on_chain(fleet, agent, event, at)
    elif event.service == "trading":
        _exchange(agent, event)
    if event.source not in agent.profile.collectors:
        settle(fleet, agent, at)


def _casino(fleet: FleetState, agent: AgentState, event: BalanceRead, at: float) -> None:
    amount, casino = float(event.amount), agent.casino
    if event.at < casino.read_at:
        ignore(fleet, "balance_older")
        return
    first = casino.read_balance is None
    casino.read_balance, casino.read_at = amount, event.at
    _hold(agent, "casino", event, amount, amount, currency="USDC")
    if not agent.self_reported:
        book = book_of(agent, "casino", event.currency, opening=0.0)
        book.conservation.balance(amount)
        if not book.conservation.pending:
            casino.whole_at = max(casino.whole_at, event.at)
        return
    known_since(agent, "casino", event.at)
    if first and "casino" not in agent.parts:
        transfer(agent, "casino", amount + casino.in_flight)
    agent.parts["casino"] = amount + casino.in_flight
    settle(fleet, agent, at)


def _exchange(agent: AgentState, event: BalanceRead) -> None:
    """The balance of a trading account: the part itself where no capital is known, else only shown."""
    amount = float(event.amount)
    _hold(agent, event.service, event, amount, amount)
    if agent.trading.capital is None:
        if "trading" not in agent.parts:
            transfer(agent, "trading", amount)
        agent.parts["trading"] = amount
        agent.by_design.pop("trading", None)


def _gateway(agent: AgentState, event: BalanceRead) -> None:
    """A gateway tells levels and no reasons: what they change by is P&L, so that no loss can pass for a withdrawal."""
    amount = float(event.amount)
    value = None if event.value_usd is None else float(event.value_usd)
    _hold(agent, f"{event.service}:gateway:{event.currency}", event, amount, value)
    part: Literal["escrow", "wallet"] = "escrow" if event.service == "escrow" else "wallet"
    known_since(agent, part, event.at)
    prefix = f"{event.service}:gateway:"
    agent.parts[part] = sum((held.value or 0.0 for key, held in agent.holdings.items() if key.startswith(prefix)), 0.0)


def _on_chain(fleet: FleetState, agent: AgentState, event: BalanceRead, at: float) -> None:
    key = f"wallet:{event.account}:{event.currency}"
    amount = float(event.amount)
    value = None if event.value_usd is None else float(event.value_usd)
    if value is None and amount <= _DUST:
        value = 0.0
    held = agent.holdings.get(key)
    before = held.priced if held is not None and held.value is not None else 0.0
    if value is not None:
        known_since(agent, "wallet", event.at)
        moved = _unexplained(agent, event, amount - before)
        price = value / amount if amount > _DUST else _last_price(held)
        if abs(moved * price) > _DUST:
            transfer(agent, "wallet", moved * price)
            if agent.first_equity is not None:
                _count_flow(agent, moved * price)
                if moved > 0:
                    _tell(fleet, agent, at, "deposit", moved * price)
    _hold(agent, key, event, amount, value)
    agent.parts["wallet"] = sum(
        (h.value or 0.0 for name, h in agent.holdings.items() if name.startswith("wallet:")), 0.0
    )


def _last_price(held: Holding | None) -> float:
    return held.value / held.priced if held is not None and held.value is not None and held.priced > _DUST else 0.0


def _unexplained(agent: AgentState, event: BalanceRead, change: float) -> float:
    """The part of a change of quantity that no announced swap explains; the rest is used up."""
    explained, until = agent.swapped.get(event.currency, (0.0, 0.0))
    if explained * change <= 0 or event.at > until:
        return change
    used = min(abs(explained), abs(change)) * (1 if change > 0 else -1)
    agent.swapped[event.currency] = (explained - used, until)
    return change - used


def _domains(fleet: FleetState, agent: AgentState, event: BalanceRead) -> None:
    """The domains service keeps a balance and no ledger: what was announced since the last one must explain it."""
    amount = float(event.amount)
    book = book_of(agent, event.service, event.currency)
    flow, gain = agent.announced.pop(event.service, (0.0, 0.0))
    first = book.rows == 0
    known_since(agent, "domains", event.at)
    book.conservation.row(0.0 if first else flow + gain, amount)
    book.balance, book.rows, book.at = amount, book.rows + 1, event.at
    tell_residual(fleet, agent, book, event.service, event.at)
    if first:
        flow = amount
    elif flow:
        _count_flow(agent, flow)
    transfer(agent, "domains", flow)
    agent.parts["domains"] = amount
    _hold(agent, event.service, event, amount, amount, currency="USDC")


def _hold(
    agent: AgentState, key: str, event: BalanceRead, amount: float, value: float | None, *, currency: str = ""
) -> None:
    """Keep a holding. Without a price it stays at its last value, of the amount that was valued."""
    held = agent.holdings.get(key)
    if held is None:
        held = agent.holdings[key] = Holding(currency or event.currency, event.wallet_type, amount, None)
    held.amount, held.wallet_type = amount, event.wallet_type
    if value is not None:
        held.value, held.priced = value, amount


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


def deposited(fleet: FleetState, agent: AgentState, event: DepositCredited, at: float) -> None:
    """A deposit: the ledger shows it where there is one; elsewhere it explains the next balance."""
    amount = float(event.amount_usd)
    if event.service == "domains":
        _announce(agent, "domains", amount, 0.0)
    elif agent.self_reported:
        _self_flow(fleet, agent, event, amount, "deposit", at)
    else:
        return
    if event.service == "domains":
        _tell(fleet, agent, at, "deposit", amount)


def _tell(fleet: FleetState, agent: AgentState, at: float, what: str, amount: float, service: str = "") -> None:
    fields: dict[str, str | float] = {"pf_service": service} if service else {"flow": what}
    fleet.happened.append(
        Happening(what=what, agent_id=agent.agent_id, at=at, amount=amount, subject=service, fields=fields)
    )


def withdrawn(fleet: FleetState, agent: AgentState, event: WithdrawalChanged, at: float) -> None:
    """A withdrawal, reported by the agent itself, leaves when it is asked for and returns when it fails.

    The fee is P&L: it is lost before the money leaves, and comes back after it.
    """
    if event.status != "failed":
        amount = float(event.amount_usd)
        judge_recipient(fleet, agent, at, event.recipient, amount, event.withdrawal_id)
    if not agent.self_reported or event.status not in {"pending", "failed"}:
        return
    amount, fee = float(event.amount_usd), float(event.fee_usd)
    if event.status == "pending":
        _self_fee(agent, event, -fee)
        _self_flow(fleet, agent, event, -amount, "withdrawal", at)
    else:
        agent.withdrawals -= amount
        _self_flow(fleet, agent, event, amount, "", at)
        _self_fee(agent, event, fee)
        settle(fleet, agent, at)


def _self_fee(agent: AgentState, event: Event, amount: float) -> None:
    agent.income["fees"] = agent.income.get("fees", 0.0) + amount
    reported_move(agent, event.at, amount)


def paid(fleet: FleetState, agent: AgentState, event: PaymentMoved, at: float) -> None:
    """A payment to or from another agent: a flow, where the agent's own reports are its books."""
    if event.direction == "sent":
        amount = float(event.amount_usd)
        judge_recipient(fleet, agent, at, event.counterparty, amount, event.payment_id)
    if agent.self_reported:
        sign = 1 if event.direction == "received" else -1
        _self_flow(fleet, agent, event, sign * float(event.amount_usd), "payment", at)


def claimed(fleet: FleetState, agent: AgentState, event: FaucetClaimed, at: float) -> None:
    """A claim at the faucet. A success is counted where the money shows: in the ledger, if it is read."""
    if event.status != "success":
        agent.tallies.add("pf_faucet_claims_total", (event.status,))
    elif agent.self_reported:
        agent.tallies.add("pf_faucet_claims_total", ("success",))
        _self_flow(fleet, agent, event, float(event.amount_usd), "faucet", at)


def granted(fleet: FleetState, agent: AgentState, event: BonusGranted, at: float) -> None:
    """A bonus, reported by the agent itself: a flow."""
    if agent.self_reported:
        _self_flow(fleet, agent, event, float(event.amount_usd), "bonus", at)


def _self_flow(fleet: FleetState, agent: AgentState, event: Event, amount: float, kind: str, at: float) -> None:
    """Book a flow that an agent reported of itself; without a kind it undoes one that was counted."""
    if agent.casino.read_balance is not None:
        transfer(agent, "casino", amount, shown=event.at <= agent.casino.read_at)
    if kind and amount > 0:
        agent.deposits += amount
        agent.tallies.add("pf_wallet_deposits_usdc_total", (kind,), amount)
        _tell(fleet, agent, at, "payment_received" if kind == "payment" else kind, amount)
    elif kind:
        agent.withdrawals -= amount
        agent.tallies.add("pf_wallet_withdrawals_usdc_total", (kind,), -amount)
    settle(fleet, agent, at)


def swapped(_: FleetState, agent: AgentState, event: Swapped, __: float) -> None:
    """A swap explains the coming changes of two holdings: they are no flows.

    Swaps from before the first balances explain nothing: those balances hold their effect already.
    """
    if not any(key.startswith("wallet:") for key in agent.holdings) or event.status in {"failed", "refunded"}:
        return
    until = event.seen_at + SWAP_WAITS
    changes = ((event.from_currency, -float(event.from_amount)), (event.to_currency, float(event.to_amount)))
    for currency, change in changes:
        waiting, waits_until = agent.swapped.pop(currency, (0.0, 0.0))
        agent.swapped[currency] = (change + (waiting if event.seen_at <= waits_until else 0.0), until)
        if len(agent.swapped) > CURRENCIES:
            del agent.swapped[next(iter(agent.swapped))]


def bought(_: FleetState, agent: AgentState, event: DomainBought, __: float) -> None:
    """A domain was bought: an expense that explains the next balance."""
    price = float(event.price_usd)
    known_since(agent, "domains", event.at)
    agent.income["domains"] = agent.income.get("domains", 0.0) - price
    _announce(agent, "domains", 0.0, -price)


def earned(fleet: FleetState, agent: AgentState, event: ReferralIncome, at: float) -> None:
    """One referral payment, reported by the agent itself."""
    if agent.self_reported:
        amount = float(event.amount_usd)
        level = str(min(event.level or 1, _LEVELS))
        agent.income["referral"] = agent.income.get("referral", 0.0) + amount
        agent.tallies.add("pf_referral_income_usdc_total", (event.service, level), amount)
        _tell(fleet, agent, at, "referral", amount, event.service)
        reported_move(agent, event.at, amount)
        settle(fleet, agent, at)


def referral_totals(fleet: FleetState, agent: AgentState, event: ReferralTotals, at: float) -> None:
    """Lifetime referral earnings at a service: new ones are income, and what it still holds is the agent's money.

    The casino pays into its ledger, whose rows are the income; of its totals only the referred agents are news.
    """
    for level, count in enumerate(event.referred[:_LEVELS], start=1):
        agent.referred[level] = max(agent.referred.get(level, 0), count)
    if event.service not in {"trading", "wallet", "domains"}:
        return
    total = float(event.earned_usd)
    known = agent.earned.get(event.service)
    agent.tallies.reach("pf_referral_income_usdc_total", (event.service, "1"), total)
    gain = max(0.0, total - (known or 0.0))
    agent.earned[event.service] = (known or 0.0) + gain
    if known is None and agent.first_equity is not None:
        gain = 0.0
    agent.income["referral"] = agent.income.get("referral", 0.0) + gain
    if gain and known is not None:
        _tell(fleet, agent, at, "referral", gain, event.service)
    if event.service == "domains":
        if known is not None:
            _announce(agent, "domains", 0.0, gain)
        return
    before = agent.pots.get(event.service, 0.0)
    pot = agent.pots[event.service] = float(event.earned_usd if event.available_usd is None else event.available_usd)
    transfer(agent, "referral", pot - before - gain)
    agent.parts["referral"] = sum(agent.pots.values(), 0.0)
    if event.source not in agent.profile.collectors:
        settle(fleet, agent, at)


LEVEL_HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {BalanceRead: balance, ReferralTotals: referral_totals}
HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    DepositCredited: deposited,
    WithdrawalChanged: withdrawn,
    PaymentMoved: paid,
    FaucetClaimed: claimed,
    BonusGranted: granted,
    Swapped: swapped,
    DomainBought: bought,
    ReferralIncome: earned,
}
