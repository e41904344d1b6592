"""Those who move money: the payer, the referrer, the one with on-chain addresses and the one with domains."""

from __future__ import annotations

from decimal import Decimal

from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.services.domains import PRICES_EUR
from fleawatch.sandbox.services.wallet import WalletAgent


class Payer(Character):
    """Pays other agents and outsiders, and withdraws to its own address now and then."""

    pace = 22.0
    funds = 500.0

    def act(self) -> None:
        dice = self.random.random()
        if dice < 0.06 and self.account.balance > 60:
            amount = round(self.random.uniform(5, 25), 2)
            self.platform.bank.withdraw(self.account, amount, f"0x{'5a' * 20}")
        elif dice < 0.55:
            others = [a for a in self.circle.payees + self.circle.outsiders if a is not self.account]
            amount = round(self.random.uniform(0.5, 6), 2)
            self.platform.bank.pay(self.account, self.random.choice(others).id, amount)
            self.person.last_action = self.platform.kernel.now
        else:
            self.bet("multiplier", 0.004, target_multiplier=2.0)


class Referrer(Character):
    """Lives on those it brought; plays a little itself and claims its bonuses."""

    pace = 30.0

    def act(self) -> None:
        if not self.account.daily_claims:
            self.platform.social.claim_daily(self.account)
        self.bet("custom", 0.005, win_probability=65)


class OnChain(Character):
    """Holds USDC and native coins on three chains, swaps between them, and plays a little."""

    pace = 35.0

    def begin(self, origin: float) -> None:
        super().begin(origin)
        self.platform.kernel.later(700.0, self._endow)

    def _endow(self) -> None:
        receive = self.platform.wallet.receive
        receive(self.person, "base", "USDC", Decimal("2500.00"))
        receive(self.person, "ethereum", "ETH", Decimal("0.75"))
        receive(self.person, "solana", "SOL", Decimal("12.5"))

    @property
    def agent(self) -> WalletAgent:
        """The wallet agent of this person."""
        return self.platform.wallet.agents[self.person.platform_ids["wallet"]]

    def act(self) -> None:
        dice = self.random.random()
        if dice < 0.35:
            self._swap()
        elif dice < 0.45:
            arriving = Decimal(str(round(self.random.uniform(20, 150), 2)))
            self.platform.wallet.receive(self.person, "base", "USDC", arriving)
            self.person.last_action = self.platform.kernel.now
        else:
            self.bet("scratch_card", 0.004)

    def _swap(self) -> None:
        native = self.random.choice((("ethereum", "ETH"), ("solana", "SOL")))
        usdc = ("base", "USDC")
        sell_usdc = self.random.random() < 0.5
        sold, bought = (usdc, native) if sell_usdc else (native, usdc)
        held = self.platform.wallet.held(sold[0], self.person.addresses[sold[0]], sold[1])
        amount = (held * Decimal(str(round(self.random.uniform(0.05, 0.15), 4)))).quantize(Decimal("0.0001"))
        body = {"from_chain": sold[0], "from_token": sold[1], "to_chain": bought[0], "to_token": bought[1]}
        self.platform.wallet.swap(self.agent, {**body, "amount": str(amount)})


class DomainOwner(Character):
    """Buys names from a balance of its own at the domains service, and plays a little."""

    pace = 35.0
    funds = 120.0

    def begin(self, origin: float) -> None:
        super().begin(origin)
        self.platform.kernel.later(800.0, lambda: self._deposit(400.0))

    def _deposit(self, amount: float) -> None:
        domains = self.platform.domains
        domains.deposit(domains.agents[self.person.platform_ids["domains"]], amount)

    def act(self) -> None:
        domains = self.platform.domains
        agent = domains.agents[self.person.platform_ids["domains"]]
        if self.random.random() < 0.2:
            if agent.balance < 60:
                self._deposit(round(self.random.uniform(80, 200), 2))
            word = "".join(self.random.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(9))
            domains.purchase(agent, f"{word}.{self.random.choice(tuple(PRICES_EUR))}")
        else:
            self.bet("mines", 0.004, mines=3, reveals=2)
