"""The same belt over the agent's own facts, and what its numbers say about the limits of the gate.

`flow.fold` books every fact, so a drawdown here is the drawdown that the monitor computes from the same facts. The guard
judges by level against a baseline: the peak, the opening of the day and the floor it looks at are its own, travel in
the lease and the state file, and only an explicit resume with `rebase` sets them anew. Metrics keep the true peak.
No clock and no I/O: time comes as an argument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from fleawatch.events import ApiCall, Event
from fleawatch.events.control import GateState
from fleawatch.flow.fold import fold
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import AgentState, FleetState, empty_fleet
from fleawatch.sdk.gate.answer import Reason
from fleawatch.sdk.gate.windows import ErrorWindow

_FAILED_FROM: Final = 400


class Breach(NamedTuple):
    """A limit that is breached now, and the state it asks for."""

    reason: Reason
    value: float
    limit: float
    asks: GateState


class Baseline(msgspec.Struct):
    """What the guard measures from.

    Attributes:
        peak_nav: highest NAV of complete readings since the last rebase, in the belt's own units; None before the first.
        nav: the last one.
        total_losses: of the belt that are settled by a rebase.
        scale: the belt's NAV over the service's; None until both were known at once.
        day_ends, day_total, day_equity: of a day in which the guard was rebased: its end, and P&L and equity then.
        leased_equity: equity at the start of the day as the service knows it.
        floor: spendable balance at the last rebase where it lay below the limit; only a fall below it counts.
    """

    peak_nav: float | None = None
    nav: float | None = None
    total_losses: int = 0
    scale: float | None = None
    day_ends: float = 0.0
    day_total: float = 0.0
    day_equity: float | None = None
    leased_equity: float | None = None
    floor: float | None = None


class Guard:
    """The belt of one agent and the limits it is judged by.

    Attributes:
        agent_id: whose facts it takes.
        baseline: what it measures from.
        errors: calls of the last five minutes.
    """

    def __init__(
        self, agent_id: str, baseline: Baseline | None = None, belt: Mapping[str, bytes] | None = None
    ) -> None:
        self.agent_id = agent_id
        self.baseline = baseline or Baseline()
        self.errors = ErrorWindow()
        self._awaiting: tuple[float, float, bool] | None = None
        self._fleet = _thawed(belt, self.baseline)
        self._agent: AgentState | None = self._fleet.agents.get(agent_id)

    def take(self, fact: Event, elapsed: float) -> None:
        """Book one fact. `elapsed` is the pace clock's time, for the share of failed calls."""
        fold(self._fleet, fact)
        if type(fact) is ApiCall:
            code = fact.status_code
            self.errors.add(elapsed, failed=not code.isdigit() or int(code) >= _FAILED_FROM)
        self._agent = self._fleet.agents.get(self.agent_id)
        if self._agent is not None:
            self._follow(self._agent)

    def _follow(self, agent: AgentState) -> None:
        """Let the guard's peak follow the NAV; a partial reading raises no peak."""
        nav = agent.performance.nav.value
        if nav is None:
            return
        base = self.baseline
        base.nav = nav
        if not agent.unknown and (base.peak_nav is None or nav > base.peak_nav):
            base.peak_nav = nav
        if self._awaiting is not None:
            peak, leased, renew = self._awaiting
            self._anchor(peak, leased, nav, renew)

    def anchor(self, peak_nav: float, nav: float, *, renew: bool) -> None:
        """Take the service's peak and NAV. `renew`: the service resumed, so that its peak replaces the guard's own."""
        if not (0.0 < nav < math.inf and 0.0 < peak_nav < math.inf):
            return
        if renew:
            self.baseline.scale = None
        own = self.baseline.nav
        if own is None or own <= 0.0:
            self._awaiting = (peak_nav, nav, renew)
        else:
            self._anchor(peak_nav, nav, own, renew)

    def _anchor(self, peak_nav: float, nav: float, own: float, renew: bool) -> None:  # noqa: FBT001 - internal, handed on
        """The scale between the two belts is found once: later the NAVs of two readers are never of one moment."""
        base = self.baseline
        self._awaiting = None
        if base.scale is None:
            base.scale = own / nav
        peak = max(own, peak_nav * base.scale)
        base.peak_nav = peak if renew or base.peak_nav is None else max(base.peak_nav, peak)

    def rebase(self) -> None:
        """Measure from here: peak, day and floor are as of now, and past failures of calls are settled."""
        self.errors.clear()
        self.baseline = self.rebased()

    def rebased(self) -> Baseline:
        """The baseline that a rebase would set now."""
        base, agent = msgspec.structs.replace(self.baseline), self._agent
        base.peak_nav = base.nav = base.nav or None
        if agent is not None:
            base.total_losses = agent.performance.nav.total_losses
            daily = agent.performance.daily
            base.day_ends, base.day_total, base.day_equity = max(0.0, daily.ends), daily.total or 0.0, daily.equity
            base.floor = self.spendable()
        return base

    def spendable(self) -> float | None:
        """USD the agent can spend: at the casino, or, where it has no balance there, in its trading account."""
        agent = self._agent
        if agent is None:
            return None
        balance, read_at = agent.casino.read_balance, agent.casino.read_at
        for key, book in agent.books.items():
            if key.startswith("casino:") and book.rows and (balance is None or book.at > read_at):
                balance, read_at = book.balance, book.at
        return agent.parts.get("trading") if balance is None else balance

    def drawdown(self) -> float | None:
        """Fall from the guard's peak, 0..1; 1 after a total loss until a rebase; None before the first equity."""
        base, agent = self.baseline, self._agent
        if agent is not None and agent.performance.nav.total_losses > base.total_losses:
            return 1.0
        if base.nav is None or base.peak_nav is None:
            return None
        return max(0.0, 1.0 - base.nav / base.peak_nav)

    def daily_loss(self) -> float | None:
        """Trading and casino loss since midnight UTC, or since a rebase of today, USD; None before the first result."""
        if self._agent is None:
            return None
        daily, base = self._agent.performance.daily, self.baseline
        if daily.ends == base.day_ends and daily.total is not None:
            return max(0.0, base.day_total - daily.total)
        return daily.loss()

    def _day_equity(self) -> float | None:
        if self._agent is None:
            return None
        daily, base = self._agent.performance.daily, self.baseline
        if daily.ends == base.day_ends:
            return base.day_equity
        return base.leased_equity if daily.opening_equity is None else daily.opening_equity

    def judge(self, limits: Mapping[str, float], elapsed: float) -> list[Breach]:
        """Every limit that is breached now, the strictest demand first."""
        found: list[Breach] = []
        drawdown = self.drawdown()
        if drawdown is not None:
            for name, asks in _DRAWDOWNS:
                limit = limits.get(name)
                if limit is not None and drawdown > limit:
                    found.append(Breach(name, drawdown, limit, asks))
        self._judge_day(limits, found)
        self._judge_balance(limits, found)
        most = limits.get("api_errors_critical")
        if most is not None:
            share = self.errors.share(elapsed)
            if share is not None and share > most:
                found.append(Breach("api_errors_critical", share, most, "reducing"))
        if len(found) > 1:
            found.sort(key=lambda breach: breach.asks != "halted")
        return found

    def _judge_day(self, limits: Mapping[str, float], found: list[Breach]) -> None:
        loss = self.daily_loss()
        if not loss:
            return
        most = limits.get("daily_loss_usdc")
        if most is not None and loss > most:
            found.append(Breach("daily_loss_usdc", loss, most, "halted"))
        most, opening = limits.get("daily_loss_ratio"), self._day_equity()
        if most is not None and opening is not None and opening > 0.0 and loss / opening > most:
            found.append(Breach("daily_loss_ratio", loss / opening, most, "halted"))

    def _judge_balance(self, limits: Mapping[str, float], found: list[Breach]) -> None:
        floor = limits.get("balance_exhausted")
        balance = None if floor is None else self.spendable()
        if floor is None or balance is None:
            return
        base = self.baseline
        if base.floor is not None and balance >= floor:
            base.floor = None
        if balance < (floor if base.floor is None else min(floor, base.floor)):
            found.append(Breach("balance_exhausted", balance, floor, "reducing"))

    def frozen(self) -> dict[str, bytes]:
        """The belt as bytes."""
        return freeze(self._fleet)


def _thawed(belt: Mapping[str, bytes] | None, baseline: Baseline) -> FleetState:
    """The belt that `frozen` gave. One of another release begins anew, and the drawdown it had is kept."""
    if belt:
        try:
            return thaw(belt)
        except ValueError:
            pass
    if baseline.peak_nav is not None and baseline.nav:
        baseline.peak_nav /= baseline.nav
    baseline.nav = baseline.scale = None
    baseline.total_losses = 0
    baseline.day_ends = 0.0
    return empty_fleet()


_DRAWDOWNS: Final[tuple[tuple[Reason, GateState], ...]] = (
    ("drawdown_halt", "halted"),
    ("drawdown_critical", "reducing"),
)
