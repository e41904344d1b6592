"""What people and guards decide: limits, leases, halts and their proof, resumes, acknowledgements, silences, delivery."""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.events.base import Amount, Count, Event, Seconds, Time

HaltMode = Literal["reduce", "halt", "freeze_payments", "flatten"]
HaltScope = Literal["agent", "strategy", "fleet"]
GateState = Literal["active", "reducing", "halted"]


class LimitsInForce(Event, frozen=True, kw_only=True):
    """The limits an agent says it enforces, by name, in the units of the catalog."""

    limits: dict[str, float]
    epoch: Count = 0


class LeaseGranted(Event, frozen=True, kw_only=True):
    """The service let the agent trade until `expires_at`, from these baselines.

    Attributes:
        epoch: rises with every halt and resume; an order carries the epoch that let it through.
        peak_nav, day_start_equity: baselines of the guard.
    """

    epoch: Count
    expires_at: Time
    state: GateState
    peak_nav: float | None = None
    day_start_equity: Amount | None = None
    limits: dict[str, float] = msgspec.field(default_factory=dict)


class GateChanged(Event, frozen=True, kw_only=True):
    """An agent's gate moved from one state to another, for a bounded reason. `epoch` is the one it knew, None if not told."""

    before: GateState
    after: GateState
    reason: str
    epoch: Count | None = None


class HaltOrdered(Event, frozen=True, kw_only=True):
    """Somebody or some rule ordered a halt. `reason` is bounded, `actor` a rule's or person's name."""

    halt_id: str
    mode: HaltMode
    scope: HaltScope
    target: str
    reason: str
    actor: str
    note: str = ""


class HaltDelivered(Event, frozen=True, kw_only=True):
    """The order of a halt reached the agent's side by `path` (`gate`, `process`, `platform`)."""

    halt_id: str
    path: str


class HaltAcknowledged(Event, frozen=True, kw_only=True):
    """The agent said that it stopped: its word, no proof."""

    halt_id: str


class HaltConfirmed(Event, frozen=True, kw_only=True):
    """The platform's own facts show no order since the halt, or since `last_order_at`, the last one after it."""

    halt_id: str
    last_order_at: Time | None = None


class HaltOverdue(Event, frozen=True, kw_only=True):
    """A halt was not confirmed within its deadline.

    Attributes:
        step: how far it has come: `ordered`, `delivered` or `acknowledged`.
        age_s: since it was ordered.
        orders: orders seen after it.
    """

    halt_id: str
    step: str
    age_s: Seconds
    orders: Count = 0


class Resumed(Event, frozen=True, kw_only=True):
    """An explicit act let an agent trade again; without an agent, all whom the halt holds.

    Attributes:
        rebase: a new baseline for the guard, and for the guard only.
        ramp_s: how long orders stay capped at `ramp_notional_usd`; 0 for no cap.
        baseline_nav: NAV from which the guard measures after a rebase; the present one when None.
    """

    halt_id: str
    actor: str
    reason: str
    rebase: bool = False
    ramp_s: Seconds = 0.0
    ramp_notional_usd: Amount | None = None
    baseline_nav: float | None = None


class AlertAcknowledged(Event, frozen=True, kw_only=True):
    """A person took an alert."""

    fingerprint: str
    actor: str
    note: str = ""


class Silenced(Event, frozen=True, kw_only=True):
    """Alerts that match are not delivered until `ends_at`.

    Attributes:
        matchers: labels, `severity` among them, and the values that all of them must have; `*` stands for any text.
            Without any, nothing matches.
    """

    silence_id: str
    matchers: dict[str, str]
    starts_at: Time
    ends_at: Time
    author: str
    comment: str


class SilenceEnded(Event, frozen=True, kw_only=True):
    """A silence was ended before its time."""

    silence_id: str
    actor: str


class AlertCleared(Event, frozen=True, kw_only=True):
    """A person ended an alert that only a person may end."""

    fingerprint: str
    actor: str
    reason: str


class LimitsDeclared(Event, frozen=True, kw_only=True):
    """The limits that the operator wants an agent to enforce, by name, in the units of the catalog."""

    limits: dict[str, float]


class LimitsOf(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Limits changed for the whole fleet, a strategy, or one agent.

    Attributes:
        target: the strategy or agent; empty for the fleet.
        limits: by name, in the units of the catalog.
        off: limits that are switched off.
    """

    scope: HaltScope
    target: str = ""
    limits: dict[str, float] = msgspec.field(default_factory=dict)
    off: tuple[str, ...] = ()


class HaltingTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How halts are carried out: times in seconds, and ids of the agents for whom harder means are allowed.

    See `flow.halting.settings.HaltingPolicy`, whose fields these are.
    """

    acknowledge_s: Seconds = 10.0
    process_s: Seconds = 30.0
    confirm_s: Seconds = 120.0
    margin_s: Seconds = 2.0
    silent_s: Seconds = 300.0
    flatten_s: Seconds = 30.0
    act: bool = True
    process: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    flatten: tuple[str, ...] = ()
    topup: tuple[str, ...] = ()


class RulesDeclared(Event, frozen=True, kw_only=True):
    """The rules that are in force from now on; the newest declaration replaces the one before.

    It is a fact, so that what is folded again is judged by the rules that were in force then.

    Attributes:
        alerts: those that are judged, by their names in the catalog.
        limits: those that differ from the catalog's.
        routing: who hears of alerts, as JSON text; no secret is part of it. Empty: the log alone.
        halting: how halts are carried out.
    """

    alerts: tuple[str, ...] = ()
    limits: tuple[LimitsOf, ...] = ()
    routing: str = ""
    halting: HaltingTerms = msgspec.field(default_factory=HaltingTerms)


class HaltProbed(Event, frozen=True, kw_only=True):
    """The halt path of an agent was tried without stopping it. `reason` is bounded and says why it failed."""

    path: str
    ok: bool
    duration_s: Seconds
    reason: str = ""


class ConfigChanged(Event, frozen=True, kw_only=True):
    """The configuration in force changed; values of settings and secrets are never part of it.

    Attributes:
        digest: of the whole.
        changed: names of the settings that differ from the configuration before (`limits.drawdown_halt`,
            `agents.a-1.strategy`); empty for the first one, and where nothing is known of the one before.
        settings: a digest of each setting that is not at its default, by name, so that the next change can be named.
    """

    actor: str
    digest: str
    changed: tuple[str, ...] = ()
    settings: dict[str, str] = msgspec.field(default_factory=dict)


class Delivered(Event, frozen=True, kw_only=True):
    """An attempt to deliver a notification ended.

    Attributes:
        delivery_id: idempotency key of the notification on this channel.
        status: `ok`, `retry`, `failed` or `suppressed`.
        receipt: the channel's own id of the accepted message.
    """

    delivery_id: str
    channel: str
    status: Literal["ok", "retry", "failed", "suppressed"]
    status_code: Count | None = None
    receipt: str = ""
    reason: str = ""
