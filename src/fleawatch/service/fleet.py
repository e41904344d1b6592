"""A configuration as facts: that it changed, what is in force, who is declared anew, who is no longer watched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from fleawatch.events import AgentDeclared, AgentRetired, ConfigChanged, Event, RulesDeclared, fact_id
from fleawatch.flow.rules import routing_text
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.ports import Store
from fleawatch.service.config import Agent, Config
from fleawatch.service.config_actuate import halting_of
from fleawatch.service.config_rules import declared
from fleawatch.service.routing import routing_of
from fleawatch.service.settings import changed, digests

SOURCE: Final = "config"


def declarations(config: Config, collectors: Mapping[str, Sequence[str]], state: FleetState, now: float) -> list[Event]:
    """Facts that bring the state's fleet to the configured one. Empty when it is there already.

    Args:
        config: the configuration in force.
        collectors: names of the sources that read each agent.
        state: what is known now.
        now: when the facts are said to have happened.
    """
    events: list[Event] = []
    for agent in config.agents:
        fact = _declared(agent, tuple(collectors.get(agent.id, ())), now)
        known = state.agents.get(agent.id)
        if known is None or _properties(fact) != _known_properties(known):
            events.append(fact)
    configured = {agent.id for agent in config.agents}
    gone = [name for name, known in state.agents.items() if name not in configured and known.profile.declared_at]
    events += (
        AgentRetired(
            fact_id=fact_id("config", "agent_retired", f"{name}:{now:.3f}"),
            agent_id=name,
            at=now,
            seen_at=now,
            source=SOURCE,
        )
        for name in gone
    )
    rules = declared(
        config.alerts,
        config.limits,
        config.strategies,
        {agent.id: agent.limits for agent in config.agents},
        routing=routing_text(routing_of(config.notify)),
        fact_id=fact_id("config", "rules_declared", f"{now:.3f}"),
        at=now,
    )
    rules = msgspec.structs.replace(rules, halting=halting_of(config.actuate))
    if state.rules is None or _terms(rules) != _terms(state.rules):
        events.append(rules)
    return events


def _terms(rules: RulesDeclared) -> tuple[object, ...]:
    return (rules.alerts, rules.limits, rules.routing, rules.halting)


def config_facts(config: Config, store: Store, now: float) -> list[Event]:
    """The fact that another configuration is in force than the one the store knows of; empty when it is the same.

    The digest is SHA-256 over the whole configuration, in which secrets are only named. What changed is told by name, from the
    digests that the fact before kept of each setting.
    """
    digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()
    newest = store.facts(kinds=["config_changed"], newest_first=True, limit=1)
    before = newest[0].event if newest else None
    known = before.settings if isinstance(before, ConfigChanged) else {}
    if isinstance(before, ConfigChanged) and before.digest == digest:
        return []
    settings = digests(config)
    return [
        ConfigChanged(
            fact_id=fact_id("config", "config_changed", f"{digest[:16]}:{now:.3f}"),
            agent_id="",
            at=now,
            seen_at=now,
            source=SOURCE,
            actor=SOURCE,
            digest=digest,
            changed=changed(known, settings) if known else (),
            settings=settings,
        )
    ]


def _declared(agent: Agent, collectors: tuple[str, ...], now: float) -> AgentDeclared:
    return AgentDeclared(
        fact_id=fact_id("config", "agent_declared", f"{agent.id}:{now:.3f}"),
        agent_id=agent.id,
        at=now,
        seen_at=now,
        source=SOURCE,
        strategy=agent.strategy,
        environment=agent.environment,
        version=agent.version,
        capital_usd=agent.capital_usd,
        collectors=collectors,
        trades="trading" in agent.keys,
        recipients=agent.recipients,
    )


def _properties(fact: AgentDeclared) -> tuple[object, ...]:
    capital = None if fact.capital_usd is None else float(fact.capital_usd)
    return (
        fact.strategy, fact.environment, fact.version, fact.collectors, fact.trades, fact.recipients, capital,
    )  # fmt: skip


def _known_properties(known: AgentState) -> tuple[object, ...]:
    profile = known.profile
    capital = known.declared_capital
    return (
        profile.declared_strategy,
        profile.environment,
        profile.version,
        profile.collectors,
        profile.trades,
        profile.recipients,
        capital,
    )
