"""Domains: an own balance in USD, prices in EUR at a fixed rate, a 20 % markup of which the referrer gets a fifth."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.numbers import ZERO, exact, round2
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError

EUR_USD: Final = 1.08
_MARKUP: Final = 0.20
_REFERRAL_SHARE: Final = 0.20
PRICES_EUR: Final = {"com": 11.0, "net": 12.5, "org": 10.5, "io": 34.0, "ai": 68.0, "xyz": 3.0, "dev": 13.0}
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.([a-z]+)\Z")
_YEAR: Final = 365 * 86_400


@dataclass(slots=True, kw_only=True)
class Registrant:
    """An agent of the domains service."""

    id: str
    person: Person
    referral_code: str
    referred_by: Registrant | None
    created: int
    balance: Decimal = ZERO
    spent: Decimal = ZERO
    deposited: Decimal = ZERO
    domains: list[dict[str, Any]] = field(default_factory=list)
    deposits: list[dict[str, Any]] = field(default_factory=list)
    earnings: list[dict[str, Any]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The operator's name, which the books use."""
        return self.person.name


class Domains:
    """Balances, purchases and referrals of the domains service."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.agents: dict[str, Registrant] = {}
        self.by_key: dict[str, Registrant] = {}
        self.by_code: dict[str, Registrant] = {}
        self.taken: set[str] = set()

    def register(self, person: Person, referral_code: str | None = None) -> Registrant:
        """Make a domains agent."""
        ids = self.kernel.ids
        agent = Registrant(
            id=f"ag_{ids.hex('domains-agent', person.name, 12)}",
            person=person,
            referral_code=f"ref_{ids.hex('domains-code', person.name, 8)}",
            referred_by=self.by_code.get(referral_code) if referral_code else None,
            created=self.kernel.second,
        )
        person.keys["domains"] = key = f"sk_domains_{ids.hex('domains-key', person.name, 48)}"
        person.platform_ids["domains"] = agent.id
        self.agents[agent.id] = self.by_key[key] = self.by_code[agent.referral_code] = agent
        return agent

    def _post(self, agent: Registrant, amount: Decimal, memo: str, *against: Leg) -> None:
        legs = [Leg(f"domains:{agent.name}", agent.name, amount), *against]
        self.kernel.journal.post(self.kernel.now, "domains", memo, legs)
        agent.balance += amount

    def deposit(self, agent: Registrant, amount: float) -> None:
        """Credit a confirmed deposit in USD."""
        value = exact(round2(amount))
        self._post(agent, value, "deposit", Leg("external:domains", None, -value))
        agent.deposited += value
        agent.deposits.append(
            {
                "id": self.kernel.ids.uuid("domains-deposit", agent.name),
                "chain": "base",
                "token": "USDC",
                "amount_usd": float(value),
                "swap_fee": 0,
                "status": "credited",
                "created_at": self.kernel.second - 30,
                "credited_at": self.kernel.second,
            }
        )

    def quote(self, domain: Any) -> tuple[str, Decimal, Decimal]:
        """The normalised name, the price in USD with markup, and the markup, in whole cents.

        Raises:
            RefusedError: 400 `invalid_domain` or `unsupported_tld`.
        """
        name = domain.strip().lower() if isinstance(domain, str) else ""
        match = _NAME.match(name)
        if match is None:
            raise RefusedError(400, "invalid_domain", "Provide a domain like example.com")
        if match[1] not in PRICES_EUR:
            raise RefusedError(400, "unsupported_tld", f"Supported: {', '.join(PRICES_EUR)}")
        base = PRICES_EUR[match[1]] * EUR_USD
        return name, exact(round2(base * (1 + _MARKUP))), exact(round2(base * _MARKUP))

    def purchase(self, agent: Registrant, domain: Any) -> dict[str, Any]:
        """Buy a domain for a year.

        Raises:
            RefusedError: 400 `invalid_domain`, `unsupported_tld`, `insufficient_balance`; 409 `domain_taken`.
        """
        with self.kernel.attempt(agent.name, "domains", "domain") as attempt:
            row = self._purchase(agent, domain)
            attempt.reference = row["domain_id"]
        return row

    def _purchase(self, agent: Registrant, domain: Any) -> dict[str, Any]:
        name, price, markup = self.quote(domain)
        if name in self.taken:
            raise RefusedError(409, "domain_taken", f"{name} is not available")
        if agent.balance < price:
            raise RefusedError(400, "insufficient_balance", required=float(price), balance=float(agent.balance))
        legs = Leg("external:registrar", None, price - markup), Leg("platform:domains", None, markup)
        self._post(agent, -price, f"purchase:{name}", *legs)
        agent.spent += price
        self.taken.add(name)
        row = {
            "domain_id": f"dom_{self.kernel.ids.hex('domain', agent.name, 12)}",
            "domain": name,
            "status": "active",
            "registered_at": self.kernel.second,
            "expires_at": self.kernel.second + _YEAR,
            "auto_renew": False,
            "price_paid": float(price),
        }
        agent.domains.append(row)
        agent.person.last_action = self.kernel.now
        self._commission(agent, name, markup)
        return row

    def _commission(self, agent: Registrant, domain: str, markup: Decimal) -> None:
        referrer = agent.referred_by
        commission = exact(round2(float(markup) * _REFERRAL_SHARE))
        if referrer is None or not commission:
            return
        self._post(
            referrer,
            commission,
            f"referral:{domain}",
            Leg(f"referral:domains:{referrer.name}", referrer.name, -commission),
        )
        referrer.earnings.append(
            {
                "referred_id": agent.id,
                "domain": domain,
                "markup_usd": float(markup),
                "commission_usd": float(commission),
                "created_at": self.kernel.second,
            }
        )
