"""The faucet: one dollar, once an agent, once an address in 24 hours. No key: anyone can claim for any agent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account, Bank

_DAY: Final = 86_400
_GIFT: Final = Decimal(1)


class Faucet:
    """Claims, checked in the order: id, address, exists, claimed."""

    def __init__(self, kernel: Kernel, bank: Bank) -> None:
        self.kernel = kernel
        self.bank = bank
        self.claims: dict[str, int] = {}
        self._addresses: dict[str, int] = {}

    def claim(self, agent_casino_id: Any, address: str, referral_code: Any = None) -> dict[str, Any]:
        """Credit one dollar to the casino account `agent_casino_id`.

        Raises:
            RefusedError: 400 `invalid_request`; 429 `ip_rate_limited`; 404 `agent_not_found`; 409 `already_claimed`.
        """
        account = self.bank.accounts.get(agent_casino_id) if isinstance(agent_casino_id, str) else None
        if account is None:
            return self._claim(agent_casino_id, None, address, referral_code)
        with self.kernel.attempt(account.name, "faucet", "faucet_claim") as attempt:
            answer = self._claim(agent_casino_id, account, address, referral_code)
            attempt.reference = answer["claim_id"]
        return answer

    def _claim(self, agent_casino_id: Any, account: Account | None, address: str, referral_code: Any) -> dict[str, Any]:
        if not isinstance(agent_casino_id, str) or not agent_casino_id.startswith("ag_"):
            raise RefusedError(400, "invalid_request", "agent_casino_id is required (ag_xxx)")
        last = self._addresses.get(address)
        if last is not None and self.kernel.second - last < _DAY:
            raise RefusedError(429, "ip_rate_limited", "One claim per IP per 24 hours")
        if account is None:
            raise RefusedError(404, "agent_not_found")
        if agent_casino_id in self.claims:
            raise RefusedError(409, "already_claimed", "This agent has already claimed")
        return self._credit(account, address, referral_code)

    def _credit(self, account: Account, address: str, referral_code: Any) -> dict[str, Any]:
        claim_id = f"clm_{self.kernel.ids.hex('claim', account.name, 16)}"
        self.bank.move(
            account,
            _GIFT,
            f"faucet_claim: {claim_id}",
            service="faucet",
            reference=claim_id,
            against=[Leg("platform:faucet", None, -_GIFT)],
        )
        self.claims[account.id] = self._addresses[address] = self.kernel.second
        return {
            "credited": 1,
            "message": "$1.00 credited to your casino balance",
            "casino_url": "https://casino.purpleflea.com",
            "claim_id": claim_id,
            "agent_id": account.id,
            "referral_tracked": isinstance(referral_code, str) and referral_code in self.bank.by_code,
        }

    def stats(self) -> dict[str, Any]:
        """Public totals."""
        count = len(self.claims)
        return {
            "total_claims": count,
            "total_agents": count,
            "total_value_usd": float(count),
            "avg_per_agent": 1.0 if count else 0.0,
        }
