"""Rules to try on a history: the configuration's own sections about them, alone or in a whole configuration.

What is not about rules (addresses, keys, places) is not looked at, so that the file a service runs with can be tried as
it is. Without `notify` or `actuate` the history's own routing and terms of halting stay in force.
"""

from __future__ import annotations

from typing import Any

from msgspec import structs
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleawatch.events import RulesDeclared
from fleawatch.flow.backtest.replay import Substitute
from fleawatch.flow.rules import routing_text
from fleawatch.service.config import Agent, Config
from fleawatch.service.config_actuate import Actuate, halting_of
from fleawatch.service.config_notify import Notify
from fleawatch.service.config_rules import Alerts, LimitValues, Strategy, declared
from fleawatch.service.routing import routing_of


def _about_rules(whole: type[BaseModel], kept: type[BaseModel], document: Any) -> Any:
    """A section without the keys that the configuration knows and that say nothing about rules."""
    if not isinstance(document, dict):
        return document
    left_out = set(whole.model_fields) - set(kept.model_fields)
    return {key: value for key, value in document.items() if key not in left_out}


class AgentRules(BaseModel):
    """What is particular to one agent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(description="Name of the agent.")
    limits: LimitValues = Field(default_factory=dict, description="Limits for this agent alone.")

    @model_validator(mode="before")
    @classmethod
    def _of_a_configuration(cls, document: Any) -> Any:
        return _about_rules(Agent, cls, document)


class RulesFile(BaseModel):
    """The rules in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alerts: Alerts = Field(default_factory=Alerts, description="Which alerts are judged.")
    limits: LimitValues = Field(default_factory=dict, description="Limits for the whole fleet, by name.")
    strategies: dict[str, Strategy] = Field(default_factory=dict, description="What is particular to a strategy.")
    notify: Notify | None = Field(None, description="Who is told of alerts, and how; None: as recorded.")
    actuate: Actuate | None = Field(None, description="How agents are stopped; None: as recorded.")
    agents: tuple[AgentRules, ...] = Field((), description="The fleet.")

    @model_validator(mode="before")
    @classmethod
    def _of_a_configuration(cls, document: Any) -> Any:
        return _about_rules(Config, cls, document)


def substitute(rules: RulesFile) -> Substitute:
    """These rules, in place of any that a history declares."""
    made = declared(
        rules.alerts,
        rules.limits,
        rules.strategies,
        {agent.id: agent.limits for agent in rules.agents},
        routing="" if rules.notify is None else routing_text(routing_of(rules.notify)),
        fact_id="backtest:rules_declared",
        at=0.0,
    )

    def instead(recorded: RulesDeclared | None) -> RulesDeclared:
        chosen = made
        if rules.notify is None and recorded is not None:
            chosen = structs.replace(chosen, routing=recorded.routing)
        if rules.actuate is not None:
            return structs.replace(chosen, halting=halting_of(rules.actuate))
        return chosen if recorded is None else structs.replace(chosen, halting=recorded.halting)

    return instead
