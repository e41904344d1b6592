"""From an address to the template of its route: metrics and spans name routes, never paths with their ids."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from fleawatch.catalog.labels import ENDPOINT

OTHER: Final = "other"
_VERSIONS: Final = re.compile(r"^(?:api/)?(?:v\d+/)?")
_RULES: Final = tuple(
    (re.compile(pattern), endpoint)
    for pattern, endpoint in (
        (r"games/.+", "games/play"),
        (r"casino/.+", "games/play"),
        (r"bets/batch", "bets/batch"),
        (r"escrow/(create|complete|release|dispute)(/.*)?", r"escrow/\1"),
        (r"escrow/[^/]+/(complete|release|dispute)", r"escrow/\1"),
        (r"escrow/[^/]+", "escrow/get"),
        (r"escrow", "escrow/create"),
        (r"trading/order|orders", "trade/open"),
        (r"trade/(?:limit-orders|limit)(/.*)?", "trade/limit"),
        (r"trade/(?:pnl-history|daily-report|drawdown)", "trade/portfolio"),
        (r"(?:markets|price)(/.*)?", "markets/price"),
        (r"swap|wallet/swap.*", "wallet/swap"),
        (r"wallet/(?:send|transfer)", "wallet/send"),
        (r"wallets?/.*|balance(/.*)?|wallets?", "wallet/balance"),
        (r"domains/(?:purchase|register)", "domains/purchase"),
        (r"domains(/.*)?", "domains/list"),
        (r"agents?/.*", "agent/health"),
    )
)
"""What is not the template itself, in the order in which it is tried."""


def endpoint_of(url: str) -> str:
    """The route of an address as the label `endpoint` has it, or `other`."""
    path = _VERSIONS.sub("", urlsplit(url).path.strip("/").lower())
    if path in ENDPOINT.values:
        return path
    for rule, endpoint in _RULES:
        found = rule.fullmatch(path)
        if found:
            named = found.expand(endpoint)
            return named if named in ENDPOINT.values else OTHER
    return OTHER


def host_named(text: str) -> str:
    """A host as people write it, as `shown` has it: in lower case, the literal of an IPv6 address without brackets."""
    return text.lower().removeprefix("[").removesuffix("]")


def shown(url: str, endpoint: str) -> tuple[str, str]:
    """The address as a span shows it, without ids, query and credentials, and its host."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = f":{parts.port}" if parts.port else ""
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{port}/{'' if endpoint == OTHER else endpoint}", host
