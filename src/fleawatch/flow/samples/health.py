"""The agent's process as its health page and its own reports tell it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from fleawatch.catalog import agent as words
from fleawatch.catalog import orders
from fleawatch.flow.liveness import alive, useful_at
from fleawatch.flow.samples.shape import Keyed, Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import environment_word, strategy_word, version_word
from fleawatch.flow.tally import Labels

_PROBE = "probe"


def info(view: AgentView) -> Mapping[Labels, Value]:
    """Always 1 for an agent that is watched."""
    profile = view.agent.profile
    return _one(profile.strategy, profile.environment, profile.version)


@lru_cache(4_096)
def _one(strategy: str, environment: str, version: str) -> Mapping[Labels, Value]:
    return {(strategy_word(strategy), environment_word(environment), version_word(version)): 1}


def up(view: AgentView) -> tuple[Value]:
    """1 when it answers as a living agent, 0 when it does not or has fallen silent; None when nothing tells lately."""
    lives = alive(view.agent, view.at)
    return (None if lives is None else int(lives),)


def checks(view: AgentView) -> Mapping[Labels, Value]:
    """1 for each check that passed."""
    if not view.shows(_PROBE):
        return {}
    basis = list(view.agent.health.checks.items())
    found = view.memory.recall("checks", basis)
    return view.memory.keep("checks", basis, {(name,): int(ok) for name, ok in basis}) if found is None else found


def last_action(view: AgentView) -> tuple[Value]:
    """Unix time of the newest useful thing anybody knows of, however old; before it, when the agent was first heard."""
    return (useful_at(view.agent),)


def clock_offset(view: AgentView) -> tuple[Value]:
    """Seconds; positive when the agent's clock is ahead of ours."""
    return (view.agent.health.clock_offset_s,)


def memory(view: AgentView) -> tuple[Value]:
    """Share of the memory the agent may use."""
    return (view.agent.health.memory_ratio if view.shows(_PROBE) else None,)


def cpu(view: AgentView) -> tuple[Value]:
    """Share of the processor time the agent may use."""
    return (view.agent.health.cpu_ratio if view.shows(_PROBE) else None,)


def market_data_age(view: AgentView) -> tuple[Value]:
    """Seconds since the newest price; None before the first. Never negative: a price from the future is as good as new."""
    newest = view.agent.health.market_at
    return (None if newest is None else max(0.0, view.at - newest),)


def span_errors(view: AgentView) -> Mapping[Labels, Value]:
    """Share of the latest spans of a name that failed."""
    return {(name,): share for name, share in view.agent.span_errors.items()}


READERS = (
    Keyed(words.INFO, info),
    fixed(words.UP, read=up),
    Keyed(words.CHECKS, checks),
    fixed(words.LAST_ACTION, read=last_action),
    fixed(words.CLOCK_OFFSET, read=clock_offset),
    fixed(words.MEMORY, read=memory),
    fixed(words.CPU, read=cpu),
    fixed(orders.MARKET_DATA_AGE, read=market_data_age),
    Keyed(words.SPAN_ERRORS, span_errors),
)
