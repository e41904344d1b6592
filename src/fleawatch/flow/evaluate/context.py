"""What a compiled rule looks at: one agent, or the fleet, at one moment, with the limits in force for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from fleawatch.catalog import performance
from fleawatch.flow.halting import guard
from fleawatch.flow.samples.shape import Fixed, Value
from fleawatch.flow.samples.view import AgentView, Memory
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.flow.tracks import Tracks


class Context:
    """One look.

    Attributes:
        fleet: the state.
        agent: whom the look is at; None for the fleet.
        now: when, unix seconds.
        limits: the limits in force, by name; None switches one off.
        tracks: what the rules remember of the agent or the fleet.
        memory: numbers of returns of the agent between looks.
        guarded: whether falls and the day's loss are those that guards judge: since a rebase, in place of the true ones.
    """

    __slots__ = ("_rows", "_view", "agent", "fleet", "guarded", "limits", "memory", "now", "tracks")

    def __init__(
        self,
        fleet: FleetState,
        agent: AgentState | None,
        now: float,
        limits: Mapping[str, float | None],
        memory: Memory,
    ) -> None:
        self.fleet = fleet
        self.agent = agent
        self.now = now
        self.limits = limits
        self.memory = memory
        self.tracks: Tracks = fleet.tracks if agent is None else agent.tracks
        self.guarded = False
        self._view: AgentView | None = None
        self._rows: dict[int, Sequence[Value]] = {}

    @property
    def view(self) -> AgentView:
        """The agent's numbers; made when the first rule needs it.

        Raises:
            TypeError: the look is at the fleet.
        """
        if self._view is None:
            if self.agent is None:
                raise TypeError("a look at the fleet has no agent; compile the rule for the scope of the fleet")
            # Windows are expired by each Tick; between Ticks they may be a little longer, never shorter.
            self._view = AgentView(self.agent, self.now, self.memory, ticked_at=float("inf"))
        return self._view

    def row(self, reader: Fixed) -> Sequence[Value]:
        """What a reader reads, read once a look."""
        found = self._rows.get(id(reader))
        if found is None:
            found = self._rows[id(reader)] = reader.read(self.view)
        if self.guarded and self.agent is not None and self.agent.control.baseline is not None:
            return _as_guards_see(reader, found, self.agent)
        return found


_GUARDS: Final[dict[str, Callable[[AgentState], float | None]]] = {
    performance.DRAWDOWN.name: guard.drawdown,
    performance.DRAWDOWN_MAX.name: guard.worst,
    performance.DAILY_LOSS.name: guard.daily_loss,
    performance.DAY_START.name: guard.day_start_equity,
}


def _as_guards_see(reader: Fixed, row: Sequence[Value], agent: AgentState) -> Sequence[Value]:
    """The row with what a rebase changes for guards; what is unknown stays unknown."""
    found = list(row)
    index = 0
    for metric, combinations in reader.parts:
        judged = _GUARDS.get(metric.name)
        for _ in combinations:
            if judged is not None and found[index] is not None:
                found[index] = judged(agent)
            index += 1
    return found
