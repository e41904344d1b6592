"""An actuator that only remembers: for drills, backtests and tests."""

from __future__ import annotations

from fleawatch.flow.outputs import HaltCommand
from fleawatch.ports import Outcome


class MemoryActuator:
    """Keeps what it was asked to do, and answers as told: with `outcomes` in order, then with `done`."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.commands: list[HaltCommand] = []
        self._outcomes = list(outcomes)

    async def act(self, command: HaltCommand) -> Outcome:
        self.commands.append(command)
        return self._outcomes.pop(0) if self._outcomes else Outcome("done")
