"""The domains service: an own balance, what was paid in, what was bought, what referrals brought.

The service has no ledger, so a balance and its causes come from different calls. When the account has changed they are
read until the account is the same before and after: then the deposits and purchases explain the balance.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fleawatch.errors import SourceError
from fleawatch.events import BalanceRead, DepositCredited, DomainBought, ReferralTotals, fact_id
from fleawatch.sources.decode import Answer, decode
from fleawatch.sources.draft import Draft
from fleawatch.sources.http import Client
from fleawatch.sources.purpleflea.adapter import Adapter, holding, when
from fleawatch.sources.routes import DOMAINS_ACCOUNT, DOMAINS_DEPOSITS, DOMAINS_OWNED, DOMAINS_REFERRALS

ATTEMPTS: Final = 4


class _Account(Answer, frozen=True, kw_only=True):
    balance_usd: Decimal


class _Deposit(msgspec.Struct, frozen=True):
    id: str
    amount_usd: Decimal
    status: str
    chain: str = ""
    token: str = ""
    swap_fee: Decimal | None = None
    created_at: float | str | None = None
    credited_at: float | str | None = None


class _Deposits(Answer, frozen=True, kw_only=True):
    deposits: list[_Deposit]


class _Domain(msgspec.Struct, frozen=True):
    domain_id: str
    domain: str
    registered_at: float | str
    expires_at: float | str
    price_paid: Decimal


class _Domains(Answer, frozen=True, kw_only=True):
    domains: list[_Domain]


class _Referrals(Answer, frozen=True, kw_only=True):
    total_earned_usd: Decimal


class DomainsSource(Adapter):
    """Balance, deposits, purchases and referral earnings of one agent at the domains service."""

    collector: str = "domains"

    def __init__(self, agent_id: str, client: Client) -> None:
        super().__init__(agent_id, client)
        self._body = b""
        self._told: set[str] = set()

    async def _read(self, draft: Draft) -> None:
        if not draft.booked:
            self._body = b""
            self._told.clear()
        body = await self._client.fetch(DOMAINS_ACCOUNT)
        balance = self._understood(draft, body)
        if body != self._body or self._hurried:
            body, balance = await self._read_causes(draft, body)
            self._body = body
        draft.add(
            BalanceRead(
                fact_id=draft.reading_id("balance_read"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="domains",
                currency="USD",
                amount=balance,
                value_usd=balance,
            )
        )

    def _understood(self, draft: Draft, body: bytes) -> Decimal:
        account, surprises = decode(body, _Account, DOMAINS_ACCOUNT)
        draft.surprise(DOMAINS_ACCOUNT, surprises)
        return holding(account.balance_usd)

    async def _read_causes(self, draft: Draft, body: bytes) -> tuple[bytes, Decimal]:
        """Deposits, purchases and referral earnings that explain one and the same account; that account's balance."""
        for _ in range(ATTEMPTS):
            deposits, surprises = await self._client.get(DOMAINS_DEPOSITS, _Deposits)
            owned, more = await self._client.get(DOMAINS_OWNED, _Domains)
            referrals, most = await self._client.get(DOMAINS_REFERRALS, _Referrals)
            after = await self._client.fetch(DOMAINS_ACCOUNT)
            if after == body:
                break
            body = after
        else:
            raise SourceError("upstream", f"{DOMAINS_ACCOUNT} changed during each of {ATTEMPTS} readings")
        draft.surprise(DOMAINS_DEPOSITS, surprises)
        draft.surprise(DOMAINS_OWNED, more)
        draft.surprise(DOMAINS_REFERRALS, most)
        for deposit in deposits.deposits:
            self._add_deposit(draft, deposit)
        for domain in owned.domains:
            self._add_domain(draft, domain)
        self._add_referrals(draft, referrals)
        return body, self._understood(draft, body)

    def _add_deposit(self, draft: Draft, deposit: _Deposit) -> None:
        at = deposit.credited_at if deposit.credited_at is not None else deposit.created_at
        if deposit.status != "credited" or deposit.id in self._told:
            return
        draft.add(
            DepositCredited(
                fact_id=fact_id("domains", "deposit_credited", deposit.id),
                agent_id=self.agent_id,
                at=draft.now if at is None else draft.happened(when(at, DOMAINS_DEPOSITS, "credited_at")),
                seen_at=draft.seen_at,
                source=self.collector,
                service="domains",
                amount_usd=deposit.amount_usd,
                chain=deposit.chain,
                token=deposit.token,
                fee_usd=deposit.swap_fee,
            )
        )
        self._told.add(deposit.id)

    def _add_domain(self, draft: Draft, domain: _Domain) -> None:
        if domain.domain_id in self._told:
            return
        draft.add(
            DomainBought(
                fact_id=fact_id("domains", "domain_bought", domain.domain_id),
                agent_id=self.agent_id,
                at=draft.happened(when(domain.registered_at, DOMAINS_OWNED, "registered_at")),
                seen_at=draft.seen_at,
                source=self.collector,
                domain=domain.domain,
                price_usd=domain.price_paid,
                expires_at=when(domain.expires_at, DOMAINS_OWNED, "expires_at"),
            )
        )
        self._told.add(domain.domain_id)

    def _add_referrals(self, draft: Draft, referrals: _Referrals) -> None:
        draft.add(
            ReferralTotals(
                fact_id=draft.reading_id("referral_totals"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="domains",
                earned_usd=referrals.total_earned_usd,
            )
        )
