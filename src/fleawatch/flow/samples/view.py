"""One agent at one moment: which of its numbers are in view, and what its windows say.

A view is made for each agent at each reading, so it computes what several readers need once and nothing else. Numbers of
returns change only when a grid point closes, those of trades with a trade; they are kept in a `Memory` between views.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from fleawatch.catalog.performance import SHARPE
from fleawatch.flow.fold.equity import MONEY
from fleawatch.flow.samples.wording import collector_label
from fleawatch.flow.state import AgentState
from fleawatch.flow.tally import Labels
from fleawatch.flow.tracks import Tracks
from fleawatch.flow.verdict import Pairs
from fleawatch.risk.grid import ReturnGrid
from fleawatch.risk.ratios import break_even
from fleawatch.risk.summary import ENOUGH_TRADES, return_numbers
from fleawatch.risk.trades import Tally
from fleawatch.units import WINDOWS


class Memory(msgspec.Struct):
    """Numbers of an agent that seldom change, as they were when what they are made of last changed.

    Attributes:
        grid: the grid that `known` and `unseen` belong to; an agent that is declared anew has another one.
        points: how many points it had closed.
        known: coverage, number of returns, Sharpe ratio and volatility, each by window.
        unseen: the same where the ratios are not to be shown.
        tallies: of the trades in each window.
        trades: profit factor, win ratio, deciding trades and win ratio to break even, each by window.
        collectors: those that have tried.
        collector_labels: the same as label values.
        kept: by reader what it last found, and what that was found from.
        tracks: those that `counted` belongs to; an agent that is declared anew has others.
        counted: counters as they were when their growth was last looked at, by what is followed.
    """

    grid: ReturnGrid | None = None
    points: int = -1
    known: tuple[float | None, ...] = ()
    unseen: tuple[float | None, ...] = ()
    tallies: list[Tally] = msgspec.field(default_factory=list)
    trades: list[float | None] = msgspec.field(default_factory=list)
    collectors: list[str] = msgspec.field(default_factory=list)
    collector_labels: list[Labels] = msgspec.field(default_factory=list)
    kept: dict[str, tuple[Sequence[object], Mapping[Labels, float | None]]] = msgspec.field(default_factory=dict)
    tracks: Tracks | None = None
    counted: dict[str, dict[Pairs, float]] = msgspec.field(default_factory=dict)

    def looked_at(self, tracks: Tracks) -> dict[str, dict[Pairs, float]]:
        """What `counted` holds of these tracks; to be changed by whoever looks at a counter."""
        if self.tracks is not tracks:
            self.tracks, self.counted = tracks, {}
        return self.counted

    def recall(self, name: str, basis: Sequence[object]) -> Mapping[Labels, float | None] | None:
        """What reader `name` found from the same basis the time before; None if the basis was another."""
        kept = self.kept.get(name)
        return kept[1] if kept is not None and kept[0] == basis else None

    def keep(
        self, name: str, basis: Sequence[object], found: Mapping[Labels, float | None]
    ) -> Mapping[Labels, float | None]:
        """Remember what reader `name` found; neither it nor what it was found from may change afterwards."""
        self.kept[name] = (basis, found)
        return found

    def refresh(self, grid: ReturnGrid) -> None:
        """Compute the numbers of the grid anew: a point has closed, or it is another grid."""
        self.grid, self.points = grid, grid.points
        numbers = [return_numbers(grid, window) for window in WINDOWS]
        ratios = [one.sharpe for one in numbers[_SHARPE]] + [one.volatility for one in numbers]
        counts = [None if one.coverage is None else one.n for one in numbers]
        always = [one.coverage for one in numbers] + counts
        self.known = (*always, *ratios)
        self.unseen = (*always, *[None] * len(ratios))


_SHARPE: Final = slice(len(WINDOWS) - len(SHARPE.windows), None)
"""The widest windows: a Sharpe ratio of an hour or a day says nothing."""


class AgentView:
    """What readers look at.

    Attributes:
        agent: the state.
        at: when it is read, unix seconds.
        usable: collectors whose last numbers are young enough to be shown.
        begun: whether anything of the agent was ever read, or reported by itself.
        money: whether anything of the equity is in view: some collector of money is usable.
        results: the same for trades and bets.
        memory: what is remembered of the agent.
    """

    __slots__ = ("_reasons", "agent", "at", "begun", "memory", "money", "results", "usable")

    def __init__(
        self, agent: AgentState, at: float, memory: Memory | None = None, ticked_at: float = -math.inf
    ) -> None:
        """Look at `agent`. Its windows are known to have been expired up to `ticked_at`, the fleet's newest Tick."""
        self.agent = agent
        self.at = at
        usable = self.usable = {
            name for name, status in agent.sources.items() if at <= status.valid_until and status.read_at is not None
        }
        self.begun = bool(usable) or self._has_begun()
        self.money = not usable.isdisjoint(MONEY) or self._reports(MONEY)
        self.results = not usable.isdisjoint(_RESULTS) or self._reports(_RESULTS)
        performance = agent.performance
        if performance.at > ticked_at and performance.at > 0:
            # Windows forget what has left them by the newest fact; no number that is still in them changes.
            performance.tick(performance.at)
        self._reasons: list[str] | None = None
        self.memory = memory = memory or Memory()
        grid = performance.grid
        if memory.grid is not grid or memory.points != grid.points:
            memory.refresh(grid)

    def trades(self) -> list[float | None]:
        """The numbers of trades in each window, computed when a trade has come or gone."""
        memory = self.memory
        tallies = [window.tally for window in self.agent.performance.trades.windows.values()]
        if tallies != memory.tallies or not memory.trades:
            memory.tallies = tallies
            memory.trades = _of_trades(tallies)
        return memory.trades

    def collectors(self) -> list[Labels]:
        """The collectors that have tried, as label values, in the order of `agent.sources`."""
        memory = self.memory
        names = list(self.agent.sources)
        if names != memory.collectors:
            memory.collectors = names
            memory.collector_labels = [collector_label(name) for name in names]
        return memory.collector_labels

    def reasons(self) -> list[str]:
        """Why the last reading of each collector failed, empty where it worked, in the order of `agent.sources`."""
        if self._reasons is None:
            self._reasons = [status.reason for status in self.agent.sources.values()]
        return self._reasons

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
        status = self.agent.sources.get("casino")
        if status is not None:
            return status.read_at is not None
        return self.begun if self.agent.self_reported else self.has_read("casino")

    def _has_begun(self) -> bool:
        agent = self.agent
        if agent.profile.collectors:
            return any(status.read_at is not None for status in agent.sources.values())
        return agent.seen_at > 0

    def _reports(self, collectors: frozenset[str]) -> bool:
        """Whether the agent reports what these collectors would read, because nobody is to read it."""
        agent = self.agent
        read = not collectors.isdisjoint(agent.profile.collectors) or not collectors.isdisjoint(agent.sources)
        return agent.seen_at > 0 and not read


def _of_trades(tallies: list[Tally]) -> list[float | None]:
    """Profit factor, win ratio, deciding trades and win ratio to break even, each by window."""
    factors: list[float | None] = []
    ratios: list[float | None] = []
    counts: list[float | None] = []
    evens: list[float | None] = []
    before = None
    for tally in tallies:
        if tally == before:
            # Of a young agent, or one that trades seldom, most windows hold the same trades.
            for column in (factors, ratios, counts, evens):
                column.append(column[-1])
            continue
        before = tally
        wins, losses, gross_profit, gross_loss = tally.wins, tally.losses, tally.gross_profit, tally.gross_loss
        decided = wins + losses
        factors.append(gross_profit / gross_loss if gross_loss > 0.0 else None)
        ratios.append(wins / decided if decided >= ENOUGH_TRADES else None)
        counts.append(decided)
        evens.append(break_even(wins, losses, gross_profit, gross_loss))
    return factors + ratios + counts + evens


_RESULTS = frozenset({"casino", "trading"})
