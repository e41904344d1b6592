"""What a guard measures from. After a rebase it forgets the old peak and the day's loss so far; no metric does.

Guards are level-triggered against a baseline: without one, resuming an agent at its old drawdown would halt it again at
once, and with the metrics' own peak moved, the record would lie. So the baseline lives beside the true numbers. It ends
by itself when the agent's record begins anew, and that of the day at midnight UTC.
"""

from __future__ import annotations

from fleawatch.flow.state import AgentState, Baseline
from fleawatch.risk.windows import fall


def rebased(agent: AgentState, at: float, nav: float | None) -> Baseline | None:
    """The baseline of a rebase at `at`: the NAV given, or the present one; None while there is no NAV."""
    performance = agent.performance
    value = performance.nav.value if nav is None else nav
    if value is None:
        return None
    daily = performance.daily
    return Baseline(
        at=at,
        nav=value,
        peak=max(value, 0.0),
        epoch=performance.nav.epoch,
        day_ends=daily.ends,
        day_opening=daily.total,
        day_equity=daily.equity,
    )


def follow(agent: AgentState) -> None:
    """Let the baseline's own peak and deepest fall follow the NAV, as far as it is wholly known."""
    baseline = agent.control.baseline
    if baseline is None:
        return
    nav = agent.performance.nav
    if nav.epoch != baseline.epoch or nav.value is None:
        agent.control.baseline = None
        return
    if nav.value > baseline.peak and not agent.unknown:
        baseline.peak = nav.value
    baseline.worst = max(baseline.worst, fall(nav.value, baseline.peak))


def drawdown(agent: AgentState) -> float | None:
    """Drawdown that guards judge, 0..1; None before the first NAV."""
    baseline, nav = agent.control.baseline, agent.performance.nav.value
    if baseline is None or nav is None:
        return agent.performance.drawdowns["all_time"].current()
    return fall(nav, baseline.peak)


def worst(agent: AgentState) -> float | None:
    """Deepest drawdown within thirty days that guards judge, 0..1; None before the first NAV."""
    baseline = agent.control.baseline
    return agent.performance.drawdowns["30d"].max() if baseline is None else baseline.worst


def peak_nav(agent: AgentState) -> float | None:
    """NAV from which guards measure; None before the first."""
    baseline = agent.control.baseline
    return agent.performance.drawdowns["all_time"].high() if baseline is None else baseline.peak


def daily_loss(agent: AgentState) -> float | None:
    """USD lost since midnight UTC, or since a rebase of today; None before results are known."""
    daily, baseline = agent.performance.daily, agent.control.baseline
    if baseline is None or baseline.day_ends != daily.ends or baseline.day_opening is None or daily.total is None:
        return daily.loss()
    return max(0.0, baseline.day_opening - daily.total)


def day_start_equity(agent: AgentState) -> float | None:
    """Equity, USD, of which the day's loss is a share; None while unknown."""
    daily, baseline = agent.performance.daily, agent.control.baseline
    if baseline is None or baseline.day_ends != daily.ends:
        return daily.opening_equity
    return baseline.day_equity
