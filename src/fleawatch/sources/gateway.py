"""A second adapter for deployments that answer in the layout of one gateway: balances and open escrows of an agent.

That layout has no ledger, no ids and no bets. So it yields levels only: dollars as the casino's balance, which they are,
other coins as holdings without a price, and the sum that is locked in escrow. Flows and trades cannot be known from it,
a deposit looks like a gain, and its ready-made P&L and drawdown are nobody's facts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

from fleawatch.errors import SourceError
from fleawatch.events import BalanceRead, Service
from fleawatch.sources.decode import Answer
from fleawatch.sources.draft import ZERO, Draft
from fleawatch.sources.http import Client
from fleawatch.sources.purpleflea.adapter import Adapter, holding
from fleawatch.sources.routes import GATEWAY_BALANCES, GATEWAY_ESCROWS

_DOLLARS: Final = frozenset({"USD", "USDC"})


class _Balances(Answer, frozen=True, kw_only=True):
    balances: dict[str, Decimal]


class _Escrows(Answer, frozen=True, kw_only=True):
    total_locked_usdc: Decimal


class GatewaySource(Adapter):
    """Balances and locked escrow money of one agent behind a gateway.

    Args:
        agent: the name by which the gateway knows the agent.
    """

    collector: str = "gateway"

    def __init__(self, agent_id: str, client: Client, agent: str) -> None:
        super().__init__(agent_id, client)
        self._agent = agent

    async def _read(self, draft: Draft) -> None:
        answer, surprises = await self._client.get(GATEWAY_BALANCES, _Balances, agent=self._agent)
        draft.surprise(GATEWAY_BALANCES, surprises)
        locked = await self._locked(draft)
        dollars = [amount for currency, amount in answer.balances.items() if currency.upper() in _DOLLARS]
        if dollars:
            self._add(draft, "casino", "USDC", holding(sum(dollars, ZERO)), "hot")
        for currency, amount in answer.balances.items():
            if currency.upper() not in _DOLLARS:
                self._add(draft, "wallet", currency.upper(), holding(amount), "hot")
        if locked is not None:
            self._add(draft, "escrow", "USDC", locked, "escrow")

    async def _locked(self, draft: Draft) -> Decimal | None:
        """USD locked in open escrows; None where the gateway has no such list."""
        try:
            answer, surprises = await self._client.get(GATEWAY_ESCROWS, _Escrows, agent_id=self._agent, status="open")
        except SourceError as error:
            if error.status_code != 404:
                raise
            draft.surprise(GATEWAY_ESCROWS, ("total_locked_usdc",))
            return None
        draft.surprise(GATEWAY_ESCROWS, surprises)
        return answer.total_locked_usdc

    def _add(
        self, draft: Draft, service: Service, currency: str, amount: Decimal, wallet_type: Literal["hot", "escrow"]
    ) -> None:
        draft.add(
            BalanceRead(
                fact_id=draft.reading_id("balance_read", f"{service}:{currency}"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service=service,
                currency=currency,
                amount=amount,
                value_usd=amount if currency in _DOLLARS else None,
                wallet_type=wallet_type,
                account="gateway",
            )
        )
