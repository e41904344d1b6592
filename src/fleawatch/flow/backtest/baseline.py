"""When the public guides' own rules would have fired on the same facts: the baseline that ours is measured against.

It stands in `flow` and not in `risk` or the sandbox: it reads facts and judges them, deterministically and without a
clock, which is this room's work, and the sandbox may not know facts. It shares nothing with `flow.evaluate`, so that
the two cannot be wrong together; only the rules' words are in `catalog.baseline`.

The path that is modelled is the guides' own: sample, evaluate, wait (`for`), group, tell. Where a guide is silent the
choice is in its favour (rules every 15 s, no network, no restart of the monitoring itself, every scrape succeeds).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from fleawatch.catalog.baseline import GUIDE_RULES, REMIND_S, SPAN_WINDOW, Guide, GuideRule
from fleawatch.events import Event
from fleawatch.flow.backtest.exported import Exported, exported
from fleawatch.flow.backtest.readers import Readers

_OF_FLEET: Final = frozenset({"fleet_error_share", "fleet_latency", "trade_span"})
_OF_SPANS: Final = frozenset({"slow_span", "span_errors"})
_NOBODY: Final[Mapping[str, float]] = MappingProxyType({})


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of a guide began to fire.

    Attributes:
        alert: the rule's name in its guide.
        agent_id: whom it is about; empty for the fleet.
        since: when its condition first held in this run; `at` when it began to fire, unix seconds.
        told_at: when somebody is told: later by the wait for a group, where the guide has one.
        halts: whether the guide routes it to a halt.
        value: what was compared.
    """

    alert: str
    agent_id: str
    since: float
    at: float
    severity: Literal["critical", "warning", "info"]
    guide: Guide
    told_at: float
    halts: bool = False
    value: float | None = None


def baseline_firings(
    facts: Iterable[Event], *, dead: Mapping[str, float] = _NOBODY, rules: tuple[GuideRule, ...] = GUIDE_RULES
) -> list[Firing]:
    """Every time that a rule of the guides begins to fire, in the order of time.

    Args:
        facts: a history, in any order; it begins and ends with the first and last `seen_at`.
        dead: when an agent's process died, unix seconds: what it exports is absent from then on, until its next own word.
        rules: those to run.
    """
    history = exported(facts, dead)
    if not history.agents:
        return []
    readers = Readers(history)
    found: list[Firing] = []
    for rule in rules:
        if rule.signal in _OF_SPANS:
            for one in history.agents.values():
                found += _by_span(rule, one, history.begin, history.end)
            continue
        subjects: list[Exported | None] = [None] if rule.signal in _OF_FLEET else list(history.agents.values())
        for subject in subjects:
            found += _by_time(rule, subject, readers, history.begin, history.end)
    return sorted(found, key=lambda one: (one.at, one.guide, one.alert, one.agent_id))


def _by_time(
    rule: GuideRule, subject: Exported | None, readers: Readers, begin: float, end: float
) -> Iterator[Firing]:  # fmt: skip
    """Evaluate a rule at its interval, on a grid of unix time."""
    since: float | None = None
    fires = False
    at = math.ceil(begin / rule.every_s) * rule.every_s
    while at <= end:
        value = readers.of_fleet(rule, at) if subject is None else readers.of_agent(rule, subject, at)
        breached = value is not None and (value < rule.threshold if rule.below else value > rule.threshold)
        if not breached:
            since, fires = None, False
        elif since is None:
            since = at
        if since is not None and not fires and at - since >= rule.hold_s:
            fires = True
            yield _firing(rule, "" if subject is None else subject.agent_id, since, at, value)
        at += rule.every_s


def _by_span(rule: GuideRule, one: Exported, begin: float, end: float) -> Iterator[Firing]:
    """Judge every span as it ends, inside the process; what it remembers ends with the process."""
    last: dict[str, float] = {}
    recent: dict[str, deque[bool]] = {}
    born = 0.0
    for span in one.spans:
        if one.born(span.at) != born:
            born = one.born(span.at)
            recent.clear()
        window = recent.setdefault(span.name, deque(maxlen=SPAN_WINDOW))
        window.append(span.failed)
        ratio = sum(window) / len(window)
        told = span.slow if rule.signal == "slow_span" else ratio > rule.threshold
        if not told or not begin <= span.at <= end:
            continue
        if span.at - last.get(span.name, -math.inf) > REMIND_S:
            yield _firing(rule, one.agent_id, span.at, span.at, 1.0 if rule.signal == "slow_span" else ratio)
        last[span.name] = span.at


def _firing(rule: GuideRule, agent_id: str, since: float, at: float, value: float | None) -> Firing:
    return Firing(
        alert=rule.name,
        agent_id=agent_id,
        since=since,
        at=at,
        severity=rule.severity,
        guide=rule.guide,
        told_at=at + rule.group_wait_s,
        halts=rule.halts,
        value=value,
    )
