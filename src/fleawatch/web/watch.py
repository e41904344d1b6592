"""What the web needs of a running service: no more, so that a test can stand one up from real parts."""

from __future__ import annotations

from typing import Protocol

from fleawatch.clock import Clock
from fleawatch.errors import Problem
from fleawatch.flow.state import FleetState
from fleawatch.service.config import Config
from fleawatch.service.control import Control
from fleawatch.service.monitor import Monitor


class Rendering(Protocol):
    """Writes the state for a scrape."""

    def render(self, state: FleetState, at: float, *, openmetrics: bool) -> bytes:
        """The whole exposition as of `at`; no I/O."""
        ...


class Watched(Protocol):
    """A running service.

    Attributes:
        monitor: owns the state and the store.
        clock: what time it is, for the age of numbers.
        exposition: what /metrics answers with.
        config: the configuration in force.
        started_at: when it started, by its clock.
        control: through which agents are stopped and let go; None where nothing can be changed.
    """

    @property
    def monitor(self) -> Monitor: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def exposition(self) -> Rendering: ...
    @property
    def config(self) -> Config: ...
    @property
    def started_at(self) -> float: ...
    @property
    def control(self) -> Control | None: ...

    def readiness(self) -> tuple[Problem, ...]:
        """Why it is not ready to be relied on; empty when it is."""
        ...

    def unhealthy(self) -> str:
        """Why the process should be restarted; empty when it should not."""
        ...
