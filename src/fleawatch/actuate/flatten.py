"""Closes positions one by one. The platform's own way to close them all closes nothing at the exchange, and is never used.

What was answered is kept as what it is; whether a position is closed is told by the next reading of the positions, and what is
then still open is asked to be closed again.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from fleawatch.actuate.hand import Hand
from fleawatch.actuate.routes import CLOSE
from fleawatch.flow.outputs import HaltCommand
from fleawatch.ports import Outcome

MOST: Final = 25
"""Positions of one command: the platform takes thirty of these calls a minute from an address. The next command has the rest."""
WITHIN_S: Final = 18.0
_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}\Z")


class Flatten:
    """Closes the positions that a command names."""

    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    async def act(self, command: HaltCommand) -> Outcome:
        failed: list[str] = []
        unknown = 0
        try:
            async with asyncio.timeout(WITHIN_S):
                for position in command.positions[:MOST]:
                    if _ID.match(position) is None:
                        failed.append("no_id")
                        continue
                    answer = await self._hand.call(CLOSE, {"position_id": position})
                    if answer.status is None:
                        unknown += 1
                    elif answer.status not in (200, 404):  # 404: it is closed already
                        failed.append(answer.word or str(answer.status))
        except TimeoutError:
            unknown += 1
        if failed:
            return Outcome("failed", f"{len(failed)} were not closed: {', '.join(sorted(set(failed)))}")
        if unknown:
            return Outcome("unknown", f"{unknown} were not answered")
        return Outcome("done")
