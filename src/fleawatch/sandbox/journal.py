"""The double-entry journal: every movement of money, balanced on entry or refused; and every attempt to move some.

Amounts are signed: positive into the account, negative out of it. The servers' own tables are written beside the
journal, never from it, so that the two can be compared. Attempts are what agents asked for, with the answer they got,
so that "was any order accepted for this agent after that time" has an answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from fleawatch.errors import FleawatchError


class UnbalancedError(FleawatchError):
    """A transaction was refused: its postings did not sum to zero in some currency."""


class Leg(NamedTuple):
    """One side of a transaction before it is posted."""

    account: str
    agent_id: str | None
    amount: Decimal
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of the journal.

    Attributes:
        txn: number of the transaction, from 1.
        at: simulated unix seconds.
        account: such as `cash:flat-00`, `escrow:esc_...`, `house:flat-00:dice`, `fees:trading:momentum-01`.
        agent_id: whose account it is, or None for the platform and the world outside.
        service: casino, escrow, faucet, trading, wallet or domains.
        currency: `USD`, or a coin's symbol for on-chain amounts.
        amount: signed.
        memo: what happened.
    """

    txn: int
    at: float
    account: str
    agent_id: str | None
    service: str
    currency: str
    amount: Decimal
    memo: str


Action = Literal[
    "bet", "parlay", "challenge", "challenge_accept", "tournament",
    "open", "limit", "limit_fill", "copy_open", "stop_loss", "take_profit", "cancel", "close", "close_all", "copy_close",
    "risk_settings", "escrow_create", "escrow_complete", "escrow_release", "escrow_dispute",
    "payment", "withdrawal", "swap", "domain", "faucet_claim",
]  # fmt: skip
"""What an agent can attempt. `limit_fill`, `copy_open` and `copy_close` are carried out by the platform on its behalf."""

ORDERS: Final[frozenset[Action]] = frozenset((
    "bet", "parlay", "challenge", "challenge_accept", "tournament", "open", "limit", "limit_fill", "copy_open",
    "escrow_create",
))  # fmt: skip
"""Actions that put money at risk: what an agent that is stopped must not get accepted any more."""


@dataclass(slots=True)
class Attempt:
    """One thing an agent asked a service to do.

    What a server turned away before it got there is not an attempt: a wrong key, a rate limit, a fault, closed books.

    Attributes:
        at: simulated unix seconds.
        agent_id: the operator's name for the agent.
        service: casino, escrow, faucet, trading, wallet or domains.
        reference: the platform's id of what came of it; None when it was refused, and where nothing has an id.
        error: the code of the refusal, or None when it was accepted.
    """

    at: float
    agent_id: str
    service: str
    action: Action
    reference: str | None = None
    error: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the service did it."""
        return self.error is None


@dataclass(slots=True)
class Journal:
    """All postings and attempts in order, with the running balance of each account."""

    postings: list[Posting] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    transactions: int = 0
    _balances: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def post(self, at: float, service: str, memo: str, legs: Sequence[Leg]) -> int:
        """Enter one transaction and return its number. Legs of zero are left out.

        Raises:
            UnbalancedError: the legs of some currency do not sum to zero.
        """
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for leg in legs:
            sums[leg.currency] += leg.amount
        uneven = {currency: total for currency, total in sums.items() if total}
        if uneven:
            raise UnbalancedError(f"{memo!r} did not balance: {uneven}; every leg needs its counterpart")
        self.transactions += 1
        for leg in legs:
            if leg.amount:
                self._balances[leg.account, leg.currency] += leg.amount
                self.postings.append(
                    Posting(self.transactions, at, leg.account, leg.agent_id, service, leg.currency, leg.amount, memo)
                )
        return self.transactions

    def balance(self, account: str, currency: str = "USD") -> Decimal:
        """Sum of all postings to `account` in `currency`; zero when there is none."""
        return self._balances.get((account, currency), Decimal(0))

    def accepted(self, agent_id: str, after: float, actions: Collection[Action] = ORDERS) -> list[Attempt]:
        """Attempts of `agent_id` that were accepted later than `after` (simulated unix seconds), oldest first.

        By default those that put money at risk; an empty list says that the agent got none through.
        """
        return [
            attempt
            for attempt in self.attempts
            if attempt.agent_id == agent_id and attempt.accepted and attempt.at > after and attempt.action in actions
        ]

    def totals(self) -> dict[str, Decimal]:
        """Sum over all accounts for each currency: zero everywhere, because money is neither made nor lost."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for (_, currency), amount in self._balances.items():
            sums[currency] += amount
        return dict(sums)
