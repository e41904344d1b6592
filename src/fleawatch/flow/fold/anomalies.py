"""Returns and results that stand out: judged as they close, and a falling hour before it is over."""

from __future__ import annotations

from typing import Final, Literal

from fleawatch.catalog import limits
from fleawatch.flow.fold.limits import limit_of
from fleawatch.flow.state import AgentState, FleetState, Happening
from fleawatch.risk.anomaly import ReturnWatch

Direction = Literal["loss", "gain", "none"]

LEAST_EQUITY: Final = 1.0
"""USD: of less equity a result is not a share."""


def share_of(equity: float | None, net: float) -> float | None:
    """A result as a share of the equity before it, with its sign. None while that is unknown."""
    return None if equity is None else net / max(equity, LEAST_EQUITY)


def judge_result(fleet: FleetState, agent: AgentState, at: float, net: float, share: float) -> None:
    """One result that cost more of the equity than a single one should is an anomaly by itself."""
    largest = limit_of(fleet, agent, limits.ANOMALY_TRADE)
    if largest is not None and -share > largest:
        _tell(fleet, agent, at, "absolute_loss", "loss", {"return": share}, amount=net)


def judge_returns(fleet: FleetState, agent: AgentState, at: float) -> None:
    """Judge the returns that have closed since the last Tick, and the one that has not.

    A return that stood out before it closed is not counted again when it does. Gains are judged when they have closed.
    """
    watch, performance = agent.returns, agent.performance
    grid = performance.grid
    if watch.number != grid.number and grid.points:
        judged, refused = watch.close(grid)
        for step in refused:
            agent.tallies.add("pf_returns_rejected_total", (step.refused or "",))
        for one in judged:
            if one.zscore is not None and one.number != watch.counted:
                _judge(fleet, agent, at, one.value, one.zscore, closed=True)
        _judge_shift(fleet, agent, at, "variance")
        _judge_shift(fleet, agent, at, "mean")
    nav = performance.nav.value
    if nav is None or watch.counted == grid.number:
        return
    value, worst = watch.running(grid, nav), limit_of(fleet, agent, limits.ANOMALY_RETURN)
    if value is None or worst is None or value >= worst:
        return
    score = watch.score_running(grid, value)
    if score is not None and _judge(fleet, agent, at, value, score, closed=False):
        watch.counted = grid.number


def _judge(fleet: FleetState, agent: AgentState, at: float, value: float, score: float, *, closed: bool) -> bool:
    """Count a return that is far outside and large; whether it was. A gain is one as far on the other side."""
    farthest, largest = limit_of(fleet, agent, limits.ANOMALY_Z), limit_of(fleet, agent, limits.ANOMALY_RETURN)
    if farthest is None or largest is None:
        return False
    direction: Direction
    if score < farthest and value < largest:
        direction = "loss"
    elif closed and score > -farthest and value > -largest:
        direction = "gain"
    else:
        return False
    _tell(fleet, agent, at, "robust_z", direction, {"return": value, "z_score": score})
    return True


_SHIFTS: Final = {
    "variance": (limits.REGIME_VARIANCE, limits.REGIME_VARIANCE_CLEAR),
    "mean": (limits.REGIME_MEAN, limits.REGIME_MEAN_CLEAR),
}


def _judge_shift(fleet: FleetState, agent: AgentState, at: float, kind: Literal["variance", "mean"]) -> None:
    """Count a change of regime once, when its score passes the limit; again only after it has fallen to the clearing level."""
    watch = agent.returns
    score = _score(watch, kind)
    limit, clear = _SHIFTS[kind]
    if score is None:
        return
    if kind in watch.shifted:
        level = limit_of(fleet, agent, clear)
        # Without a level of its own it is over when the limit itself is no longer passed.
        level = limit_of(fleet, agent, limit) if level is None else level
        if level is None or abs(score) < level:
            watch.shifted.remove(kind)
        return
    farthest = limit_of(fleet, agent, limit)
    if farthest is not None and abs(score) > farthest:
        watch.shifted.append(kind)
        direction: Direction = "none" if kind == "variance" else "loss" if score < 0 else "gain"
        _tell(fleet, agent, at, f"{kind}_shift", direction, {"score": score})


def _score(watch: ReturnWatch, kind: Literal["variance", "mean"]) -> float | None:
    return watch.variance_score if kind == "variance" else watch.mean_score


def _tell(
    fleet: FleetState,
    agent: AgentState,
    at: float,
    detector: str,
    direction: Direction,
    fields: dict[str, str | float],
    *,
    amount: float = 0.0,
) -> None:
    watch = agent.returns
    agent.tallies.add("pf_anomalies_total", (detector, direction))
    if watch.center is not None and watch.deviation is not None:
        fields |= {"baseline_mean": watch.center, "baseline_std": watch.deviation}
    fields |= {"detector": detector, "direction": direction}
    fleet.happened.append(
        Happening(what="anomaly", agent_id=agent.agent_id, at=at, amount=amount, subject=detector, fields=fields)
    )
