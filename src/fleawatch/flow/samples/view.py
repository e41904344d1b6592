"""One agent at one moment: which of its numbers are in view, and what its windows say.

A view is made for each agent at each reading, so it computes what several readers need once and nothing else. Numbers of
returns change only when a grid point closes; they are kept in a `Memory` between views.
"""

from __future__ import annotations

import math

import msgspec

from fleawatch.flow.fold.equity import MONEY
from fleawatch.flow.state import AgentState
from fleawatch.risk.grid import ReturnGrid
from fleawatch.risk.summary import return_numbers
from fleawatch.units import WINDOWS


class Memory(msgspec.Struct):
    """The numbers of an agent's returns as they were when the last grid point closed.

    Attributes:
        grid: the grid they belong to; an agent that is declared anew has another one.
        points: how many points it had closed.
        coverage, counts, sharpe, volatility: by window, in the order of `units.WINDOWS`.
    """

    grid: ReturnGrid | None = None
    points: int = -1
    coverage: tuple[float | None, ...] = ()
    counts: tuple[float | None, ...] = ()
    sharpe: tuple[float | None, ...] = ()
    volatility: tuple[float | None, ...] = ()

    def refresh(self, grid: ReturnGrid) -> None:
        """Compute the numbers of the grid anew if a point has closed."""
        if self.grid is grid and self.points == grid.points:
            return
        self.grid, self.points = grid, grid.points
        numbers = [return_numbers(grid, window) for window in WINDOWS]
        self.coverage = tuple(one.coverage for one in numbers)
        self.counts = tuple(None if one.coverage is None else one.n for one in numbers)
        self.sharpe = tuple(one.sharpe for one in numbers)
        self.volatility = tuple(one.volatility for one in numbers)


class AgentView:
    """What readers look at.

    Attributes:
        agent: the state.
        at: when it is read, unix seconds.
        usable: collectors whose last numbers are young enough to be shown.
        begun: whether anything of the agent was ever read, or reported by itself.
        money: whether anything of the equity is in view: some collector of money is usable.
        results: the same for trades and bets.
        returns: numbers of returns by window.
        trades: trades by window, in the order of `units.WINDOWS`.
        open_escrows: escrows that are funded or completed.
    """

    __slots__ = ("agent", "at", "begun", "money", "open_escrows", "results", "returns", "trades", "usable")

    def __init__(
        self, agent: AgentState, at: float, memory: Memory | None = None, ticked_at: float = -math.inf
    ) -> None:
        """Look at `agent`. Its windows are known to have been expired up to `ticked_at`, the fleet's newest Tick."""
        self.agent = agent
        self.at = at
        self.usable = {
            name for name, status in agent.sources.items() if at <= status.valid_until and status.read_at is not None
        }
        self.begun = bool(self.usable) or self._has_begun()
        self.money = self._any(MONEY)
        self.results = self._any(_RESULTS)
        performance = agent.performance
        if performance.at > ticked_at and performance.at > 0:
            # Windows forget what has left them by the newest fact; no number that is still in them changes.
            performance.tick(performance.at)
        self.returns = memory or Memory()
        self.returns.refresh(performance.grid)
        self.open_escrows = [held for held in agent.escrows.values() if held.status in _OPEN]
        self.trades = [window.tally for window in performance.trades.windows.values()]

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

    def has_read_ledger(self) -> bool:
        """Whether the casino's ledger was ever read; where nobody is to, whether anything was read or reported."""
        agent = self.agent
        if agent.self_reported and "casino" not in agent.sources:
            return self.begun
        return self.has_read("casino")

    def _has_begun(self) -> bool:
        agent = self.agent
        if agent.profile.collectors:
            return any(status.read_at is not None for status in agent.sources.values())
        return agent.seen_at > 0

    def _any(self, collectors: frozenset[str]) -> bool:
        if not self.usable.isdisjoint(collectors):
            return True
        agent = self.agent
        read = not collectors.isdisjoint(agent.profile.collectors) or not collectors.isdisjoint(agent.sources)
        return agent.seen_at > 0 and not read


_OPEN = frozenset({"funded", "completed"})
_RESULTS = frozenset({"casino", "trading"})
