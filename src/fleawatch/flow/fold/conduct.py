"""What an agent does apart from its money: health, heartbeat, calls, signals, decisions, spans."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from fleawatch.catalog import limits
from fleawatch.catalog.declare import COMPUTE, LATENCY
from fleawatch.catalog.labels import (
    CHECK,
    COMPONENT,
    CYCLE_RESULT,
    ENDPOINT,
    METHOD,
    MODEL_VERSION,
    SIGNAL_ACTION,
    SIGNAL_RESULT,
    SPAN_NAME,
    STATUS_API,
    STATUS_CODE,
    STRATEGY,
)
from fleawatch.events import (
    AgentError,
    ApiCall,
    ClockRead,
    DecisionCycle,
    Event,
    HealthRead,
    Heartbeat,
    SignalComputed,
    SlowSpan,
    SpanErrors,
    StrategySwitched,
)
from fleawatch.flow.fold.limits import limit_of
from fleawatch.flow.fold.orders import signal_reported
from fleawatch.flow.fold.profile import follow
from fleawatch.flow.state import AgentState, FleetState, Happening
from fleawatch.flow.words import word

_FAILED_FROM: Final = 400


def health(fleet: FleetState, agent: AgentState, event: HealthRead, _: float) -> None:
    """An agent's own health page: its word on checks and activity; its word on money is kept for comparison only.

    Where nobody is to ask for the page, the agent sends it, and that is a sign of life like any other.
    """
    known = agent.health
    if event.up:
        known.page_failed_at = None
    elif known.page_failed_at is None:
        known.page_failed_at = event.seen_at
    known.up = event.up
    sent = "probe" not in agent.profile.collectors and "probe" not in agent.sources
    if event.up:
        _heard(fleet, agent, event.seen_at, promised=sent)
    elif sent:
        known.alive_until = -math.inf
    if not event.up:
        known.checks = {}
        return
    known.checks = {word(agent, CHECK, check.name): check.ok for check in event.checks}
    _acted(agent, event.last_action_at, event.seen_at)
    known.memory_ratio, known.cpu_ratio = event.memory_ratio, event.cpu_ratio
    known.balance_usd = None if event.balance_usd is None else float(event.balance_usd)
    known.pnl_24h_usd, known.open_positions = event.pnl_24h_usd, event.open_positions


def heartbeat(fleet: FleetState, agent: AgentState, event: Heartbeat, _: float) -> None:
    """The process lives, and promises to go on saying so."""
    _heard(fleet, agent, event.seen_at, promised=True)
    _acted(agent, event.last_action_at, event.seen_at)


def api_call(_: FleetState, agent: AgentState, event: ApiCall, __: float) -> None:
    """An attempt to call the platform: counted, and counted again as an error when it failed or had no answer."""
    endpoint, code = word(agent, ENDPOINT, event.endpoint), word(agent, STATUS_CODE, event.status_code)
    answered = code.isdigit()
    failed = not answered or int(code) >= _FAILED_FROM
    method = word(agent, METHOD, event.method)
    agent.tallies.add("pf_api_requests_total", (endpoint, method, code, "error" if failed else "ok"))
    if failed:
        agent.tallies.add("pf_api_errors_total", (endpoint, code))
    if event.duration_s is None:
        return
    status = f"{code[0]}xx" if answered else word(agent, STATUS_API, code)
    agent.tallies.observe("pf_api_request_duration_seconds", (endpoint, method, status), LATENCY, event.duration_s)


def signal(fleet: FleetState, agent: AgentState, event: SignalComputed, _: float) -> None:
    """A strategy computed a signal."""
    _heard(fleet, agent, event.seen_at)
    _acted(agent, event.at, event.seen_at)
    strategy = word(agent, STRATEGY, event.strategy)
    agent.tallies.add(
        "pf_signals_total",
        (strategy, word(agent, SIGNAL_ACTION, event.action), word(agent, SIGNAL_RESULT, event.result)),
    )
    agent.tallies.observe(
        "pf_signal_compute_duration_seconds",
        (strategy, word(agent, MODEL_VERSION, event.model_version)),
        COMPUTE,
        event.duration_s,
    )
    signal_reported(agent, event)


def cycle(fleet: FleetState, agent: AgentState, event: DecisionCycle, _: float) -> None:
    """A decision cycle ended."""
    _heard(fleet, agent, event.seen_at)
    labels = (word(agent, CYCLE_RESULT, event.result),)
    agent.tallies.observe("pf_decision_cycle_duration_seconds", labels, LATENCY, event.duration_s)
    _acted(agent, event.at, event.seen_at)


def error(_: FleetState, agent: AgentState, event: AgentError, __: float) -> None:
    """A component of the agent failed."""
    agent.tallies.add("pf_agent_errors_total", (word(agent, COMPONENT, event.component),))


def switched(fleet: FleetState, agent: AgentState, event: StrategySwitched, _: float) -> None:
    """The agent changed its strategy; what it does from now on belongs to the new one."""
    follow(agent, event.after, min(event.at, event.seen_at))
    fleet.happened.append(
        Happening(
            what="strategy_switch",
            agent_id=agent.agent_id,
            at=event.at,
            subject=event.after,
            reason=event.reason,
            fields={"before": word(agent, STRATEGY, event.before), "after": word(agent, STRATEGY, event.after)},
        )
    )


def slow_span(fleet: FleetState, agent: AgentState, event: SlowSpan, at: float) -> None:
    """A span was slower than its threshold."""
    name = word(agent, SPAN_NAME, event.span_name)
    agent.tallies.add("pf_slow_spans_total", (name,), event.spans)
    fields: dict[str, str | float] = {
        "span_name": name,
        "duration_ms": event.duration_s * 1000,
        "threshold_ms": event.threshold_s * 1000,
    }
    if event.threshold_s > 0:
        fields["overage_pct"] = 100 * (event.duration_s / event.threshold_s - 1)
    if event.trace_id is not None:
        fields["trace_id"] = event.trace_id
    fleet.happened.append(
        Happening(
            what="slow_span",
            agent_id=agent.agent_id,
            at=at,
            subject=name,
            duration_s=event.duration_s,
            fields=fields,
        )
    )


def span_errors(_: FleetState, agent: AgentState, event: SpanErrors, __: float) -> None:
    """The error ratio of the last spans of one name."""
    if event.samples:
        agent.span_errors[word(agent, SPAN_NAME, event.span_name)] = event.errors / event.samples


def clock(_: FleetState, agent: AgentState, event: ClockRead, __: float) -> None:
    """The agent's clock against ours."""
    agent.health.clock_offset_s = event.offset_s


def _heard(fleet: FleetState, agent: AgentState, seen_at: float, *, promised: bool = False) -> None:
    """The agent gave a sign of life by itself. Once it has promised more of them, each holds for `silence` seconds.

    When it arrived is what counts: an agent whose clock is wrong lives all the same.
    """
    known = agent.health
    known.heard_at = max(known.heard_at or 0.0, seen_at)
    if known.first_heard_at is None:
        known.first_heard_at = seen_at
    if promised or known.alive_until is not None:
        silence = limit_of(fleet, agent, limits.SILENCE)
        known.alive_until = math.inf if silence is None else known.heard_at + silence


def _acted(agent: AgentState, at: float | None, seen_at: float) -> None:
    """The agent last did something at `at`; what a clock that runs ahead puts into the future counts as of now."""
    if at is not None:
        agent.health.last_action_at = max(agent.health.last_action_at or 0.0, min(at, seen_at))


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    HealthRead: health,
    Heartbeat: heartbeat,
    ApiCall: api_call,
    SignalComputed: signal,
    DecisionCycle: cycle,
    AgentError: error,
    StrategySwitched: switched,
    SlowSpan: slow_span,
    SpanErrors: span_errors,
    ClockRead: clock,
}
