"""The wallet service: non-custodial, so it holds no balance. Money sits on chains; the service quotes, swaps and refers.

A swap takes 0.5 %; of that fee the three levels of referrers earn 10, 5 and 2.5 %, kept here until withdrawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.numbers import exact, micros, settled
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError

NATIVE: Final = {"ethereum": "ETH", "base": "ETH", "solana": "SOL", "bitcoin": "BTC", "tron": "TRX", "monero": "XMR"}
"""The native coin of each chain. TRX and XMR have no simulated market, and so no price."""
USDC_CHAINS: Final = ("base", "ethereum", "solana")
_DECIMALS: Final = {"ETH": 18, "SOL": 9, "BTC": 8, "USDC": 6, "TRX": 6, "XMR": 12}
_FEE_RATE: Final = Decimal("0.005")
_LEVELS: Final = (Decimal("0.10"), Decimal("0.05"), Decimal("0.025"))


@dataclass(slots=True, kw_only=True)
class WalletAgent:
    """An agent of the wallet service: its events and what its referrals earned."""

    id: str
    person: Person
    referral_code: str
    referred_by: WalletAgent | None
    created: int
    saved: dict[str, str] = field(default_factory=dict)
    swaps: list[dict[str, Any]] = field(default_factory=list)
    earnings: list[dict[str, Any]] = field(default_factory=list)
    referrals: list[str] = field(default_factory=list)
    withdrawn: Decimal = Decimal(0)
    last_active: int = 0

    @property
    def name(self) -> str:
        """The operator's name, which the books use."""
        return self.person.name


class Wallet:
    """Chains, swaps and referrals."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.agents: dict[str, WalletAgent] = {}
        self.by_key: dict[str, WalletAgent] = {}
        self.by_code: dict[str, WalletAgent] = {}
        self.holdings: dict[tuple[str, str], dict[str, Decimal]] = {}
        """Amounts by (chain, address), then by coin."""

    def register(self, person: Person, referral_code: str | None = None) -> WalletAgent:
        """Make a wallet agent and, as `/wallet/create` would, its addresses."""
        ids = self.kernel.ids
        agent = WalletAgent(
            id=f"ag_{ids.hex('wallet-agent', person.name, 12)}",
            person=person,
            referral_code=f"ref_{ids.hex('wallet-code', person.name, 8)}",
            referred_by=self.by_code.get(referral_code) if referral_code else None,
            created=self.kernel.second,
        )
        if agent.referred_by is not None:
            agent.referred_by.referrals.append(agent.id)
        person.keys["wallet"] = key = f"pk_live_{ids.hex('wallet-key', person.name, 48)}"
        person.platform_ids["wallet"] = agent.id
        self.agents[agent.id] = self.by_key[key] = self.by_code[agent.referral_code] = agent
        return agent

    def create_addresses(self, person: Person) -> dict[str, str]:
        """New addresses on six chains; ethereum and base share one. A second call replaces the first."""
        ids = self.kernel.ids
        evm = f"0x{ids.hex('evm', person.name, 40)}"
        return {
            "ethereum": evm,
            "base": evm,
            "solana": f"So{ids.hex('solana', person.name, 42)}",
            "bitcoin": f"bc1q{ids.hex('bitcoin', person.name, 38)}",
            "tron": f"T{ids.hex('tron', person.name, 33)}",
            "monero": f"4{ids.hex('monero', person.name, 64)}",
        }

    def price(self, symbol: str) -> float | None:
        """The platform's price of a coin in USD, or None where it knows none."""
        if symbol == "USDC":
            return 1.0
        try:
            return self.kernel.market.mark(symbol, self.kernel.now)
        except KeyError:
            return None

    def held(self, chain: str, address: str, symbol: str) -> Decimal:
        """Amount of a coin at an address; zero for one never seen."""
        return self.holdings.get((chain, address), {}).get(symbol, Decimal(0))

    def _change(self, person: Person, chain: str, symbol: str, amount: Decimal) -> Leg:
        coins = self.holdings.setdefault((chain, person.addresses[chain]), {})
        coins[symbol] = coins.get(symbol, Decimal(0)) + amount
        return Leg(f"chain:{person.name}:{chain}", person.name, amount, symbol)

    def receive(self, person: Person, chain: str, symbol: str, amount: Decimal) -> None:
        """Money arrives at the person's address from outside (or leaves, when negative)."""
        legs = [self._change(person, chain, symbol, amount), Leg("external:chain", None, -amount, symbol)]
        self.kernel.journal.post(self.kernel.now, "wallet", "transfer", legs)

    def swap(self, agent: WalletAgent, body: dict[str, Any]) -> dict[str, Any]:
        """Exchange one coin for another at the mark, less the fee. The row keeps the status it is born with.

        Raises:
            RefusedError: 400 `invalid_request`, `unsupported_pair` or `insufficient_balance`.
        """
        with self.kernel.attempt(agent.name, "wallet", "swap") as attempt:
            row = self._swap(agent, body)
            attempt.reference = row["id"]
        return row

    def _swap(self, agent: WalletAgent, body: dict[str, Any]) -> dict[str, Any]:
        person = agent.person
        sold = self._side(person, body, "from")
        bought = self._side(person, body, "to")
        try:
            amount = Decimal(str(body.get("amount")))
        except ArithmeticError:
            amount = Decimal(0)
        if amount <= 0 or sold == bought:
            raise RefusedError(400, "invalid_request", "Provide from_chain, from_token, to_chain, to_token, amount")
        if self.held(sold[0], person.addresses[sold[0]], sold[1]) < amount:
            raise RefusedError(400, "insufficient_balance", "Not enough at the sending address")
        from_price, to_price = self.price(sold[1]), self.price(bought[1])
        if from_price is None or to_price is None:
            raise RefusedError(400, "unsupported_pair")
        value = settled(amount * exact(from_price))
        fee = micros(value * _FEE_RATE)
        received = settled((value - fee) / exact(to_price))
        self._book_swap(person, sold, bought, amount, received)
        return self._swap_row(agent, sold, bought, amount, received, fee)

    @staticmethod
    def _side(person: Person, body: dict[str, Any], which: str) -> tuple[str, str]:
        chain, token = body.get(f"{which}_chain"), body.get(f"{which}_token")
        if chain not in person.addresses or token not in ("USDC", NATIVE.get(str(chain))):
            raise RefusedError(400, "unsupported_pair")
        return str(chain), str(token)

    def _book_swap(
        self, person: Person, sold: tuple[str, str], bought: tuple[str, str], amount: Decimal, received: Decimal
    ) -> None:
        legs = [
            self._change(person, *sold, -amount),
            Leg("external:swaps", None, amount, sold[1]),
            self._change(person, *bought, received),
            Leg("external:swaps", None, -received, bought[1]),
        ]
        self.kernel.journal.post(self.kernel.now, "wallet", "swap", legs)
        person.last_action = self.kernel.now

    def _swap_row(
        self,
        agent: WalletAgent,
        sold: tuple[str, str],
        bought: tuple[str, str],
        amount: Decimal,
        received: Decimal,
        fee: Decimal,
    ) -> dict[str, Any]:
        row = {
            "type": "swap",
            "id": f"swp_{self.kernel.ids.uuid('swap', agent.name)}",
            "order_id": f"wgy_{self.kernel.ids.hex('wagyu', agent.name, 16)}",
            "created_at": self.kernel.second,
            "status": "pending",
            "from_chain": sold[0],
            "from_token": sold[1],
            "from_amount": str(int(amount.scaleb(_DECIMALS[sold[1]]))),
            "to_chain": bought[0],
            "to_token": bought[1],
            "to_amount": str(received),
            "fee_usd": float(fee),
        }
        agent.swaps.append(row)
        self._commission(agent, fee, str(row["id"]))
        return row

    def _commission(self, agent: WalletAgent, fee: Decimal, swap_id: str) -> None:
        referrer = agent.referred_by
        for level, rate in enumerate(_LEVELS, start=1):
            if referrer is None:
                return
            value = micros(fee * rate)
            if value:
                legs = [
                    Leg(f"payable:wallet:{referrer.name}", referrer.name, value),
                    Leg(f"referral:wallet:{referrer.name}", referrer.name, -value),
                ]
                self.kernel.journal.post(self.kernel.now, "wallet", f"referral:{swap_id}", legs)
                referrer.earnings.append(
                    {
                        "type": "referral_earning",
                        "id": f"ern_{self.kernel.ids.uuid('earning', referrer.name)}",
                        "created_at": self.kernel.second,
                        "status": "credited",
                        "level": level,
                        "referred_id": agent.id,
                        "fee_usd": float(fee),
                        "commission_usd": float(value),
                    }
                )
            referrer = referrer.referred_by

    def earned(self, agent: WalletAgent) -> Decimal:
        """All referral money ever earned here."""
        return self.kernel.journal.balance(f"payable:wallet:{agent.name}") + agent.withdrawn

    def withdraw_referral(self, agent: WalletAgent) -> float:
        """Pay out what referrals have earned; at least 1 USD.

        Raises:
            RefusedError: 400 `below_minimum`.
        """
        account = f"payable:wallet:{agent.name}"
        amount = self.kernel.journal.balance(account)
        if amount < 1:
            raise RefusedError(400, "below_minimum", "Minimum referral withdrawal is $1")
        legs = [Leg(account, agent.name, -amount), Leg("external:referral", None, amount)]
        self.kernel.journal.post(self.kernel.now, "wallet", "referral_withdrawal", legs)
        agent.withdrawn += amount
        return float(amount)
