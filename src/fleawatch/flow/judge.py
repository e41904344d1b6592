"""The judging stages of the belt, as far as this release has them: with no alert in force, none has anything to do.

They stand here so that the belt has its final shape: what calls `step` today will not change when they begin to work.
"""

from __future__ import annotations

from fleawatch.events import Event
from fleawatch.flow.outputs import AlertChange, Output
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import FleetState


def halt(_: FleetState, __: Event, ___: tuple[AlertChange, ...], ____: Policy) -> tuple[Output, ...]:
    """Which agents the changes stop."""
    return ()
