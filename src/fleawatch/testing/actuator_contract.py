"""What every actuator promises, whatever it acts on: doing it twice is harmless, and it answers instead of raising."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from fleawatch.flow.outputs import HaltCommand
from fleawatch.ports import Actuator

STATUSES = {"done", "failed", "unknown", "refused"}


def command(**fields: Any) -> HaltCommand:
    """A command to stop `a-1`."""
    defaults: dict[str, Any] = {
        "key": "halt:a-1:h1:process:1", "agent_id": "a-1", "at": 1_800_000_000.0, "halt_id": "h1", "path": "process", "mode": "halt",
        "epoch": 1, "reason": "manual", "actor": "ann", "ordered_at": 1_800_000_000.0,
    }  # fmt: skip
    return HaltCommand(**{**defaults, **fields})


class ActuatorContract(ABC):
    """Subclass it and give `actuator`, a fresh one that can do its work, and `broken`, one whose other side is not there."""

    @abstractmethod
    async def actuator(self) -> Actuator:
        """One that works."""

    @abstractmethod
    async def broken(self) -> Actuator:
        """One that cannot work."""

    async def twice_is_harmless(self) -> None:
        """The second time it is done as well: a command may come again after a crash."""
        actuator = await self.actuator()
        for _ in range(2):
            outcome = await actuator.act(command(positions=("p1",)))
            if outcome.status != "done":
                raise AssertionError(f"the outcome was {outcome}")

    async def answers_instead_of_raising(self) -> None:
        """Whatever is not there, and whatever a name holds."""
        for actuator in (await self.actuator(), await self.broken()):
            for text in ("", "; rm -rf /", "../..", "x" * 999, "\N{SNOWMAN}"):
                outcome = await actuator.act(command(agent_id="a-1", positions=(text,), actor=text, reason=text))
                if outcome.status not in STATUSES:
                    raise AssertionError(f"the outcome was {outcome}")
