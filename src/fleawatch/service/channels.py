"""From the configured channels to notifiers, each tried for what can be told without sending anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from fleawatch.errors import BadConfig, Problem
from fleawatch.notify import apprise
from fleawatch.notify.apprise import AppriseNotifier
from fleawatch.notify.deadman import DeadmanNotifier
from fleawatch.notify.exchange import Exchange
from fleawatch.notify.log import LogNotifier
from fleawatch.notify.mail import MailNotifier, MailServer
from fleawatch.notify.pagerduty import BASE as PAGERDUTY
from fleawatch.notify.pagerduty import PagerDutyNotifier
from fleawatch.notify.slack import BASE as SLACK
from fleawatch.notify.slack import SlackBot, SlackWebhook
from fleawatch.notify.telegram import BASE as TELEGRAM
from fleawatch.notify.telegram import TelegramNotifier
from fleawatch.notify.webhook import WebhookNotifier
from fleawatch.notify.wording import Links
from fleawatch.ports import Notifier
from fleawatch.service.config_notify import LOOPBACK, Channel, Kind, Notify
from fleawatch.service.config_secret import Secret
from fleawatch.service.secrets import secret

LOG: Final = "log"
"""The channel of a fleet that has no other."""

_TELEGRAM_TOKEN: Final = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}\Z")
_SLACK_TOKEN: Final = re.compile(r"xox[a-z](?:\.[a-z0-9]+)?-[A-Za-z0-9.-]{8,250}\Z")
_ROUTING_KEY: Final = re.compile(r"[A-Za-z0-9]{32}\Z")
_LEAST_SECRET: Final = 16


def channels_of(notify: Notify, environment: Mapping[str, str] | None = None) -> dict[str, Notifier]:
    """The channels by name; the log alone when none is configured.

    Raises:
        BadConfig: of some of them nothing can be sent; every problem is listed.
    """
    problems: list[Problem] = []
    found: dict[str, Notifier] = {}
    for name in notify.channels:
        try:
            found[name] = channel_of(name, notify, environment)
        except BadConfig as error:
            problems += error.problems
    if problems:
        raise BadConfig("the channels were refused", tuple(problems))
    return found or {LOG: LogNotifier(links_of(notify))}


def channel_of(name: str, notify: Notify, environment: Mapping[str, str] | None = None) -> Notifier:
    """One channel.

    Raises:
        BadConfig: its secret is not there, or cannot be one of its kind.
    """
    channel = notify.channels[name]

    def read(key: str, sound: Callable[[str], str]) -> str:
        place: Secret | None = getattr(channel, key)
        if place is None:
            return ""
        value = secret(place, environment)
        complaint = sound(value)
        if complaint:
            what, _, remedy = complaint.partition("; ")
            raise BadConfig("a channel was refused", (Problem(f"notify.channels.{name}.{key}", what, remedy),))
        return value

    return _BUILDERS[channel.kind](_Given(channel, notify, read))


def links_of(notify: Notify) -> Links:
    """Where readers of a notification go on."""
    return Links(page=notify.page_url or "", runbooks=notify.runbook_url or "")


_Read = Callable[[str, Callable[[str], str]], str]


class _Given(NamedTuple):
    """What a channel is made from."""

    channel: Channel
    notify: Notify
    read: _Read

    @property
    def exchange(self) -> Exchange:
        return Exchange(deadline_s=self.notify.timeout_s)

    @property
    def links(self) -> Links:
        return links_of(self.notify)


def _telegram(given: _Given) -> Notifier:
    return TelegramNotifier(
        given.exchange,
        token=given.read("token", _telegram_token),
        chat_id=given.channel.chat_id or "",
        topic_id=given.channel.topic_id,
        base=given.channel.base or TELEGRAM,
        links=given.links,
    )


def _slack(given: _Given) -> Notifier:
    if given.channel.url is not None:
        return SlackWebhook(given.exchange, url=given.read("url", _address), links=given.links)
    token, base = given.read("token", _slack_token), given.channel.base or SLACK
    return SlackBot(given.exchange, token=token, channel=given.channel.channel or "", base=base, links=given.links)


def _pagerduty(given: _Given) -> Notifier:
    key, base = given.read("routing_key", _routing_key), given.channel.base or PAGERDUTY
    return PagerDutyNotifier(given.exchange, routing_key=key, base=base, links=given.links)


def _mail(given: _Given) -> Notifier:
    channel = given.channel
    server = MailServer(
        host=channel.host or "",
        port=channel.port,
        security=channel.security,
        username=channel.username,
        password=given.read("password", lambda _: ""),
        deadline_s=given.notify.timeout_s,
    )
    return MailNotifier(server, sender=channel.sender or "", recipients=channel.recipients, links=given.links)


def _webhook(given: _Given) -> Notifier:
    url, signing = given.read("url", _address), given.read("secret", _signing_secret)
    return WebhookNotifier(given.exchange, url=url, secret=signing, links=given.links)


def _apprise(given: _Given) -> Notifier:
    return AppriseNotifier(url=given.read("url", apprise.complaint), longest=given.channel.longest, links=given.links)


def _deadman(given: _Given) -> Notifier:
    return DeadmanNotifier(given.exchange, url=given.read("url", _address), method=given.channel.method)


def _log(given: _Given) -> Notifier:
    return LogNotifier(given.links)


_BUILDERS: Final[dict[Kind, Callable[[_Given], Notifier]]] = {
    "telegram": _telegram, "slack": _slack, "pagerduty": _pagerduty, "email": _mail, "webhook": _webhook,
    "apprise": _apprise, "deadman": _deadman, "log": _log,
}  # fmt: skip


def _address(value: str) -> str:
    """Why an address cannot be used; it is not repeated."""
    try:
        parts = urlsplit(value)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        return "is no address; write https://host/path"
    if not parts.hostname or parts.scheme not in ("https", "http") or not port_ok or not value.isascii():
        return "is no address; write https://host/path"
    if parts.username is not None:
        return "holds a user name; put a token into the path or the query instead"
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        return "would be sent in the clear; use https (http is for this machine only)"
    return ""


def _telegram_token(value: str) -> str:
    return "" if _TELEGRAM_TOKEN.match(value) else "is no token of a Telegram bot; BotFather gives it as digits:letters"


def _slack_token(value: str) -> str:
    return "" if _SLACK_TOKEN.match(value) else "is no token of a Slack bot; it begins with xoxb-"


def _routing_key(value: str) -> str:
    return (
        "" if _ROUTING_KEY.match(value) else "is no integration key of the Events API v2; it has 32 letters and digits"
    )


def _signing_secret(value: str) -> str:
    return "" if len(value) >= _LEAST_SECRET else f"is too short to sign with; use {_LEAST_SECRET} characters or more"
