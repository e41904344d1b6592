"""The casino's accounts: one spendable balance each, and the ledger that explains it row by row.

Escrow, faucet and games all move this balance. The server's own figures are doubles that accumulate as a database
column does; the journal beside them is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.numbers import ZERO, exact, round2, settled
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError

WITHDRAWAL_FEE: Final = Decimal("0.50")
REVIEW_ABOVE: Final = 1_000.0
_LEVELS: Final = (Decimal("0.10"), Decimal("0.05"), Decimal("0.025"))


@dataclass(slots=True)
class LedgerRow:
    """A row of the casino's ledger. `amount` is positive; `type` says which way it went."""

    id: str
    agent_id: str
    type: str
    amount: float
    balance_after: float
    reason: str
    reference: str | None
    service: str
    second: int

    @property
    def change(self) -> float:
        """The signed amount."""
        return self.amount if self.type == "credit" else -self.amount


@dataclass(slots=True)
class Bet:
    """A settled bet as the casino stores it: unrounded doubles."""

    id: str
    game: str
    amount: float
    amount_won: float
    multiplier: float
    won: bool
    result: dict[str, Any]
    result_hash: str
    second: int


@dataclass(slots=True)
class GameTotals:
    """Running totals of one game for one account."""

    bets: int = 0
    wagered: float = 0.0
    won: float = 0.0
    wins: int = 0
    biggest_win: float = 0.0


@dataclass(slots=True, kw_only=True)
class Account:
    """A casino agent. `id` is the platform's `ag_...`; `person` is known to the simulation only."""

    id: str
    person: Person
    referral_code: str
    referred_by: Account | None
    created: int
    balance: float = 0.0
    exact: Decimal = ZERO
    risk_factor: float = 0.25
    total_deposited: float = 0.0
    total_withdrawn: float = 0.0
    total_wagered: float = 0.0
    total_won: float = 0.0
    last_active: int = 0
    rows: list[LedgerRow] = field(default_factory=list)
    bets: list[Bet] = field(default_factory=list)
    parlays: list[dict[str, Any]] = field(default_factory=list)
    games: dict[str, GameTotals] = field(default_factory=dict)
    deposits: list[dict[str, Any]] = field(default_factory=list)
    withdrawals: list[dict[str, Any]] = field(default_factory=list)
    referral_earned: dict[str, float] = field(default_factory=dict)
    bonus: dict[str, Any] = field(default_factory=dict)
    daily_claims: list[int] = field(default_factory=list)
    recovery_claims: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The operator's name, which the books use."""
        return self.person.name

    @property
    def cash(self) -> str:
        """The journal account of the spendable balance."""
        return f"cash:{self.person.name}"


class Bank:
    """All casino accounts and every way their balance can change."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.accounts: dict[str, Account] = {}
        self.by_key: dict[str, Account] = {}
        self.by_gateway_key: dict[str, Account] = {}
        self.by_code: dict[str, Account] = {}

    def register(self, person: Person, referral_code: str | None = None) -> Account:
        """Open an account for `person`. An unknown referral code is ignored."""
        ids = self.kernel.ids
        account = Account(
            id=f"ag_{ids.hex('casino-agent', person.name, 12)}",
            person=person,
            referral_code=f"ref_{ids.hex('casino-code', person.name, 8)}",
            referred_by=self.by_code.get(referral_code) if referral_code else None,
            created=self.kernel.second,
        )
        key = f"sk_live_{ids.hex('casino-key', person.name, 48)}"
        person.keys["casino"] = key
        person.keys["gateway"] = f"pf_live_{ids.hex('gateway-key', person.name, 48)}"
        person.platform_ids["casino"] = account.id
        self.by_gateway_key[person.keys["gateway"]] = account
        self.accounts[account.id] = self.by_key[key] = self.by_code[account.referral_code] = account
        if account.referred_by is not None:
            account.referred_by.referral_earned[account.id] = 0.0
        return account

    def _row(self, account: Account, change: Decimal, reason: str, service: str, reference: str | None) -> None:
        account.exact += change
        account.balance += float(change)
        account.rows.append(
            LedgerRow(
                id=self.kernel.ids.uuid("ledger", account.name),
                agent_id=account.id,
                type="credit" if change > 0 else "debit",
                amount=abs(float(change)),
                balance_after=account.balance,
                reason=reason,
                reference=reference,
                service=service,
                second=self.kernel.second,
            )
        )

    def move(
        self,
        account: Account,
        change: Decimal,
        reason: str,
        *,
        service: str,
        against: Sequence[Leg],
        reference: str | None = None,
    ) -> None:
        """Change the balance by `change`, write the ledger row and the journal entry whose other legs are `against`."""
        self.kernel.journal.post(self.kernel.now, service, reason, [Leg(account.cash, account.name, change), *against])
        self._row(account, change, reason, service, reference)

    def deposit(self, account: Account, amount: float, chain: str = "base", coin: str = "usdc") -> dict[str, Any]:
        """Credit a confirmed on-chain deposit in USD; the first one also brings a bonus of 10 % up to 50 USD."""
        first = not account.deposits
        value = exact(amount)
        self.move(
            account,
            value,
            f"deposit:{chain}:{coin}",
            service="deposit",
            against=[Leg("external:deposits", None, -value)],
        )
        account.total_deposited += amount
        ids = self.kernel.ids
        record = {
            "id": ids.uuid("deposit", account.name),
            "agentId": account.id,
            "chain": chain,
            "token": coin.upper(),
            "amountRaw": str(int(value * 1_000_000)),
            "amountUsd": amount,
            "swapFee": 0,
            "txHash": f"0x{ids.hex('tx', account.name, 64)}",
            "wagyuTx": None,
            "status": "credited",
            "confirmations": 12,
            "createdAt": self.kernel.second - 40,
            "creditedAt": self.kernel.second,
        }
        account.deposits.append(record)
        if first:
            self._first_deposit_bonus(account, amount, str(record["id"]))
        return record

    def _first_deposit_bonus(self, account: Account, amount: float, deposit_id: str) -> None:
        bonus = min(round2(amount * 0.10), 50.0)
        if bonus < 1.0:
            return
        account.bonus = {"granted": bonus, "required": bonus * 10, "wagered": 0.0, "status": "active"}
        value = exact(bonus)
        self.move(
            account,
            value,
            f"first_deposit_bonus:{deposit_id}",
            service="casino",
            against=[Leg("platform:bonuses", None, -value)],
        )

    def withdraw(self, account: Account, amount: Any, address: Any) -> dict[str, Any]:
        """Send USDC on Base out of the platform, for a flat fee of 0.50. Above 1,000 USD it waits for review.

        Raises:
            RefusedError: 400, with the code of what was wrong.
        """
        with self.kernel.attempt(account.name, "casino", "withdrawal") as attempt:
            record = self._withdraw(account, amount, address)
            attempt.reference = record["id"]
        return record

    def _withdraw(self, account: Account, amount: Any, address: Any) -> dict[str, Any]:
        if isinstance(amount, bool) or not isinstance(amount, int | float) or amount <= 0:
            raise RefusedError(400, "invalid_amount", suggestion="Amount must be a positive finite number")
        if amount < 1:
            raise RefusedError(400, "minimum_withdrawal", minimum=1.0)
        if amount > 100_000:
            raise RefusedError(400, "maximum_withdrawal", maximum=100_000)
        if not isinstance(address, str) or not address.startswith("0x") or len(address) != 42:
            raise RefusedError(400, "invalid_address")
        cost = exact(amount) + WITHDRAWAL_FEE
        if account.exact < cost:
            raise RefusedError(400, "insufficient_balance", requested=amount, fee=0.5, available=account.balance)
        reference = self.kernel.ids.uuid("withdrawal", account.name)
        pending = f"withdrawal:{reference}"
        self.move(
            account, -cost, "reservation", service="casino", reference=reference, against=[Leg(pending, None, cost)]
        )
        record: dict[str, Any] = {
            "id": reference,
            "agentId": account.id,
            "amount": float(amount),
            "fee": 0.5,
            "chain": "base",
            "token": "USDC",
            "address": address,
            "txHash": None,
            "status": "reviewing",
            "createdAt": self.kernel.second,
            "completedAt": None,
        }
        account.withdrawals.append(record)
        if amount <= REVIEW_ABOVE:
            self._send(account, record, cost, pending)
        return record

    def _send(self, account: Account, record: dict[str, Any], cost: Decimal, pending: str) -> None:
        reference = str(record["id"])
        self.move(
            account,
            cost,
            "reservation_release",
            service="casino",
            reference=reference,
            against=[Leg(pending, None, -cost)],
        )
        self.move(
            account,
            -cost,
            "withdrawal",
            service="withdrawal",
            reference=reference,
            against=[
                Leg("external:withdrawals", None, cost - WITHDRAWAL_FEE),
                Leg(f"fees:withdrawal:{account.name}", account.name, WITHDRAWAL_FEE),
            ],
        )
        account.total_withdrawn += float(record["amount"])
        record["txHash"] = f"0x{self.kernel.ids.hex('tx', account.name, 64)}"
        record["status"] = "completed"
        record["completedAt"] = self.kernel.second

    def pay(self, sender: Account, to_agent_id: Any, amount: Any) -> dict[str, Any]:
        """Move `amount` USD to another account. The memo that callers send is not stored.

        Raises:
            RefusedError: 400 `invalid_amount`, `self_payment`, `insufficient_balance`; 404 `recipient_not_found`.
        """
        with self.kernel.attempt(sender.name, "casino", "payment") as attempt:
            paid = self._pay(sender, to_agent_id, amount)
            attempt.reference = paid["tx_id"]
        return paid

    def _pay(self, sender: Account, to_agent_id: Any, amount: Any) -> dict[str, Any]:
        if isinstance(amount, bool) or not isinstance(amount, int | float) or amount < 0.01:
            raise RefusedError(400, "invalid_amount", "Minimum payment is $0.01")
        recipient = self.accounts.get(to_agent_id) if isinstance(to_agent_id, str) else None
        if recipient is None:
            raise RefusedError(404, "recipient_not_found", "No agent with that id")
        if recipient is sender:
            raise RefusedError(400, "self_payment", "Cannot pay yourself")
        value = exact(amount)
        if sender.exact < value:
            raise RefusedError(400, "insufficient_balance", f"Balance ${sender.balance:.2f}", required=amount)
        reference = f"pay_{self.kernel.ids.uuid('payment', sender.name)}"
        for account, change, reason in ((sender, -value, "payment_sent"), (recipient, value, "payment_received")):
            against = [Leg(f"transit:{reference}", None, -change)]
            self.move(account, change, reason, service="payment", reference=reference, against=against)
        return {
            "tx_id": reference,
            "from": sender.id,
            "to": recipient.id,
            "amount": amount,
            "sender_new_balance": round2(sender.balance),
        }

    def commission(self, bettor: Account, stake: Decimal, bet_id: str) -> None:
        """Pay the three levels above `bettor` for a lost bet, each rounded to cents; below a cent, nothing."""
        referred, referrer = bettor, bettor.referred_by
        for level, rate in enumerate(_LEVELS, start=1):
            if referrer is None:
                return
            value = exact(round2(float(settled(stake * rate))))
            if value >= Decimal("0.01"):
                self.move(
                    referrer,
                    value,
                    f"referral_commission_l{level}:{bet_id}",
                    service="casino",
                    against=[Leg(f"referral:casino:{referrer.name}", referrer.name, -value)],
                )
                earned = referrer.referral_earned
                earned[referred.id] = earned.get(referred.id, 0.0) + float(value)
            referred, referrer = referrer, referrer.referred_by
