"""Who takes part: the agents of the fleet and the outsiders, with their keys and their ids at each service."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal

from fleawatch.sandbox.agency import Agency, Nobody


@dataclass(slots=True, kw_only=True)
class Person:
    """One agent as its operator knows it.

    Attributes:
        name: the operator's name for it, `momentum-01`; the platform never hears it.
        character: how it behaves, one of the cast.
        strategy: the label its operator gives it.
        environment: `production` or `staging`.
        fleet: whether it belongs to the fleet; outsiders are counterparties only.
        capital: trading collateral in USD at the exchange, zero when it does not trade.
        declares_capital: whether the operator's configuration states that collateral.
        keys, platform_ids: by service, where it is registered.
        addresses: on-chain address by chain.
        silent_at: simulated unix seconds after which it acts no more and its own server stops answering.
        key_expires_at: simulated unix seconds after which the platform refuses its keys.
        last_action: simulated unix seconds of its last successful action.
        agency: what it asks before an order and tells of what it did.
        clock_offset: seconds by which its own clock is ahead.
        wrong_at: simulated unix seconds at which it is to go wrong, for characters that do.
        wrong_since: when it first did wrong; None while it did nothing wrong.
    """

    name: str
    character: str
    strategy: str
    environment: str = "production"
    fleet: bool = True
    capital: Decimal = Decimal(0)
    declares_capital: bool = True
    keys: dict[str, str] = field(default_factory=dict)
    platform_ids: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    silent_at: float = math.inf
    key_expires_at: float = math.inf
    last_action: float = 0.0
    agency: Agency = field(default_factory=Nobody)
    clock_offset: float = 0.0
    wrong_at: float = math.inf
    wrong_since: float | None = None
