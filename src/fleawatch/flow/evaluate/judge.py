"""Verdicts after each fact: of the agent it is about; of every agent and the fleet when time passes.

Only answers that can change something are given: a breach, and whatever is said of an alert that is pending or firing.
An agent whose equity is known in part may breach a limit on it, because known losses are losses; it cannot be cleared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fleawatch.catalog import escrow, gate
from fleawatch.events import Event, Tick
from fleawatch.flow.evaluate.conditions import Finding
from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.evaluate.program import Program, Rule, compiled
from fleawatch.flow.policy import Policy
from fleawatch.flow.samples.gate import unstopped
from fleawatch.flow.samples.view import Memory
from fleawatch.flow.state import AgentState, AlertInstance, FleetState
from fleawatch.flow.verdict import Verdict

_NO_ALERTS: Final[Mapping[str, Mapping[str, AlertInstance]]] = {}
_OPEN: Final = frozenset({"funded", "completed"})
_NONE: Final[Mapping[str, AlertInstance]] = {}


def evaluate(fleet: FleetState, event: Event, policy: Policy) -> tuple[Verdict, ...]:
    """Verdicts that the last folded fact gives reason to. Empty while the policy holds no alert."""
    if not policy.alerts:
        return ()
    program = compiled(policy)
    if isinstance(event, Tick):
        return tuple(_at_tick(fleet, event, program))
    kind = type(event).__struct_config__.tag
    found: list[Verdict] = []
    agent = fleet.agents.get(event.agent_id) if event.agent_id else None
    if agent is not None:
        found += _of_agent(fleet, agent, event, program, kind)  # type: ignore[arg-type]  # every kind has a text tag
    rules = program.fleet_by_kind.get(kind, ())  # type: ignore[arg-type]
    watches = program.fleet_watches_by_kind.get(kind, ())  # type: ignore[arg-type]
    if rules or watches:
        now = max(fleet.at, event.seen_at)
        context = _context(fleet, None, now, program)
        for watch in watches:
            watch.book(context, min(event.at, event.seen_at))
        found += _judged(rules, context, fleet.alerts.get("", _NO_ALERTS))
    return tuple(found)


def explain(fleet: FleetState, agent_id: str, now: float, policy: Policy) -> list[Verdict]:
    """What every rule says of an agent now, or of the fleet with an empty id, whether it matters or not.

    Raises:
        KeyError: there is no such agent.
    """
    program = compiled(policy)
    agent = fleet.agents[agent_id] if agent_id else None
    context = _context(fleet, agent, now, program)
    rules = program.fleet_rules if agent is None else program.agent_rules
    found: list[Verdict] = []
    for rule in rules:
        context.guarded = rule.guarded
        if rule.counted is not None and not _enough(rule, context):
            found.append(_verdict(rule, context, Finding((), None, rule.counted(context), "too_few")))
            continue
        findings = rule.asked(context)
        found += [_verdict(rule, context, one) for one in findings or [Finding((), None, None, "no_data")]]
    return found


def _at_tick(fleet: FleetState, event: Tick, program: Program) -> Iterator[Verdict]:
    for agent in fleet.agents.values():
        context = _context(fleet, agent, event.at, program)
        counters, spreads = agent.tallies.counters, agent.tallies.distributions
        begun = bool(agent.tracks.growth)
        for watch in program.watches:
            if not begun or not watch.tally or watch.tally in counters or watch.tally in spreads:
                watch.book(context, event.at)
        standing = fleet.alerts.get(agent.agent_id, _NO_ALERTS)
        rules = [
            rule
            for rule in program.agent_rules
            if not rule.tallies
            or not rule.tallies.isdisjoint(counters)
            or not rule.tallies.isdisjoint(spreads)
            or rule.alert.name in standing
        ]
        yield from _judged(rules, context, standing)
    context = _context(fleet, None, event.at, program)
    for watch in program.fleet_watches:
        watch.book(context, event.at)
    yield from _judged(program.fleet_rules, context, fleet.alerts.get("", _NO_ALERTS))


def _of_agent(fleet: FleetState, agent: AgentState, event: Event, program: Program, kind: str) -> Iterable[Verdict]:
    rules = program.by_kind.get(kind, ())
    watches = program.watches_by_kind.get(kind, ()) if agent.tracks.growth else program.watches
    valued = program.valued.get(kind, ())
    if valued and _valued_anew(agent):
        rules = (*valued, *rules)
        watches = (*program.valued_watches, *watches)
    if fleet.happened:
        rules = (*rules, *(rule for rule in program.on_event if not any(rule is one for one in rules)))
    if not rules and not watches:
        return ()
    at, seen_at = event.at, event.seen_at
    context = _context(fleet, agent, max(fleet.at, seen_at), program)
    happened = min(at, seen_at)
    for watch in watches:
        watch.book(context, happened)
    return _judged(rules, context, fleet.alerts.get(agent.agent_id, _NO_ALERTS))


def _valued_anew(agent: AgentState) -> bool:
    """Whether any number that valuing gives differs from when rules on it were last asked."""
    performance = agent.performance
    now = (performance.nav.value or 0.0, performance.daily.loss() or 0.0, agent.equity or 0.0, len(agent.unknown))
    if now == agent.tracks.valued:
        return False
    agent.tracks.valued = now
    return True


def _context(fleet: FleetState, agent: AgentState | None, now: float, program: Program) -> Context:
    if agent is None:
        return Context(fleet, None, now, program.limits_of("", ""), Memory())
    limits = program.limits_of(agent.agent_id, agent.profile.strategy)
    return Context(fleet, agent, now, limits, program.memory_of(agent.agent_id))


def _judged(
    rules: Iterable[Rule], context: Context, standing: Mapping[str, Mapping[str, AlertInstance]]
) -> list[Verdict]:
    found: list[Verdict] = []
    for rule in rules:
        context.guarded = rule.guarded
        held = standing.get(rule.alert.name, _NONE) if standing else _NONE
        enough = rule.counted is None or _enough(rule, context)
        if not held and (not enough or (rule.quick is not None and not rule.quick(context))):
            continue
        if not enough:
            found += [_verdict(rule, context, Finding(one.labels, None, one.value, "too_few")) for one in held.values()]
            continue
        findings = rule.asked(context)
        for one in findings:
            if one.holds:
                found.append(_verdict(rule, context, one))
        if held:
            found += _of_standing(rule, context, findings, held)
    return found


def _of_standing(
    rule: Rule, context: Context, findings: list[Finding], held: Mapping[str, AlertInstance]
) -> Iterator[Verdict]:
    """What is said of instances that are not breached now."""
    by_key = {one.key: one for one in findings}
    for instance in held.values():
        one = by_key.get(instance.labels)
        if one is None:
            gone = rule.on_event or _is_gone(rule, context)
            one = Finding(instance.labels, False if gone else None, None, "gone" if gone else "no_data")
        elif one.holds:
            continue
        elif one.holds is None and _is_gone(rule, context):
            one = Finding(one.key, False, one.value, "gone")
        yield _verdict(rule, context, one)


def _is_gone(rule: Rule, context: Context) -> bool:
    """Whether there is nothing to watch any more, as far as anybody knows: no open escrow, no lease, no halt that failed."""
    agent = context.agent
    if agent is None:
        return False
    if escrow.NEXT_EXPIRY.name in rule.metrics:
        return not any(held.status in _OPEN for held in agent.escrows.values())
    if gate.READY.name in rule.metrics:
        return agent.control.probe_ok is not False and not unstopped(agent)
    return gate.LEASE_EXPIRY.name in rule.metrics and agent.control.lease_until is None


def _verdict(rule: Rule, context: Context, one: Finding) -> Verdict:
    agent = context.agent
    answer = one.holds
    reason = one.reason
    if answer is False and rule.money and agent is not None and agent.unknown:
        answer, reason = None, "partial"
    severity = rule.alert.severity
    if answer and rule.graver is not None and any(graver.holds for graver in rule.graver(context)):
        severity = rule.graver_severity
    return Verdict(
        alert=rule.alert.name,
        agent_id=agent.agent_id if agent is not None else "",
        labels=one.key,
        answer="unknown" if answer is None else "breached" if answer else "clear",
        reason=reason,
        # A whole number that came back from a snapshot is a float, and a replay must hold the same value.
        value=None if one.value is None else float(one.value),
        holds=answer is False and _stays(rule, context, one),
        severity=severity,
    )


def _stays(rule: Rule, context: Context, one: Finding) -> bool:
    if rule.stays is None:
        return False
    return any(relaxed.holds for relaxed in rule.stays(context) if relaxed.key == one.key)


def _enough(rule: Rule, context: Context) -> bool:
    count = rule.counted(context) if rule.counted is not None else None
    return count is not None and count >= (context.limits[rule.at_least] or 0.0)
