"""Every path that Fleawatch reads, by service: the allow-list of the HTTP client.

Platform keys have no scopes: the key that reads a balance can also bet, pay, withdraw and export a wallet's private
keys. So the list is closed, holds reads only, and the client refuses a route that is not on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """A path that may be read.

    Attributes:
        service: whose path it is; also the name of its base address.
        template: the path with `{placeholders}`, as it appears in metrics and messages.
        keyed: whether the agent's key is sent along.
    """

    service: str
    template: str
    keyed: bool = True

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Names of the parts of the path that the caller fills in."""
        return tuple(_PLACEHOLDER.findall(self.template))

    def __str__(self) -> str:
        return f"{self.service} {self.template}"


CASINO_BALANCE: Final = Route("casino", "/api/v1/auth/balance")
CASINO_LEDGER: Final = Route("casino", "/api/v1/kelly/history")
CASINO_NEWEST_ROWS: Final = Route("casino", "/api/v1/auth/ledger")
CASINO_WITHDRAWALS: Final = Route("casino", "/api/v1/auth/withdrawals")
CASINO_STATS: Final = Route("casino", "/api/v1/stats/me")
CASINO_REFERRALS: Final = Route("casino", "/api/v1/auth/referral/stats")
CASINO_CHALLENGES: Final = Route("casino", "/api/v1/challenges")
CASINO_BETS: Final = Route("casino", "/api/v1/bets/history")

ESCROW: Final = Route("escrow", "/escrow/{escrow_id}")

TRADING_POSITIONS: Final = Route("trading", "/v1/trade/positions")
TRADING_HISTORY: Final = Route("trading", "/v1/trade/history")
TRADING_RESTING: Final = Route("trading", "/v1/trade/limit-orders")
TRADING_REFERRALS: Final = Route("trading", "/v1/referral/stats")

WALLET_USDC: Final = Route("wallet", "/v1/wallet/usdc-balance")
WALLET_COINS: Final = Route("wallet", "/v1/wallet/portfolio-value")
WALLET_ACTIVITY: Final = Route("wallet", "/v1/wallet/activity")
WALLET_REFERRALS: Final = Route("wallet", "/v1/referral/stats")

DOMAINS_ACCOUNT: Final = Route("domains", "/v1/auth/account")
DOMAINS_DEPOSITS: Final = Route("domains", "/v1/auth/deposits")
DOMAINS_OWNED: Final = Route("domains", "/v1/domains")
DOMAINS_REFERRALS: Final = Route("domains", "/v1/referral/stats")

GATEWAY_BALANCES: Final = Route("gateway", "/api/wallet/{agent}/balances")
GATEWAY_ESCROWS: Final = Route("gateway", "/api/escrow")

AGENT_HEALTH: Final = Route("agent", "/health", keyed=False)
AGENT_METRICS: Final = Route("agent", "/metrics", keyed=False)

SERVICE_HEALTH: Final = {
    "casino": Route("casino", "/health", keyed=False),
    "escrow": Route("escrow", "/health", keyed=False),
    "trading": Route("trading", "/health", keyed=False),
    "wallet": Route("wallet", "/health", keyed=False),
    "domains": Route("domains", "/health", keyed=False),
    "gateway": Route("gateway", "/api/health", keyed=False),
}
"""A service's own word on its health, without a key: asked by `fleawatch doctor`."""

ALLOWED: Final[frozenset[Route]] = frozenset(
    {
        *SERVICE_HEALTH.values(),
        CASINO_BALANCE,
        CASINO_LEDGER,
        CASINO_NEWEST_ROWS,
        CASINO_WITHDRAWALS,
        CASINO_STATS,
        CASINO_REFERRALS,
        CASINO_CHALLENGES,
        CASINO_BETS,
        ESCROW,
        TRADING_POSITIONS,
        TRADING_HISTORY,
        TRADING_RESTING,
        TRADING_REFERRALS,
        WALLET_USDC,
        WALLET_COINS,
        WALLET_ACTIVITY,
        WALLET_REFERRALS,
        DOMAINS_ACCOUNT,
        DOMAINS_DEPOSITS,
        DOMAINS_OWNED,
        DOMAINS_REFERRALS,
        GATEWAY_BALANCES,
        GATEWAY_ESCROWS,
        AGENT_HEALTH,
        AGENT_METRICS,
    }
)
"""All of them. Each is a GET without effect, except that casino and wallet note the time of the read."""

PLATFORM_SERVICES: Final = frozenset({"casino", "escrow", "trading", "wallet", "domains", "gateway"})
"""Services whose base address is the operator's; an agent's own server is reached by its health address."""
