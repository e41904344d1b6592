"""Referral income: single payments where the platform lists them, lifetime totals where it only keeps a sum."""

from __future__ import annotations

from fleawatch.events.base import Amount, Count, Event, Service


class ReferralIncome(Event, frozen=True, kw_only=True):
    """A commission was credited. `level` is the depth of the chain, 1..3."""

    service: Service
    level: Count
    amount_usd: Amount


class ReferralTotals(Event, frozen=True, kw_only=True):
    """Lifetime referral earnings at one service. A reading.

    Attributes:
        earned_usd: ever earned.
        available_usd: earned and not yet withdrawn: money of the agent that the service holds; None when not told.
        referred: number of referred agents by level, level 1 first; empty when not told.
    """

    service: Service
    earned_usd: Amount
    available_usd: Amount | None = None
    referred: tuple[Count, ...] = ()
