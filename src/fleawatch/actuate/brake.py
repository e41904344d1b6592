"""Lowers an agent's position limit at the exchange so far that no order of its is accepted, and reads it back.

A limit on the day's loss would not do: it needs a loss that was made already. This one stops market orders that open. It does
not reach orders that rest there, copied positions, or an agent that raises its limit again with its own key.
"""

from __future__ import annotations

from typing import Final

from fleawatch.actuate.hand import Answered, Hand
from fleawatch.actuate.routes import READ_LIMITS, SET_LIMITS
from fleawatch.flow.outputs import HaltCommand
from fleawatch.ports import Outcome

LIMIT_USD: Final = 0.01
"""The platform refuses 0."""


class Brake:
    """Lowers the limit of one agent."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    async def act(self, command: HaltCommand) -> Outcome:  # noqa: ARG002 - there is one limit, whoever orders it
        sent = await self._hand.call(SET_LIMITS, {"max_position_usd": LIMIT_USD})
        if sent.status is not None and sent.status != 200:
            return Outcome("refused" if sent.status in (400, 401, 403) else "failed", sent.word or str(sent.status))
        in_force = _limit(await self._hand.call(READ_LIMITS))
        if in_force is None:
            return Outcome("unknown", "the limit could not be read back")
        return Outcome("done") if in_force <= LIMIT_USD else Outcome("failed", f"the limit is {in_force:g} USD")


def _limit(answer: Answered) -> float | None:
    settings = answer.body.get("risk_settings")
    value = settings.get("max_position_usd") if isinstance(settings, dict) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
