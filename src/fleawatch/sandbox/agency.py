"""What stands between an agent's decision and its order, as the agent's program sees it: something to ask, and to tell.

The sandbox does not know what answers. Nobody by default: every order is sent and nobody hears of it.
"""

from __future__ import annotations

from typing import Protocol


class Agency(Protocol):
    """Asked before every order, told of what the agent did and saw."""

    def may_open(self, market: str, usd: float) -> bool:
        """Whether an order of `usd` that raises exposure may be sent."""
        ...

    def may_close(self) -> bool:
        """Whether an order that lowers exposure may be sent."""
        ...

    def may_pay(self) -> bool:
        """Whether money may be sent away: a payment, a withdrawal, an escrow."""
        ...

    def tell(self, kind: str, **fields: object) -> None:
        """Report a fact of this kind, with the fields of that kind; who, when and under which id is added."""
        ...


class Nobody:
    """Lets everything pass and hears nothing."""

    def may_open(self, market: str, usd: float) -> bool:
        del market, usd
        return True

    def may_close(self) -> bool:
        return True

    def may_pay(self) -> bool:
        return True

    def tell(self, kind: str, **fields: object) -> None:
        del kind, fields
