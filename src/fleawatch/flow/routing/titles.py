"""The one line by which people know a notification. Plain text: channels escape it."""

from __future__ import annotations

from collections.abc import Sequence

from fleawatch.flow.routing.cause import outside
from fleawatch.flow.routing.decide import highest
from fleawatch.flow.routing.run import Kind
from fleawatch.flow.routing.state import Firing

_LONGEST = 200


def title(kind: Kind, alerts: Sequence[Firing]) -> str:
    """What the title of a page says: severity or end, then the alert's own summary, or how many have what in common."""
    words = {"resolved": "RESOLVED", "escalation": "NOT ACKNOWLEDGED", "repeat": "STILL"}
    severity = highest(alerts).upper()
    opening = words["resolved"] if kind == "resolved" else " ".join([words.get(kind, ""), severity]).strip()
    return f"[{opening}] {alerts[0].summary if len(alerts) == 1 else _together(alerts)}"[:_LONGEST]


def agent_of(alerts: Sequence[Firing]) -> str:
    """The one agent that all of them are about; empty for several, or the fleet."""
    agents = {one.agent_id for one in alerts}
    return agents.pop() if len(agents) == 1 else ""


def _together(alerts: Sequence[Firing]) -> str:
    first, agents = alerts[0], {one.agent_id for one in alerts if one.agent_id}
    names = sorted({one.alert for one in alerts})
    shared = [f"{name} {value}" for name, value in outside(first.labels)]
    strategies = {one.labels.get("strategy", "") for one in alerts}
    if len(agents) > 1 and len(strategies) == 1 and "" not in strategies:
        shared.append(f"strategy {strategies.pop()}")
    who = f"{len(agents)} agents" if len(agents) > 1 else f"{len(alerts)} alerts of {agent_of(alerts) or 'the fleet'}"
    return f"{', '.join(names)}: {who}" + (f" ({', '.join(shared)})" if shared else "")
