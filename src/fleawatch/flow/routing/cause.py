"""What alerts have in common: the key by which those of many agents become one page.

Labels that name something outside the agents (an endpoint, a collector, a market ...) are a cause: alerts of one name
that share them are one page for as long as it lives. Without such a label a cause can only be guessed from time: alerts
of one name that come in one storm are one page. The agent is no part of the key, and neither is its strategy, which
every alert of an agent carries: where all members share one, the title says so. Who is not in a storm gets a page of
its own, so that nobody's acknowledged incident hides another agent's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CAUSES: Final = ("endpoint", "collector", "channel", "check", "component", "market", "model_version", "span_name")


def cause_of(alert: str, labels: Mapping[str, str]) -> str:
    """The key: the alert's name and the labels of its outside cause, sorted. Fleet alerts count all their labels."""
    return "|".join([alert, *(f"{name}={value}" for name, value in outside(labels))])


def outside(labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Labels with their values that name a cause outside the agents; for an alert of the fleet all but the common ones."""
    if labels.get("agent_id"):
        return [(name, labels[name]) for name in CAUSES if labels.get(name)]
    return sorted((name, value) for name, value in labels.items() if name not in _COMMON)


def lasts(labels: Mapping[str, str]) -> bool:
    """Whether others may join as long as the page lives: its cause is named, or it is the fleet's own."""
    return not labels.get("agent_id") or bool(outside(labels))


_COMMON: Final = frozenset({"alertname", "pf_family", "pf_scope", "agent_id", "strategy"})
