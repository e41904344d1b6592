"""What the belt asks the world to do. Outputs are frozen, carry an idempotency key, and are acted on once.

The shell commits them in the same transaction as the fact that caused them, as rows that are claimed once.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from fleawatch.catalog.spec import Action, Severity
from fleawatch.events import Event
from fleawatch.events.control import HaltMode

Level = Literal["info", "warning", "error", "critical"]
HaltPath = Literal["gate", "process", "platform", "flatten"]


class Output(msgspec.Struct, frozen=True, kw_only=True, tag_field="output", tag=str.lower):
    """Something to do. `key` is the same whenever the same fact is folded: doing it twice is refused by the store."""

    key: str
    agent_id: str
    at: float


class Notice(Output, frozen=True, kw_only=True):
    """A thing worth a line in the log and a mark on a chart.

    Attributes:
        event: name of a log event of the catalog (`escrow_settled`, `large_loss` ...).
        fields: bounded, scrubbed values of the event's fields; money as float USD.
    """

    event: str
    level: Level
    message: str
    fields: dict[str, str | float | int | bool | None] = msgspec.field(default_factory=dict)


class AlertChange(Output, frozen=True, kw_only=True):
    """An alert began or ended to fire, or changed its severity while it fired.

    Attributes:
        alert: its name in the catalog.
        fingerprint: the same for the same alert and labels for ever: 16 hex digits.
        change: `fired`, `severity_changed` or `resolved`.
        severity: the one it has now; on `resolved` the last one.
        labels: `alertname`, `pf_family`, `pf_scope`, `agent_id` and `strategy` for alerts about an agent, and those of
            the series it is about.
        reason: bounded name of why it changed (`held`, `cleared`, `manual`, `agent_retired` ...).
        value: what was compared, in the unit of the metric; None for conditions without a number.
        started_at: when the condition first held in this run.
        action: what it does beside telling people.
    """

    alert: str
    fingerprint: str
    change: Literal["fired", "severity_changed", "resolved"]
    severity: Severity
    labels: dict[str, str]
    reason: str
    summary: str
    description: str
    started_at: float
    value: float | None = None
    action: Action = "none"


class AlertNote(msgspec.Struct, frozen=True, kw_only=True):
    """One alert as a notification tells it. `ended_at` is None while it fires."""

    alert: str
    fingerprint: str
    severity: Severity
    labels: dict[str, str]
    summary: str
    description: str
    started_at: float
    value: float | None = None
    ended_at: float | None = None
    acknowledged_by: str = ""


class Delivery(Output, frozen=True, kw_only=True):
    """A notification on one channel. `agent_id` is empty when it is about several agents or the fleet.

    Attributes:
        channel: name of a configured channel.
        kind: why it is sent.
        group: the same for all notifications of one incident: channels thread and resolve by it.
        severity: the highest of its alerts.
        title: one line of plain text; channels escape it.
        reason: bounded name of the routing decision.
        text: plain text of a summary or a canary; empty where the alerts say it all.
    """

    channel: str
    kind: Literal["alert", "repeat", "resolved", "escalation", "digest", "summary", "canary", "watchdog"]
    group: str
    severity: Severity
    title: str
    reason: str
    alerts: tuple[AlertNote, ...] = ()
    text: str = ""


class HaltCommand(Output, frozen=True, kw_only=True):
    """Something to do so that an agent stops, on one of the paths there are.

    Attributes:
        path: `gate` (its lease), `process`, `platform` (its limits there), `flatten` (close what is open).
        epoch: the agent's when it was ordered; a command of an older epoch than the agent's is not carried out.
        positions: ids of the positions to close.
        attempt: counts from 1.
    """

    halt_id: str
    path: HaltPath
    mode: HaltMode
    epoch: int
    reason: str
    actor: str
    ordered_at: float
    positions: tuple[str, ...] = ()
    attempt: int = 1


class TopUp(Output, frozen=True, kw_only=True):
    """Claim the faucet for an agent, known at the casino as `casino_id`, whose balance is low."""

    casino_id: str
    balance_usd: float


class Conclusion(Output, frozen=True, kw_only=True):
    """A fact that follows from what was folded, and is folded already: to be recorded behind the fact it follows from."""

    fact: Event


AnyOutput: TypeAlias = Notice | AlertChange | Delivery | HaltCommand | TopUp
"""Every kind of output, as one tagged union."""

_decoder: Final[msgspec.json.Decoder[AnyOutput]] = msgspec.json.Decoder(AnyOutput)


def encode_output(output: Output) -> bytes:
    """One output as JSON."""
    return msgspec.json.encode(output)


def decode_output(data: bytes | str) -> AnyOutput:
    """One output from JSON as `encode_output` wrote it."""
    return _decoder.decode(data)
