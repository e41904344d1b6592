"""The judging stages of the belt, as far as this release has them: with no alert in force, none has anything to do.

They stand here so that the belt has its final shape: what calls `step` today will not change when they begin to work.
"""

from __future__ import annotations

from fleawatch.catalog.spec import Alert
from fleawatch.events import Event
from fleawatch.flow.outputs import Output
from fleawatch.flow.policy import Verdict
from fleawatch.flow.state import FleetState

_NOTHING: tuple[Output, ...] = ()


def evaluate(_: FleetState, __: Event, alerts: tuple[Alert, ...]) -> tuple[Verdict, ...]:
    """Verdicts of the alerts in force; `Policy` sees to it that there are none."""
    return tuple(Verdict(alert.name, "", "unknown", "not_evaluated") for alert in alerts)


def advance(state: FleetState, _: tuple[Verdict, ...], __: float) -> tuple[FleetState, tuple[Output, ...]]:
    """Alert states that changed."""
    return state, _NOTHING


def route(state: FleetState, changes: tuple[Output, ...]) -> tuple[FleetState, tuple[Output, ...]]:
    """Who hears of the changes."""
    return state, changes


def halt(_: FleetState, changes: tuple[Output, ...]) -> tuple[Output, ...]:
    """Which agents the changes stop."""
    return changes
