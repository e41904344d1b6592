"""What a fleet is judged by. The alerts of the catalog are data; a policy says which of them are in force.

This release watches and does not judge: a policy holds no alerts yet, and says so when it is given one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleawatch.catalog.spec import Alert


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an alert says of an agent at one moment, with a bounded reason."""

    alert: str
    agent_id: str
    answer: Literal["breached", "clear", "unknown"]
    reason: str


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force.

    Raises:
        ValueError: it holds an alert.
    """

    alerts: tuple[Alert, ...] = ()

    def __post_init__(self) -> None:
        if self.alerts:
            names = ", ".join(alert.name for alert in self.alerts)
            raise ValueError(f"alerts was {names}; this release evaluates no alerts in-process, leave it empty")
