"""One agent at one moment: which of its numbers are in view, and what its windows say.

A view is made for each agent at each reading, so it computes what several readers need once and nothing else. Numbers of
returns change only when a grid point closes; they are kept in a `Memory` between views.
"""

from __future__ import annotations

import msgspec

from fleawatch.flow.fold.equity import MONEY
from fleawatch.flow.state import AgentState
from fleawatch.risk.grid import ReturnGrid
from fleawatch.risk.summary import ReturnNumbers, return_numbers
from fleawatch.units import WINDOWS


class Memory(msgspec.Struct):
    """The numbers of an agent's returns as they were when the last grid point closed.

    Attributes:
        grid: the grid they belong to; an agent that is declared anew has another one.
        points: how many points it had closed.
        numbers: by window, in the order of `units.WINDOWS`.
    """

    grid: ReturnGrid | None = None
    points: int = -1
    numbers: tuple[ReturnNumbers, ...] = ()

    def of(self, grid: ReturnGrid) -> tuple[ReturnNumbers, ...]:
        """The numbers of the grid, computed anew only when a point has closed."""
        if self.grid is not grid or self.points != grid.points:
            self.grid, self.points = grid, grid.points
            self.numbers = tuple(return_numbers(grid, window) for window in WINDOWS)
        return self.numbers


class AgentView:
    """What readers look at.

    Attributes:
        agent: the state.
        at: when it is read, unix seconds.
        usable: collectors whose last numbers are young enough to be shown.
        money: whether anything of the equity is in view: some collector of money is usable.
        results: the same for trades and bets.
        returns: numbers of returns by window, in the order of `units.WINDOWS`.
    """

    __slots__ = ("agent", "at", "money", "results", "returns", "usable")

    def __init__(self, agent: AgentState, at: float, memory: Memory | None = None) -> None:
        self.agent = agent
        self.at = at
        self.usable = {
            name for name, status in agent.sources.items() if at <= status.valid_until and status.read_at is not None
        }
        self.money = self._any(MONEY)
        self.results = self._any(_RESULTS)
        performance = agent.performance
        if performance.at:
            # Windows forget what has left them by the newest fact; no number that is still in them changes.
            performance.tick(performance.at)
        self.returns = (memory or Memory()).of(performance.grid)

    def shows(self, collector: str) -> bool:
        """Whether the numbers of `collector` may be shown.

        Where nobody reads them the agent's own reports are all there is, and they are shown once there is one.
        """
        if collector in self.usable:
            return True
        agent = self.agent
        return agent.seen_at > 0 and collector not in agent.sources and collector not in agent.profile.collectors

    def has_read(self, collector: str) -> bool:
        """Whether `collector` has ever read the agent; where nobody is to, whether the agent has ever reported."""
        agent = self.agent
        status = agent.sources.get(collector)
        if status is not None:
            return status.read_at is not None
        return agent.seen_at > 0 and collector not in agent.profile.collectors

    def _any(self, collectors: frozenset[str]) -> bool:
        if not self.usable.isdisjoint(collectors):
            return True
        agent = self.agent
        read = not collectors.isdisjoint(agent.profile.collectors) or not collectors.isdisjoint(agent.sources)
        return agent.seen_at > 0 and not read


_RESULTS = frozenset({"casino", "trading"})
