"""Everything that is known about one agent, as one document for the API and for the page."""

from __future__ import annotations

from typing import Any

from fleawatch.flow.history import History
from fleawatch.flow.liveness import alive
from fleawatch.flow.state import AgentState, Control
from fleawatch.web import earnings, holdings
from fleawatch.web.number import Number, Standing
from fleawatch.web.row import equity_missing, row
from fleawatch.web.standing import RESULTS, SELF, Standings, in_words, trouble
from fleawatch.web.windows import basis, windows

Document = dict[str, Any]


def agent_document(agent: AgentState, at: float, max_age_s: float) -> Document:
    """Equity, performance, results, holdings and sources of an agent at `at`; see docs/how-to/api.md."""
    standings = Standings(agent, at, max_age_s)
    return {
        "at": at,
        "agent_id": agent.agent_id,
        "profile": {
            "strategy": agent.profile.strategy,
            "environment": agent.profile.environment,
            "version": agent.profile.version,
            "platform_ids": agent.profile.platform_ids,
            "collectors": agent.profile.collectors,
            "declared_at": agent.profile.declared_at or None,
        },
        "row": row(agent, at, max_age_s),
        "equity": _equity(standings),
        "flows": earnings.flows(standings),
        "performance": {
            "basis": basis(agent.performance, standings.money),
            "windows": windows(agent.performance, standings.money, standings.of(RESULTS)),
        },
        "pnl": {
            "by_class": earnings.by_class(standings),
            "by_strategy": earnings.attribution(standings, "strategy"),
            "by_game": earnings.games(standings),
            "by_market": earnings.markets(standings),
            "by_asset": earnings.attribution(standings, "asset"),
            "by_hour": earnings.attribution(standings, "hour"),
            "known_since": {f"{service}_at": since for service, since in sorted(agent.pnl_since.items())},
        },
        "fees": earnings.fees(standings),
        "positions": holdings.positions(standings),
        "escrows": holdings.escrows(standings),
        "balances": holdings.balances(standings),
        "conservation": holdings.residuals(standings),
        "sources": _sources(standings),
        "health": _health(standings),
        "control": _control(agent.control, standings.own()),
        "history": history_document(agent.history, standings.money),
    }


def history_document(history: History, standing: Standing) -> Document:
    """The curve for charts. Rows hold `as_of` in unix seconds, equity in USD, NAV, and drawdown 0..1."""
    return {
        "columns": ("as_of", "equity", "nav", "drawdown"),
        "source": standing.source,
        "freshness": standing.freshness,
        "reason": standing.reason,
        "rows": [(at, round(equity, 6), round(nav, 9), round(down, 9)) for at, equity, nav, down in history.points],
    }


def _equity(standings: Standings) -> Document:
    agent, money = standings.agent, standings.money
    missing = equity_missing(agent)
    return {
        "total": money.number(agent.equity, missing),
        "first": money.number(agent.first_equity, missing or "no equity yet"),
        "nav": money.ratio(agent.performance.nav.value, missing or "no equity above 0.01 yet"),
        "parts": {name: _part(standings, name, amount) for name, amount in sorted(_parts(agent).items())},
    }


def _parts(agent: AgentState) -> dict[str, float | None]:
    return {**dict.fromkeys(agent.by_design), **dict.fromkeys(_awaited(agent)), **agent.parts}


def _awaited(agent: AgentState) -> list[str]:
    """Parts that are still to be read for the first time."""
    return [
        name
        for name in agent.unknown
        if name != "gateway" and ((status := agent.sources.get(name)) is None or status.read_at is None)
    ]


def _part(standings: Standings, name: str, amount: float | None) -> Number:
    agent = standings.agent
    if name in agent.by_design:
        return Number(None, None, name, "unknown", agent.by_design[name])
    standing = (
        standings.of(frozenset({"casino", "gateway"})) if name == "referral" else holdings.standing_of(standings, name)
    )
    if name == "trading" and agent.unknown.get("trading") == "unmarked" and standing.freshness == "fresh":
        standing = Standing(standing.source, standing.as_of, "stale", in_words("unmarked"))
    return standing.number(amount)


def _sources(standings: Standings) -> list[Document]:
    found = []
    for name in standings.agent.profile.collectors:
        status = standings.agent.sources.get(name)
        standing = standings.collector(name)
        age = None if standing.as_of is None else round(max(0.0, standings.at - standing.as_of), 3)
        counted = Standing(name, standings.at, "fresh")
        found.append(
            {
                "collector": name,
                "freshness": standing.freshness,
                "reason": standing.reason,
                "read_at": standing.as_of,
                "tried_at": status.tried_at if status else None,
                "failing_since_at": status.failing_since if status else None,
                "failing": bool(status and trouble(status, standings.at)),
                "age": standing.number(age, "never read"),
                "duration": counted.number(status.duration_s if status else None, "never tried"),
                "reads": counted.number(status.reads if status else 0),
                "failures": counted.number(status.failures if status else 0),
            }
        )
    return found


def _health(standings: Standings) -> Document:
    health, probe = standings.agent.health, standings.of(frozenset({"probe"}))
    return {
        "up": alive(standings.agent, standings.at),
        "heard_at": health.heard_at,
        "checks": health.checks,
        "last_action_at": health.last_action_at,
        "last_fact_at": standings.agent.last_fact_at or None,
        "memory_ratio": probe.ratio(health.memory_ratio, "not reported"),
        "cpu_ratio": probe.ratio(health.cpu_ratio, "not reported"),
        "clock_offset": Standing(SELF, probe.as_of, probe.freshness, probe.reason).number(
            health.clock_offset_s, "not compared"
        ),
    }


def _control(control: Control, own: Standing) -> Document:
    limits = control.limits
    halt = control.halt
    return {
        "gate": control.gate,
        "gate_reason": control.gate_reason or ("nobody said" if control.gate is None else None),
        "lease_until_at": control.lease_until,
        "epoch": own.number(control.epoch, "nobody said"),
        "limits": None if limits is None else {name: own.number(value) for name, value in limits.items()},
        "halt": None
        if halt is None
        else {
            "halt_id": halt.halt_id,
            "mode": halt.mode,
            "reason": halt.reason,
            "actor": halt.actor,
            "ordered_at": halt.ordered_at,
            "steps": {f"{name}_at": at for name, at in halt.steps.items()},
        },
    }
