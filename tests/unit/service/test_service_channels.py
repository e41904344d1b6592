"""The section `notify`: what is refused and how, and what becomes of it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from fleawatch.cli.doctor import _channels
from fleawatch.cli.root import cli
from fleawatch.errors import BadConfig
from fleawatch.flow.routing.settings import RoutingPolicy
from fleawatch.service.channels import channels_of
from fleawatch.service.config_notify import clock_time, seconds_of
from fleawatch.service.load import load
from fleawatch.service.routing import routing_of

ENVIRONMENT = {
    "TG": "123456:AAEhBP0av28fQ_secret-telegram-token",
    "HOOK": "https://hooks.slack.com/services/T0/B0/secretHook",
    "BOT": "xoxb-1234-secret-slack-token",
    "PD": "R0123456789abcdef0123456789abcde",
    "MAIL": "secret-mail-password",
    "SIGN": "signing-secret-0123456789",
    "SMS": "json://127.0.0.1/secretapprise",
    "PING": "https://hc-ping.com/5bf66975-secret",
}
ALL = """
notify:
  page_url: https://fleawatch.example.org
  channels:
    phone: {kind: telegram, token: {env: TG}, chat_id: -100200, topic_id: 7}
    hook: {kind: slack, url: {env: HOOK}, severities: [warning, info], digest: [info]}
    bot: {kind: slack, token: {env: BOT}, channel: C123}
    pager: {kind: pagerduty, routing_key: {env: PD}, severities: [critical], base: https://events.eu.pagerduty.com}
    post: {kind: email, host: mail.example.org, sender: fleawatch@example.org, recipients: [ops@example.org],
           username: ann, password: {env: MAIL}}
    own: {kind: webhook, url: {env: HOOK}, secret: {env: SIGN}}
    sms: {kind: apprise, url: {env: SMS}, longest: 160}
    outside: {kind: deadman, url: {env: PING}, method: GET}
    log: {kind: log}
"""
AGENTS = """
agents:
  - {id: a-1, health_url: "http://127.0.0.1:1"}
"""


@pytest.fixture
def loaded(tmp_path):
    """Load a configuration of which only `notify` is told."""

    def run(text, environment=None):
        path = tmp_path / "fleawatch.yaml"
        path.write_text(text + AGENTS, encoding="utf-8")
        return load(path, environment=ENVIRONMENT if environment is None else environment)

    return run


def complaints(loaded, text, environment=None):
    """What is said about a configuration, as one text."""
    variables = ENVIRONMENT if environment is None else environment
    with pytest.raises(BadConfig) as caught:
        channels_of(loaded(text, variables).notify, variables)
    return str(caught.value)


def channel(text):
    return f"notify:\n  channels:\n    ops: {text}\n"


# One of Apprise's modules imports one that Python 3.11 calls old.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_every_kind_becomes_its_channel(loaded):
    """Each kind is made, by its name, and shows nothing of its secrets."""
    channels = channels_of(loaded(ALL).notify, ENVIRONMENT)
    assert {name: notifier.kind for name, notifier in channels.items()} == {
        "phone": "telegram", "hook": "slack", "bot": "slack", "pager": "pagerduty", "post": "email", "own": "webhook",
        "sms": "apprise", "outside": "deadman", "log": "log",
    }  # fmt: skip
    assert "secret" not in repr(list(channels.values()))


def test_without_channels_there_is_the_log(loaded):
    """A fleet that configures nothing has a channel `log`, where routing sends everything."""
    channels = channels_of(loaded("").notify, {})
    assert {name: notifier.kind for name, notifier in channels.items()} == {"log": "log"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{kind: telegram, chat_id: 1}", "is a telegram channel without token. add token"),
        ("{kind: telegram, token: {env: TG}, chat_id: x}", "has a chat_id that is no chat"),
        ("{kind: telegram, token: {env: TG}, chat_id: 1, host: h}", "is a telegram channel with host"),
        ("{kind: slack}", "with no way or two"),
        ("{kind: slack, url: {env: HOOK}, token: {env: BOT}, channel: C1}", "with no way or two"),
        ("{kind: slack, token: {env: BOT}}", "one of token and channel"),
        ("{kind: email, host: h, sender: a@b.c, recipients: ['x\\r\\nBcc: y@z']}", "is no bare address"),
        ("{kind: email, host: h, sender: a@b.c, recipients: [b@b.c], username: u}", "one of username and password"),
        ("{kind: email, host: h, sender: a@b.c, recipients: [b@b.c], security: none}", "would send in the clear"),
        ("{kind: pagerduty, routing_key: {env: PD}, base: 'http://events.example'}", "a base that is no base address"),
        ("{kind: pagerduty, routing_key: {env: TG}}", "notify.channels.ops.routing_key: is no integration key"),
        ("{kind: telegram, token: {env: PD}, chat_id: 1}", "is no token of a Telegram bot"),
        ("{kind: slack, token: {env: PD}, channel: C1}", "is no token of a Slack bot"),
        ("{kind: slack, url: {env: PD}}", "notify.channels.ops.url: is no address"),
        ("{kind: webhook, url: {env: PLAIN}, secret: {env: SIGN}}", "would be sent in the clear"),
        ("{kind: webhook, url: {env: USER}, secret: {env: SIGN}}", "holds a user name"),
        ("{kind: webhook, url: {env: HOOK}, secret: {env: SHORT}}", "too short to sign with"),
        ("{kind: webhook, url: {env: GONE}, secret: {env: SIGN}}", "notify.channels.ops.url.env: names a variable that is not set"),
        ("{kind: carrier-pigeon}", "notify.channels.ops.kind: was 'carrier-pigeon'"),
        ("{kind: log, severities: [warning]}", "have none that is told of critical alerts"),
        ("{kind: log, colour: red}", "notify.channels.ops.colour: is not a key"),
    ],
)  # fmt: skip
def test_a_channel_that_cannot_work_is_refused(loaded, text, expected):
    """The mistake is named with its key and what to write instead."""
    environment = {**ENVIRONMENT, "PLAIN": "http://example.org/x", "USER": "https://a:b@example.org/", "SHORT": "abc"}
    assert expected in complaints(loaded, channel(text), environment)


@pytest.mark.parametrize(
    "text",
    [
        "{kind: telegram, token: '123456:AAsecretsecretsecretsecret', chat_id: 1}",
        "{kind: telegram, token: {file: '123456:AAsecretsecretsecretsecret'}, chat_id: 1}",
        "{kind: telegram, chat_id: '123456:AAsecretsecretsecretsecret', token: {env: TG}}",
        "{kind: slack, channel: [xoxb-AAsecretsecretsecretsecret], token: {env: BOT}}",
        "{kind: log, '123456:AAsecretsecretsecretsecret': 1}",
        "'AAsecretsecretsecretsecret'",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown(loaded, text):
    """Complaints never repeat what may be a secret."""
    assert "AAsecret" not in complaints(loaded, channel(text))
    assert "AAsecret" not in complaints(
        loaded, "notify: {channels: {'123456:AAsecretsecretsecretsecret': {kind: x}}}\n"
    )


def test_a_secret_in_a_file_is_found_beside_the_configuration(loaded, tmp_path):
    """Paths are relative to the configuration file."""
    (tmp_path / "pd").write_text(ENVIRONMENT["PD"] + "\n", encoding="utf-8")
    config = loaded(channel("{kind: pagerduty, routing_key: {file: pd}}"))
    assert config.notify.channels["ops"].routing_key.file == tmp_path.resolve() / "pd"
    assert channels_of(config.notify)["ops"].kind == "pagerduty"
    assert "could not be read" in complaints(loaded, channel("{kind: pagerduty, routing_key: {file: gone}}"))


def test_a_variable_that_holds_a_secret_is_no_setting(loaded):
    """A variable of our own prefix that a channel names is left alone."""
    variables = {"FLEAWATCH_NOTIFY__PAGER": ENVIRONMENT["PD"], "FLEAWATCH_NOTIFY__RETRIES": "5"}
    config = loaded(channel("{kind: pagerduty, routing_key: {env: FLEAWATCH_NOTIFY__PAGER}}"), variables)
    assert config.notify.retries == 5


def test_times_of_day(loaded):
    """HH:MM, also where YAML reads 10:30 as a number; anything else is refused."""
    notify = loaded("notify: {daily_summary: 10:30, weekly_summary: null, digest_at: '07:05'}\n").notify
    assert (notify.daily_summary, notify.weekly_summary, notify.digest_at) == ("10:30", None, "07:05")
    assert seconds_of("10:30") == 37_800.0
    for wrong in ("24:00", "8", "8:00 pm", 1_440, -1, True, 1.5):
        with pytest.raises(ValueError, match="HH:MM"):
            clock_time(wrong)


def test_doctor_says_what_is_wrong_with_a_channel(loaded, monkeypatch):
    """Each channel is looked at without sending anything."""
    for name, value in {**ENVIRONMENT, "PD": "tooshort"}.items():
        monkeypatch.setenv(name, value)
    text = "notify:\n  channels:\n    pager: {kind: pagerduty, routing_key: {env: PD}}\n    log: {kind: log}\n"
    pager, log = _channels(loaded(text))
    assert (pager.what, pager.ok) == ("channel pager: pagerduty", False)
    assert pager.detail.startswith("is no integration key")
    assert log.ok


def test_a_canary_is_sent_for_real(loaded, tmp_path):
    """`notify test` tells what came back of each channel, and of which none exists."""
    (tmp_path / "url").write_text("http://127.0.0.1:9/hook", encoding="utf-8")
    (tmp_path / "secret").write_text(ENVIRONMENT["SIGN"], encoding="utf-8")
    loaded(channel("{kind: log}") + "    nowhere: {kind: webhook, url: {file: url}, secret: {file: secret}}\n")
    command = ["notify", "test", "-c", str(tmp_path / "fleawatch.yaml")]
    done = CliRunner().invoke(cli, [*command, "--json"])
    first, second = json.loads(done.stdout)["channels"]
    assert done.exit_code == 1
    assert (first["channel"], first["ok"], second["channel"], second["ok"]) == ("ops", True, "nowhere", False)
    assert second["detail"].startswith("network: could not be reached")
    assert CliRunner().invoke(cli, [*command, "--channel", "ops"]).exit_code == 0
    assert CliRunner().invoke(cli, [*command, "--channel", "gone"]).exit_code == 2


def test_routing_hears_names_severities_and_times(loaded):
    """What routing needs is told without a secret: a dead-man service is for the watchdog, a short Apprise channel rings."""
    text = ALL + "  maintenance: [{name: sunday, days: [sun], start: '02:30', hours: 2, matchers: {alertname: '*'}}]\n"
    told = routing_of(loaded(text + "  canary_hours: 12\n  weekly_summary: null\n").notify)
    channels = {one.name: one for one in told.channels}
    assert (channels["hook"].severities, channels["hook"].digest) == (("warning", "info"), ("info",))
    assert (channels["sms"].kind, channels["sms"].summaries) == ("sms", False)
    assert [one.name for one in told.receivers] == ["outside"]
    (window,) = told.maintenance
    assert (window.days, window.start_s, window.duration_s, window.matchers) == (
        (6,),
        9_000.0,
        7_200.0,
        {"alertname": "*"},
    )
    assert (told.canary_s, told.daily_at_s, told.weekly_at_s) == (43_200.0, 28_800.0, None)
    assert "secret" not in repr(told)
    assert routing_of(loaded("").notify) == RoutingPolicy()
