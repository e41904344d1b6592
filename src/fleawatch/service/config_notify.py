"""Configuration of notifications: channels by name, how patiently they are tried, and what is sent on a schedule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fleawatch.service.config_secret import Secret

Kind = Literal["telegram", "slack", "pagerduty", "email", "webhook", "apprise", "deadman", "log"]
Severity = Literal["critical", "warning", "info"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

SECRETS: Final = ("token", "url", "routing_key", "password", "secret")
"""Keys of a channel that name where a secret is found."""

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
_COMMON: Final = frozenset({"kind", "severities", "digest", "summaries", "send_resolved"})
_KEYS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "telegram": (("token", "chat_id"), ("topic_id", "base")),
    "slack": ((), ("url", "token", "channel", "base")),
    "pagerduty": (("routing_key",), ("base",)),
    "email": (("host", "sender", "recipients"), ("port", "security", "username", "password")),
    "webhook": (("url", "secret"), ()),
    "apprise": (("url",), ("longest",)),
    "deadman": (("url",), ("method",)),
    "log": ((), ()),
}
"""Keys that each kind of channel needs, and those that it may have."""

_MAILBOX: Final = re.compile(r"[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\Z")
_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})\Z|\[?[0-9A-Fa-f:.]{2,45}\]?\Z")
_CHAT: Final = re.compile(r"-?[0-9]{1,20}\Z|@[A-Za-z0-9_]{4,64}\Z")
_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]\Z")
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1", "[::1]")
_BASE: Final = re.compile(
    r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?\Z|http://(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?\Z"
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel(_Section):
    """One way to reach people, or the dead-man receiver. Each kind takes the keys named with it, and no others."""

    kind: Kind = Field(description="What carries it.")
    severities: tuple[Severity, ...] = Field(
        (), description="Severities that it is told of; the catalog's table of routes decides when empty."
    )
    digest: tuple[Literal["warning", "info"], ...] | None = Field(
        None, description="Those of them that come once a day; info when not said."
    )
    summaries: bool | None = Field(
        None, description="Whether the daily and weekly summary come here; when not said, unless it rings somebody."
    )
    send_resolved: bool = Field(True, description="Whether it is told when an alert ends.")
    token: Secret | None = Field(None, description="telegram, slack: where the bot's token is found.")
    url: Secret | None = Field(
        None,
        description="slack (incoming webhook), webhook, apprise, deadman: where the address is found; it is a secret.",
    )
    routing_key: Secret | None = Field(
        None, description="pagerduty: where the integration key (Events API v2) is found."
    )
    password: Secret | None = Field(None, description="email: where the password is found.")
    secret: Secret | None = Field(None, description="webhook: where the secret that signs is found.")
    chat_id: str | None = Field(None, description="telegram: number of the chat, or @name of a public channel.")
    topic_id: int | None = Field(None, strict=True, ge=1, description="telegram: topic of a forum.")
    channel: str | None = Field(None, max_length=80, description="slack: id of the conversation, with `token`.")
    host: str | None = Field(None, description="email: the SMTP server.")
    port: int = Field(587, strict=True, ge=1, le=65_535, description="email: its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="email: `none` only to a server on this machine."
    )
    username: str = Field("", max_length=320, description="email: whom to sign in as.")
    sender: str | None = Field(None, description="email: the bare address it is from.")
    recipients: tuple[str, ...] = Field((), description="email: the bare addresses it goes to.")
    method: Literal["POST", "GET"] = Field("POST", description="deadman: how the address is pinged.")
    longest: int = Field(
        1_000, strict=True, ge=40, le=100_000, description="apprise: characters of a message; 160 for SMS."
    )
    base: str | None = Field(
        None,
        description="telegram, slack, pagerduty: base address of the service, when it is not the vendor's usual one.",
    )

    @field_validator("chat_id", mode="before")
    @classmethod
    def _number_or_name(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _as_its_kind_needs(self) -> Channel:
        complaint = next(self._complaints(), "")
        if complaint:
            raise ValueError(complaint)
        return self

    def _complaints(self) -> Iterator[str]:
        required, optional = _KEYS[self.kind]
        allowed = {*_COMMON, *required, *optional}
        for name in required:
            if not getattr(self, name):
                yield f"is a {self.kind} channel without {name}; add {name}"
        for name in sorted(self.model_fields_set - allowed):
            yield f"is a {self.kind} channel with {name}, which it does not have; remove it (it has {', '.join(sorted(allowed))})"
        if self.kind == "slack" and (self.url is None) == (self.token is None):
            yield "is a slack channel with no way or two; write url for an incoming webhook, or token and channel for a bot"
        if self.kind == "slack" and (self.token is None) != (self.channel is None):
            yield "is a slack channel with one of token and channel; a bot needs both"
        if self.chat_id is not None and _CHAT.match(self.chat_id) is None:
            yield "has a chat_id that is no chat; write its number or @name"
        if self.base is not None and _BASE.match(self.base) is None:
            yield "has a base that is no base address; write https://host, without a path"
        if self.kind == "email":
            yield from self._mail_complaints()

    def _mail_complaints(self) -> Iterator[str]:
        if self.host is not None and _HOST.match(self.host) is None:
            yield "has a host that is no host name; write the name of the SMTP server"
        if not all(_MAILBOX.match(address) for address in (*self.recipients, self.sender or "")):
            yield "has a sender or recipient that is no bare address; write name@host"
        if bool(self.username) != (self.password is not None):
            yield "has one of username and password; signing in needs both"
        if self.security == "none" and (self.username or self.host not in LOOPBACK):
            yield "would send in the clear; use security: starttls or tls (none is for a server on this machine, without signing in)"


class Maintenance(_Section):
    """A time of the week in which some alerts are not sent."""

    name: str = Field(min_length=1, max_length=63, description="What it is called.")
    days: tuple[Day, ...] = Field(min_length=1, description="Days of the week on which it begins, UTC.")
    start: str = Field(description="When it begins, HH:MM UTC.")
    hours: float = Field(strict=False, allow_inf_nan=False, gt=0, le=168, description="How long it lasts.")
    matchers: dict[str, str] = Field(
        min_length=1, description="Labels, `severity` among them, and their values; `*` stands for any text."
    )

    @field_validator("start", mode="before")
    @classmethod
    def _clock_time(cls, value: object) -> object:
        return clock_time(value)


class Notify(_Section):
    """Who is told of alerts. Without channels everything goes to the log."""

    channels: dict[str, Channel] = Field(default_factory=dict, description="Channels by name.")
    retries: int = Field(3, strict=True, ge=0, le=20, description="Tries after the first that failed.")
    give_up_after_s: float = Field(
        900.0, strict=True, allow_inf_nan=False, gt=0, le=86_400, description="Real seconds after which no try begins."
    )
    timeout_s: float = Field(
        5.0, strict=True, allow_inf_nan=False, gt=0, le=30, description="Real seconds that a channel has to answer."
    )
    page_url: str | None = Field(None, description="Address of the page as its readers reach it, for links.")
    runbook_url: str | None = Field(
        None, description="Address below which the runbooks are published; messages name the command otherwise."
    )
    escalate_after_s: float | None = Field(
        900.0,
        strict=True,
        allow_inf_nan=False,
        ge=0,
        le=86_400,
        description="Seconds after which a critical alert that nobody took goes to every channel; null for never.",
    )
    canary_hours: float | None = Field(
        24.0,
        strict=True,
        allow_inf_nan=False,
        ge=0.02,
        le=168,
        description="Hours between trials of each channel; null for none.",
    )
    digest_at: str = Field("08:00", description="When daily digests go, HH:MM UTC.")
    daily_summary: str | None = Field("08:00", description="When the daily summary goes, HH:MM UTC; null for none.")
    weekly_summary: str | None = Field(
        "08:00", description="When the weekly summary goes on Mondays, HH:MM UTC; null for none."
    )
    maintenance: tuple[Maintenance, ...] = Field((), description="Times in which some alerts are not sent.")

    @field_validator("channels")
    @classmethod
    def _are_named(cls, value: dict[str, Channel]) -> dict[str, Channel]:
        if not all(NAME.match(name) for name in value):
            raise ValueError(
                "hold a name that is none; use lower-case letters, digits, - and _, beginning with a letter or digit, at most 32"
            )
        if value and not any(
            not channel.severities or "critical" in channel.severities
            for channel in value.values()
            if channel.kind != "deadman"
        ):
            raise ValueError("have none that is told of critical alerts; add critical to the severities of one")
        return value

    @field_validator("digest_at", "daily_summary", "weekly_summary", mode="before")
    @classmethod
    def _clock_time(cls, value: object) -> object:
        return clock_time(value)

    @field_validator("page_url", "runbook_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and re.match(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/%-]*)?\Z", value) is None:
            raise ValueError("not an address; write http(s)://host[:port][/path], without user, query or fragment")
        return value


def clock_time(value: Any) -> Any:
    """A time of day as `HH:MM`. YAML reads 10:30 without quotes as a number of minutes; that is understood too.

    Raises:
        ValueError: it is no time of day.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        value = f"{value // 60:02d}:{value % 60:02d}"
    if value is not None and (not isinstance(value, str) or _TIME.match(value) is None):
        raise ValueError("not a time of day; write HH:MM in quotes, UTC")
    return value


def seconds_of(value: str) -> float:
    """Seconds after midnight of a time of day as `HH:MM`."""
    hours, _, minutes = value.partition(":")
    return int(hours) * 3_600.0 + int(minutes) * 60.0
