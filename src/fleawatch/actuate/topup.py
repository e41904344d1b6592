"""Claims the faucet for one agent. It pays a dollar, once for ever; the money shows in the ledger as a flow."""

from __future__ import annotations

from typing import Final

from fleawatch.actuate.hand import Hand
from fleawatch.actuate.routes import CLAIM
from fleawatch.flow.outputs import TopUp
from fleawatch.ports import Outcome

_PAID_BEFORE: Final = 409


class Faucet:
    """Asks the faucet."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    async def claim(self, wanted: TopUp) -> Outcome:
        """Ask once. Without an answer it may have paid: the ledger will tell."""
        answer = await self._hand.call(CLAIM, {"agent_casino_id": wanted.casino_id})
        if answer.status is None:
            return Outcome("unknown", answer.word)
        if answer.status in (200, _PAID_BEFORE):
            return Outcome("done", answer.word)
        return Outcome("refused", answer.word or str(answer.status))
