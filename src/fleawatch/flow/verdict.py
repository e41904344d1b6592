"""What an alert says of an agent, or of the fleet, at one moment. Unknown is an answer."""

from __future__ import annotations

from typing import Literal, NamedTuple

from fleawatch.catalog.spec import Severity

Answer = Literal["breached", "clear", "unknown"]
Pairs = tuple[tuple[str, str], ...]
"""Label names with their values, sorted by name."""


class Verdict(NamedTuple):
    """One alert about one series.

    Attributes:
        agent_id: whom it is about; empty for the fleet.
        labels: of the series, without the agent's id.
        reason: bounded name of why: `above`, `below`, `equal`, `absent`, `event`, `too_few`, `stale`, `no_data`, ...
        value: what was compared, None without a number.
        holds: for a firing alert, whether it stays: true between the clearing level and the threshold.
        severity: the alert's own, or that of its escalation.
    """

    alert: str
    agent_id: str
    labels: Pairs
    answer: Answer
    reason: str
    value: float | None
    holds: bool
    severity: Severity
