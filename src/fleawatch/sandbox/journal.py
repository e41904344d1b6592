"""The double-entry journal: every movement of money, balanced on entry or refused.

Amounts are signed: positive into the account, negative out of it. The servers' own tables are written beside the
journal, never from it, so that the two can be compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

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


@dataclass(slots=True)
class Journal:
    """All postings in order, with the running balance of each account."""

    postings: list[Posting] = field(default_factory=list)
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

    def totals(self) -> dict[str, Decimal]:
        """Sum over all accounts for each currency: zero everywhere, because money is neither made nor lost."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for (_, currency), amount in self._balances.items():
            sums[currency] += amount
        return dict(sums)
