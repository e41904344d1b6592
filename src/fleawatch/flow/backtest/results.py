"""What a backtest says: alerts that would have fired, pages, halts and their money, and how that fits labelled incidents."""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.catalog.spec import Action, Severity
from fleawatch.events.control import HaltMode


class Episode(msgspec.Struct, kw_only=True):
    """One time that one alert fired about one series.

    Attributes:
        severity: the highest it had.
        since: when the condition first held; `fired_at` when it began to fire, `resolved_at` None while it still fires.
        reason: named reason of the verdict; `ended` that of its end, empty while it fires.
        value: what was compared when it began, in the metric's unit; None for a condition without a number.
    """

    alert: str
    agent_id: str
    severity: Severity
    since: float
    fired_at: float
    resolved_at: float | None = None
    reason: str = ""
    ended: str = ""
    value: float | None = None
    action: Action = "none"
    summary: str = ""
    fingerprint: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)


class Page(msgspec.Struct, kw_only=True):
    """News that somebody would have been told: one moment of one incident, on all its channels.

    Attributes:
        page_id: the incident it belongs to.
        reason: `first`, `new_alerts` or `severity_raised`.
        alerts: name and agent of each alert in it that still fired.
        false_page: whether it is of no labelled incident; None without labels, and for pages of severity info or none.
    """

    page_id: str
    at: float
    severity: Severity
    title: str
    reason: str
    channels: list[str]
    alerts: list[tuple[str, str]]
    false_page: bool | None = None


class Halted(msgspec.Struct, kw_only=True):
    """One agent that would have been stopped, and what that is worth.

    Attributes:
        by: the alert, `gate` for the agent's own gate, or the person.
        reachable: whether the history knows a way to stop it: a gate, or a configured means. Without one the belt
            orders nothing; what it would be worth is told all the same.
        until: up to when the money is counted: the end of the history, a stricter halt, or the moment from which the
            history itself was halted; None when nothing could be counted.
        saved_usd: minus the flow-neutral P&L from `at` to `until`: positive = a loss that the halt would have spared,
            negative = a gain forgone. None with the reason in `why`.
        left_usd: net external flow out of the agent in that time, USD, positive = out: what freezing payments is about.
    """

    agent_id: str
    by: str
    mode: HaltMode
    at: float
    reachable: bool
    until: float | None = None
    saved_usd: float | None = None
    left_usd: float | None = None
    why: str = ""


EndState = Literal["told", "frozen", "reducing", "halted"]


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An incident that is known to have happened.

    Attributes:
        agent_id: whom it was about; empty for the fleet.
        alert: the alert that must find it.
        onset: when it began, unix seconds.
        bound_s: seconds within which that alert must fire.
        end: the state that the agent must end in; empty when nothing is expected.
        until: when it was over, unix seconds; None for the end of the history.
        dead_at: when the agent's process died, unix seconds; only the baseline needs to be told, whose path ends with it.
        others: more agents that it concerns: pages about them are of it, their alerts alone do not find it.
    """

    name: str
    alert: str
    onset: float
    bound_s: float
    agent_id: str = ""
    end: EndState | Literal[""] = ""
    until: float | None = None
    dead_at: float | None = None
    others: tuple[str, ...] = ()


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """How one labelled incident was met.

    Attributes:
        caught: whether its alert fired within the bound.
        detection_s: from the onset until its alert fired, bound or not; None when it did not.
        told_s: from the onset until the first page about it; None when there was none.
        ended: the strictest state that the rules would have put the agent in, `none` when nobody was even told.
        reason: `in_time`, `too_late`, `never`, `fired_before`.
    """

    name: str
    agent_id: str
    alert: str
    caught: bool
    reason: str
    bound_s: float
    detection_s: float | None
    told_s: float | None
    end: str
    ended: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Against the labels.

    Attributes:
        recall: caught incidents / incidents, None without any.
        precision: pages of an incident / all pages above info, None without any page.
        false_pages: pages above info of no incident.
    """

    incidents: tuple[Found, ...]
    recall: float | None
    precision: float | None
    pages: int
    false_pages: int


class Result(msgspec.Struct, kw_only=True):
    """One history under one set of rules.

    Attributes:
        rules: what they are called.
        judged: how many alerts were judged last.
        facts: how many were folded; `left_out` those that followed from other rules.
        notifications: deliveries by kind, all channels.
        saved_usd: sum over the halts whose worth is known, None when there is none.
    """

    rules: str
    judged: int
    facts: int
    left_out: int
    begin: float | None
    end: float | None
    episodes: list[Episode]
    pages: list[Page]
    halts: list[Halted]
    notifications: dict[str, int]
    saved_usd: float | None = None
    score: Score | None = None
