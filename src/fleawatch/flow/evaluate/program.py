"""A policy, compiled: each alert as a function, the past it needs, and which of them a kind of fact concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeVar

from fleawatch.catalog import query as q
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.limits import LIMITS
from fleawatch.catalog.spec import Alert, Severity
from fleawatch.catalog.tree import Node, relax, walk
from fleawatch.flow.evaluate.conditions import Asked, Conditions, Quick
from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.evaluate.leaves import tally_of
from fleawatch.flow.evaluate.shapes import Scalar
from fleawatch.flow.evaluate.touched import TOUCHED, VALUED
from fleawatch.flow.evaluate.values import Compiler, metrics_in
from fleawatch.flow.evaluate.watches import Watch
from fleawatch.flow.policy import Policy
from fleawatch.flow.samples.view import Memory

_PARTIAL_SOURCES: Final = frozenset(
    {"the flow-adjusted index of the agent's equity", "hourly returns of the index", "equity, less flows"}
)

_GUARD_ACTIONS: Final = frozenset({"reduce", "halt", "freeze_payments"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled alert.

    Attributes:
        asked: what the condition says of each series.
        quick: whether it holds for any series, for conditions of single numbers; None where only `asked` can tell.
        stays: what its clearing level says; None when the alert stays only while the condition holds.
        counted: the number that must reach `at_least` (a limit) before there is a verdict; None for no minimum.
        graver: when its escalation holds.
        money: whether it judges equity, which may be known in part only.
        metrics: what it depends on.
        on_event: whether it waits for something that happens.
        guarded: whether it judges by the guard's baseline. Growth within minutes is growth whatever it is measured from.
        tallies: what it depends on, when that is nothing but tallies: an agent that has none of them breaches nothing.
    """

    alert: Alert
    asked: Asked
    quick: Quick | None
    stays: Asked | None
    counted: Callable[[Context], float | None] | None
    at_least: str
    graver: Asked | None
    graver_severity: Severity
    money: bool
    metrics: frozenset[str]
    on_event: bool
    guarded: bool
    tallies: frozenset[str]


_Asked = TypeVar("_Asked", Rule, Watch)


@dataclass(slots=True)
class Program:
    """Everything that a policy asks, ready to be asked.

    Attributes:
        agent_rules, fleet_rules: in the order of the policy.
        by_kind: rules about an agent that a kind of fact may change at once. One that must hold for a while is not among
            them: Ticks are soon enough for it.
        valued: those that can change only when the agent is valued.
        on_event: rules about an agent that wait for something that happens.
        watches, fleet_watches: what must be remembered.
        watches_by_kind: what of it a kind of fact may change; `valued_watches` what can change only when the agent is
            valued.
    """

    policy: Policy
    agent_rules: tuple[Rule, ...]
    fleet_rules: tuple[Rule, ...]
    by_kind: Mapping[str, tuple[Rule, ...]]
    valued: Mapping[str, tuple[Rule, ...]]
    fleet_by_kind: Mapping[str, tuple[Rule, ...]]
    on_event: tuple[Rule, ...]
    watches: tuple[Watch, ...]
    fleet_watches: tuple[Watch, ...]
    watches_by_kind: Mapping[str, tuple[Watch, ...]]
    valued_watches: tuple[Watch, ...]
    fleet_watches_by_kind: Mapping[str, tuple[Watch, ...]]
    memories: dict[str, Memory] = field(default_factory=dict)
    limits: dict[tuple[str, str], Mapping[str, float | None]] = field(default_factory=dict)

    def limits_of(self, agent_id: str, strategy: str) -> Mapping[str, float | None]:
        """Every limit in force for an agent, or for the fleet with an empty id."""
        found = self.limits.get((agent_id, strategy))
        if found is None:
            policy = self.policy
            found = {limit.name: policy.limit(limit.name, agent_id, strategy) for limit in LIMITS}
            self.limits[agent_id, strategy] = found
        return found

    def memory_of(self, agent_id: str) -> Memory:
        """Numbers of an agent's returns between looks; they follow the state and are no part of it."""
        found = self.memories.get(agent_id)
        if found is None:
            found = self.memories[agent_id] = Memory()
        return found


@lru_cache(maxsize=64)
def compiled(policy: Policy) -> Program:
    """The program of a policy; the same object each time.

    Raises:
        TypeError: an alert asks what cannot be judged inside the process.
    """
    agents = Compiler(fleet=False)
    fleet = Compiler(fleet=True, of_agents=agents.of_agents, of_fleet=agents.of_fleet, windows=agents.windows)
    # What is only drawn on boards has no verdict: the notice of the event is all there is.
    judged = [alert for alert in policy.alerts if alert.kind == "alert"]
    agent_rules = tuple(_rule(alert, agents) for alert in judged if alert.scope == "agent")
    fleet_rules = tuple(_rule(alert, fleet) for alert in judged if alert.scope == "fleet")
    at_once = [rule for rule in agent_rules if not rule.alert.hold_s]
    of_fleet = [rule for rule in fleet_rules if not rule.alert.hold_s and not any(map(_of_agent, rule.metrics))]
    watches, fleet_watches = tuple(agents.of_agents.values()), tuple(agents.of_fleet.values())
    return Program(
        policy=policy,
        agent_rules=agent_rules,
        fleet_rules=fleet_rules,
        by_kind=_by_kind([rule for rule in at_once if not rule.metrics <= VALUED]),
        valued=_by_kind([rule for rule in at_once if rule.metrics <= VALUED]),
        fleet_by_kind=_by_kind(of_fleet),
        on_event=tuple(rule for rule in agent_rules if rule.on_event),
        watches=watches,
        fleet_watches=fleet_watches,
        watches_by_kind=_by_kind([watch for watch in watches if not watch.metrics <= VALUED]),
        valued_watches=tuple(watch for watch in watches if watch.metrics <= VALUED),
        fleet_watches_by_kind=_by_kind(fleet_watches),
    )


def _by_kind(asked: Iterable[_Asked]) -> Mapping[str, tuple[_Asked, ...]]:
    every = tuple(asked)
    return {kind: tuple(one for one in every if one.metrics & names) for kind, names in TOUCHED.items()}


def _of_agent(metric: str) -> bool:
    return AGENT_ID in CATALOG.metrics[metric].labels if metric in CATALOG.metrics else False


def _rule(alert: Alert, values: Compiler) -> Rule:
    conditions = Conditions(values)
    asked = conditions.condition(alert.condition)
    stays = conditions.condition(relax(alert.condition, dict(alert.clear.levels))) if alert.clear.levels else None
    counted, at_least = None, ""
    if alert.minimum is not None:
        value = values.value(alert.minimum.of)
        if not isinstance(value, Scalar):
            raise TypeError(f"the minimum of {alert.name} is no single number; sum it first")
        counted, at_least = value.read, alert.minimum.at_least
    graver = alert.escalation
    nodes: list[Node] = [
        alert.condition,
        *([graver.when] if graver else ()),
        *([alert.minimum.of] if alert.minimum else ()),
    ]
    metrics = frozenset(name for node in nodes for name in metrics_in(node))
    return Rule(
        alert=alert,
        asked=asked,
        quick=conditions.quick(alert.condition),
        stays=stays,
        counted=counted,
        at_least=at_least,
        graver=conditions.condition(graver.when) if graver is not None else None,
        graver_severity=graver.severity if graver is not None else alert.severity,
        money=_judges_money(metrics_in(alert.condition)),
        metrics=metrics,
        on_event=any(isinstance(one, q.Event) for one in walk(alert.condition)),
        tallies=_only_tallies(alert),
        guarded=alert.action in _GUARD_ACTIONS
        and not any(isinstance(one, q.OverTime) for one in walk(alert.condition)),
    )


def _only_tallies(alert: Alert) -> frozenset[str]:
    """The tallies without which the condition cannot hold; empty when it depends on anything else."""
    nodes = list(walk(alert.condition))
    selected = [one for one in nodes if isinstance(one, q.Select)]
    if not selected or any(isinstance(one, (q.Event, q.Firing, q.Always, q.Absent, q.Fill)) for one in nodes):
        return frozenset()
    if any(one.metric not in CATALOG.metrics or not tally_of(one) for one in selected):
        return frozenset()
    return frozenset(one.metric for one in selected)


def _judges_money(metrics: set[str]) -> bool:
    return any(name in CATALOG.metrics and CATALOG.metrics[name].source in _PARTIAL_SOURCES for name in metrics)
