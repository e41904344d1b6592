"""What configured addresses hold on chain, what was swapped, and what referrals have earned at the wallet service.

The service turns a chain that did not answer into a zero with an `error` beside it. One such entry makes the whole
reading fail: its good entries would arrive as if they were everything, and the next reading brings them anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET

from fleawatch.errors import SourceError
from fleawatch.events import BalanceRead, ReferralTotals, Swapped, fact_id
from fleawatch.sources.decode import Answer, word
from fleawatch.sources.draft import Draft
from fleawatch.sources.http import Client
from fleawatch.sources.purpleflea.adapter import Adapter, when
from fleawatch.sources.routes import WALLET_ACTIVITY, WALLET_COINS, WALLET_REFERRALS, WALLET_USDC, Route

USDC_CHAINS: Final = ("base", "ethereum", "solana")
NATIVE: Final[Mapping[str, str]] = {
    "ethereum": "ETH",
    "base": "ETH",
    "solana": "SOL",
    "bitcoin": "BTC",
    "tron": "TRX",
    "monero": "XMR",
}
"""The native coin of each chain that the service reads."""
DECIMALS: Final[Mapping[str, int]] = {"USDC": 6, "USDT": 6, "ETH": 18, "SOL": 9, "BTC": 8, "TRX": 6, "XMR": 12}
"""Base units of a coin as a power of ten: a swap states what it gave in them."""
PAGE: Final = 100
REFERRALS_S: Final = 60.0


class _Token(msgspec.Struct, frozen=True):
    chain: str
    usdc_balance: Decimal
    error: Any = UNSET


class _Tokens(Answer, frozen=True, kw_only=True):
    balances: list[_Token]


class _Coin(msgspec.Struct, frozen=True):
    chain: str
    balance: Decimal | None = None
    price_usd: Decimal | None = None
    value_usd: Decimal | None = None
    error: Any = UNSET


class _Coins(Answer, frozen=True, kw_only=True):
    wallets: list[_Coin]


class _Activity(msgspec.Struct, frozen=True):
    type: str
    id: str
    created_at: float | str
    status: str = "completed"
    from_token: str = ""
    to_token: str = ""
    from_amount: Decimal | None = None
    to_amount: Decimal | None = None
    fee_usd: Decimal | None = None


class _Activities(Answer, frozen=True, kw_only=True):
    events: list[_Activity]
    has_more: bool


class _Referrals(Answer, frozen=True, kw_only=True):
    total_earned_usd: Decimal
    available_usd: Decimal


class WalletSource(Adapter):
    """Addresses, swaps and referral earnings of one agent at the wallet service.

    Args:
        addresses: the agent's address by chain; chains that the service does not read are left out.
    """

    collector: str = "wallet"

    def __init__(self, agent_id: str, client: Client, addresses: Mapping[str, str]) -> None:
        super().__init__(agent_id, client)
        self._addresses = dict(addresses)
        self._swaps: set[str] = set()
        self._referrals_at = 0.0

    async def _read(self, draft: Draft) -> None:
        if not draft.booked:
            self._swaps.clear()
        tokens = await self._read_usdc(draft)
        coins = await self._read_coins(draft)
        await self._add_swaps(draft)
        for one in tokens:
            self._add_balance(draft, one.chain, "USDC", one.usdc_balance, one.usdc_balance)
        for chain, balance, value in coins:
            self._add_balance(draft, chain, NATIVE[chain], balance, value)
        if draft.now >= self._referrals_at or self._hurried or not draft.booked:
            await self._read_referrals(draft)
            self._referrals_at = draft.now + REFERRALS_S

    def _asked(self, chains: Mapping[str, str] | tuple[str, ...]) -> dict[str, str]:
        return {chain: address for chain, address in self._addresses.items() if chain in chains}

    async def _read_usdc(self, draft: Draft) -> list[_Token]:
        asked = self._asked(USDC_CHAINS)
        if not asked:
            return []
        answer, surprises = await self._client.get(WALLET_USDC, _Tokens, **asked)
        draft.surprise(WALLET_USDC, surprises)
        _refuse_partial(WALLET_USDC, asked, [(one.chain, one.error) for one in answer.balances])
        return answer.balances

    async def _read_coins(self, draft: Draft) -> list[tuple[str, Decimal, Decimal | None]]:
        """Chain, amount, and value in USD, None without a price."""
        asked = self._asked(NATIVE)
        if not asked:
            return []
        answer, surprises = await self._client.get(WALLET_COINS, _Coins, **asked)
        draft.surprise(WALLET_COINS, surprises)
        _refuse_partial(WALLET_COINS, asked, [(one.chain, one.error) for one in answer.wallets])
        found = []
        for one in answer.wallets:
            if one.balance is None:
                raise SourceError("upstream", f"{WALLET_COINS} knows no balance on {word(one.chain)}")
            found.append((one.chain, one.balance, None if one.price_usd is None else one.balance * one.price_usd))
        return found

    def _add_balance(self, draft: Draft, chain: str, currency: str, amount: Decimal, value: Decimal | None) -> None:
        account = f"{chain}:{self._addresses[chain][:10]}"
        draft.add(
            BalanceRead(
                fact_id=draft.reading_id("balance_read", f"{currency}:{account}"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="wallet",
                currency=currency,
                amount=amount,
                value_usd=value,
                account=account,
            )
        )

    async def _add_swaps(self, draft: Draft) -> None:
        """Swaps that were not booked yet, oldest first.

        Read after the balances, so that every swap that moved them is there, and booked before them as their cause.
        """
        new: dict[str, _Activity] = {}
        offset = 0
        while True:
            answer, surprises = await self._client.get(
                WALLET_ACTIVITY, _Activities, type="swap", limit=PAGE, offset=offset
            )
            draft.surprise(WALLET_ACTIVITY, surprises)
            swaps = [one for one in answer.events if one.type == "swap"]
            fresh = [one for one in swaps if one.id not in self._swaps and one.id not in new]
            new.update((one.id, one) for one in fresh)
            offset += len(answer.events)
            if not answer.has_more or not answer.events or len(fresh) < len(swaps):
                break
        for one in sorted(new.values(), key=lambda one: when(one.created_at, WALLET_ACTIVITY, "created_at")):
            self._add_swap(draft, one)
        self._swaps.update(new)

    def _add_swap(self, draft: Draft, swap: _Activity) -> None:
        given_token, got_token = swap.from_token.upper(), swap.to_token.upper()
        if given_token not in DECIMALS or not got_token or swap.from_amount is None or swap.to_amount is None:
            draft.surprise(WALLET_ACTIVITY, ("swap",))
            return
        draft.add(
            Swapped(
                fact_id=fact_id("wallet", "swapped", swap.id),
                agent_id=self.agent_id,
                at=draft.happened(when(swap.created_at, WALLET_ACTIVITY, "created_at")),
                seen_at=draft.seen_at,
                source=self.collector,
                swap_id=swap.id,
                from_currency=given_token,
                to_currency=got_token,
                from_amount=swap.from_amount.scaleb(-DECIMALS[given_token]),
                to_amount=swap.to_amount,
                status=swap.status,
                fee_usd=swap.fee_usd,
            )
        )

    async def _read_referrals(self, draft: Draft) -> None:
        answer, surprises = await self._client.get(WALLET_REFERRALS, _Referrals)
        draft.surprise(WALLET_REFERRALS, surprises)
        draft.add(
            ReferralTotals(
                fact_id=draft.reading_id("referral_totals"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="wallet",
                earned_usd=answer.total_earned_usd,
                available_usd=answer.available_usd,
            )
        )


def _refuse_partial(route: Route, asked: Mapping[str, str], entries: Sequence[tuple[str, Any]]) -> None:
    """Every chain that was asked for must be there, once, without an error, and no other."""
    chains = sorted(chain for chain, _ in entries)
    if chains != sorted(asked):
        raise SourceError("upstream", f"{route} answered for other chains than asked: {word(chains)}")
    failed = [chain for chain, error in entries if error is not UNSET and error]
    if failed:
        raise SourceError("upstream", f"{route} could not read {', '.join(sorted(failed))}")
