"""How well the watching itself goes: readings that worked, readings that did not, corrections, and the passing of time."""

from __future__ import annotations

from fleawatch.events.base import Count, Event, Seconds, Time


class SourceRead(Event, frozen=True, kw_only=True):
    """A collector finished a reading of one agent. Until `valid_s` from `at` its numbers count as fresh.

    Attributes:
        duration_s: how long it took in real seconds.
        begun_at: when it began; what happened before that is in it. None from reporters that do not say.
    """

    collector: str
    duration_s: Seconds
    valid_s: Seconds
    facts: Count = 0
    begun_at: Time | None = None


class SourceUnavailable(Event, frozen=True, kw_only=True):
    """A collector could not read. Its numbers stay as they were and grow old: never 0, never flat.

    Attributes:
        reason: `timeout`, `network`, `rate_limited`, `unauthorized`, `http_4xx`, `http_5xx`, `invalid_body`,
            `schema`, `upstream`.
        status_code: HTTP status, None when no answer came.
        detail: scrubbed text for people.
    """

    collector: str
    reason: str
    duration_s: Seconds
    status_code: Count | None = None
    detail: str = ""


class SchemaSurprise(Event, frozen=True, kw_only=True):
    """An answer lacked a field, or had it in another type; the reading goes on without it."""

    endpoint: str
    field: str


class Tick(Event, frozen=True, kw_only=True):
    """Time passed. The only way in which time enters the belt."""
