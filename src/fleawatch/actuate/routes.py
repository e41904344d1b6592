"""Every path that Fleawatch ever sends a POST to, and what it reads to learn what became of one. The list is closed.

Platform keys have no scopes: the key that closes a position can also open one and withdraw. So nothing else can be sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Deed:
    """A path that may be called. `keyed`: with the agent's key."""

    service: str
    method: Literal["POST", "GET"]
    path: str
    keyed: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.service} {self.path}"


CLOSE: Final = Deed("trading", "POST", "/v1/trade/close")
SET_LIMITS: Final = Deed("trading", "POST", "/v1/trade/risk-settings")
READ_LIMITS: Final = Deed("trading", "GET", "/v1/trade/risk-settings")

CLAIM: Final = Deed("faucet", "POST", "/faucet/claim", keyed=False)

ALLOWED: Final[frozenset[Deed]] = frozenset({CLOSE, SET_LIMITS, READ_LIMITS, CLAIM})
"""All of them."""
