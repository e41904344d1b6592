"""A belt with a policy, for halts: orders, readings and gates in short form on a clock that only the test moves.

belt = HaltBelt()
belt.watch("a-1")
belt.halt("a-1")                       # a person orders it
belt.acknowledge("a-1")
belt.wait(5); belt.read("a-1")         # a whole reading without an order
assert belt.confirmed("a-1")
"""

from __future__ import annotations

from typing import Any

from fleawatch.events import (
    Event,
    GateChanged,
    HaltAcknowledged,
    HaltDelivered,
    HaltOrdered,
    Resumed,
)
from fleawatch.events.control import GateState, HaltMode
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.outputs import Conclusion, HaltCommand
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import Halt
from fleawatch.flow.step import step
from fleawatch.testing.belt import MIDNIGHT, Belt


class HaltBelt(Belt):
    """A belt that judges by `policy` and keeps what it concludes among its facts, as a service does."""

    def __init__(self, policy: Policy | None = None, now: float = MIDNIGHT, **halting: Any) -> None:
        super().__init__(now)
        self.policy = policy or Policy(halting=HaltingPolicy(**halting))

    def fold(self, *events: Event) -> Event:
        for event in events:
            self.fleet, outputs = step(self.fleet, event, self.policy)
            self.facts.append(event)
            self.facts += [output.fact for output in outputs if isinstance(output, Conclusion)]
            self.outputs += [output for output in outputs if not isinstance(output, Conclusion)]
        return events[-1]

    def halt(self, agent_id: str = "", mode: HaltMode = "halt", halt_id: str = "h1", **fields: Any) -> None:
        """A person orders a halt: of an agent, or of the fleet without one."""
        fields = {"scope": "agent" if agent_id else "fleet", "target": agent_id, **fields}
        self.say(
            HaltOrdered, agent_id, halt_id=halt_id, mode=mode, reason="manual", actor="ann", source="api", **fields
        )

    def resume(self, agent_id: str = "", halt_id: str = "h1", **fields: Any) -> None:
        """A person resumes what a halt holds."""
        self.say(Resumed, agent_id, halt_id=halt_id, actor="ann", reason="seen to", source="api", **fields)

    def gate(self, agent_id: str, after: GateState, reason: str, before: GateState = "active", **fields: Any) -> None:
        """An agent's gate moved."""
        self.say(GateChanged, agent_id, before=before, after=after, reason=reason, **fields)

    def acknowledge(self, agent_id: str, halt_id: str | None = None) -> None:
        """The agent's gate says that it stopped."""
        self.say(HaltDelivered, agent_id, halt_id=halt_id or self.held(agent_id).halt_id, path="gate")
        self.say(HaltAcknowledged, agent_id, halt_id=halt_id or self.held(agent_id).halt_id)

    def reach(self, agent_id: str, path: str) -> None:
        """A harder means worked."""
        self.say(HaltDelivered, agent_id, halt_id=self.held(agent_id).halt_id, path=path)

    def held(self, agent_id: str) -> Halt:
        """The halt in force.

        Raises:
            AssertionError: there is none.
        """
        found = self[agent_id].control.halt
        if found is None:
            raise AssertionError(f"{agent_id} is not halted")
        return found

    def confirmed(self, agent_id: str) -> bool:
        """Whether the halt in force is proven."""
        return "confirmed" in self.held(agent_id).steps

    def commands(self, agent_id: str) -> list[str]:
        """Paths that were ordered, in order."""
        return [one.path for one in self.outputs if isinstance(one, HaltCommand) and one.agent_id == agent_id]
