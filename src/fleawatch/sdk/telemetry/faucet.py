"""A claim at the platform's faucet: money once in an agent's life, so it matters how it ended."""

from __future__ import annotations

from typing import Any, ClassVar

from fleawatch.events import FaucetClaimed
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.operation import Desk, Operation
from fleawatch.sdk.telemetry.trading import Number, ended


class FaucetClaim(Operation):
    """The faucet is asked. Without a word about its end, one that ends without an error says nothing: nobody knows what it paid.

    A claim that was sent and not answered is a `timeout`. The platform pays once, so it may be made again: the second answer,
    also a refusal, settles it.
    """

    __slots__ = ("_amount_usd", "_reason")
    span_name: ClassVar[str] = "pf.faucet.claim"
    repeatable: ClassVar[bool] = True

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._amount_usd: Number | None = None
        self._reason = ""

    def claimed(self, amount_usd: Number) -> None:
        """It paid: USD that were credited."""
        self._amount_usd = amount_usd

    def rejected(self, reason: str) -> None:
        """It refused, with this code."""
        self._reason = reason

    def status(self) -> str:
        """How the claim ended; empty when nobody said."""
        status = ended(self, self._reason, told=self._amount_usd is not None)
        return "" if status == "success" and self._amount_usd is None else status

    def drafts(self) -> list[Draft]:
        status = self.status()
        if not status:
            return []
        amount = self._amount_usd if status == "success" else 0
        return [Draft(FaucetClaimed, self.ended_at, "", {"status": status, "amount_usd": amount})]

    def described(self) -> dict[str, Any]:
        status = self.status()
        return {
            "pf.claim_status": status,
            "pf.amount_usd": self._amount_usd if status == "success" else None,
            "error.type": self._reason or (None if status in ("", "success") else self.why()),
            **self.attributes,
        }
