"""Secrets of an agent: read anew, refused when no header can hold them, and found in nothing that is printed."""

import copy
import logging
import traceback
from dataclasses import asdict

import pytest

from fleawatch import Telemetry
from fleawatch.errors import BadConfig
from fleawatch.sdk.gate import place
from fleawatch.sdk.secret import NO_SECRET, Secret, secret_of, token_of
from fleawatch.sdk.telemetry.settings import settings
from fleawatch.testing.grafana import GrafanaServer
from fleawatch.testing.otlp import OtlpServer

WORD = "hunter2hunter2"
AGENT = {"PF_AGENT_ID": "a-1"}


def test_a_secret_is_given_by_its_name_alone():
    """Neither printed, nor formatted, nor within what holds it; copied and compared as what it is."""
    secret = Secret(WORD)
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r}", repr([secret]), "%s" % secret):  # noqa: UP031
        assert WORD not in text
    assert secret.reveal() == copy.deepcopy(secret).reveal() == WORD
    assert secret == Secret(WORD) != NO_SECRET
    assert secret != WORD
    assert len({secret, Secret(WORD)}) == 1
    assert (bool(secret), bool(NO_SECRET), str(NO_SECRET)) == (True, False, "")


@pytest.mark.parametrize("given", ["arguments", "environment", "file"])
def test_settings_hold_secrets_and_print_none(tmp_path, given):
    """Headers of OTLP, password and token of a Pushgateway, wherever they come from."""
    names = {
        "otlp_headers": ("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{WORD}"),
        "pushgateway_password": ("PF_PUSHGATEWAY_PASSWORD", WORD), "pushgateway_token": ("PF_PUSHGATEWAY_TOKEN", WORD),
    }  # fmt: skip
    plain = {name: value for name, (_, value) in names.items()}
    file = tmp_path / "agent.toml"
    file.write_text("".join(f'{name} = "{value}"\n' for name, value in plain.items()))
    found = {
        "arguments": lambda: settings(plain, AGENT),
        "environment": lambda: settings({}, AGENT | dict(names.values())),
        "file": lambda: settings({}, AGENT, file),
    }[given]()
    assert {name: getattr(found, name).reveal() for name in names} == plain
    for text in (repr(found), str(found), repr(asdict(found)), f"{found.otlp_headers}"):
        assert WORD not in text


@pytest.mark.parametrize(
    "wrong",
    [
        {"otlp": "http://c:4318", "otlp_headers": f"authorization {WORD}"},
        {"otlp": "http://c:4318", "otlp_headers": f"author ization={WORD}"},
        {"otlp": "http://c:4318", "otlp_headers": f"authorization=Bearer%0A{WORD}"},
        {"pushgateway": "http://h", "pushgateway_token": f"{WORD}\nx"},
        {"pushgateway": "http://h", "pushgateway_token": f"{WORD}", "pushgateway_token_file": "x"},
        {"pushgateway": "http://h", "pushgateway_password": WORD},
        {"pushgateway": "http://h", "pushgateway_password": WORD, "pushgateway_user": "a:b"},
        {"pushgateway": "http://h", "pushgateway_password": WORD, "pushgateway_user": "a", "pushgateway_token": "t"},
        {"pushgateway": f"http://me:{WORD}@h"},
        {"grafana_token": WORD},
        {"grafana": f"http://{WORD}:{WORD}@h"},
    ],
)
def test_what_is_refused_is_not_repeated(wrong):
    """The complaint names the setting and the remedy; nothing of the secret is in it, nor in its traceback."""
    with pytest.raises(BadConfig) as refused:
        settings(wrong, AGENT)
    assert WORD not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"\xff" + WORD.encode(), "holds no text"), (f"{WORD}\n{WORD}".encode(), "no header"), (None, "No such file")],
)
def test_a_file_that_holds_no_token_is_told_without_it(tmp_path, content, why):
    """Nor is its path, which may be a token that was put in its place."""
    path = tmp_path / WORD
    if content is not None:
        path.write_bytes(content)
    for reader in (token_of(str(path)), place.token_of(None, path)):
        with pytest.raises(OSError, match=why) as failed:
            reader()
        assert WORD not in "".join(traceback.format_exception(failed.value))
        assert failed.value.strerror


def test_a_token_is_read_anew_from_its_file_or_given(tmp_path):
    """Without either there is none."""
    file = tmp_path / "token"
    file.write_text("one\n")
    reader = token_of(str(file))
    assert reader() == "one"
    file.write_text("two\n")
    assert reader() == "two"
    assert (token_of(None, Secret("x"))(), token_of(None)(), secret_of(None)()) == ("x", None, None)
    assert place.token_of("x", None)() == "x"
    assert place.token_of(None, None)() is None


def printed(caplog, telemetry):
    """All that is logged and shown."""
    return "\n".join(
        [repr(telemetry), repr(telemetry.settings), repr(vars(telemetry)), repr(telemetry.dropped), telemetry.metrics().decode()]
        + [record.getMessage() + repr(record.args) for record in caplog.records]
        + [text for record in caplog.records if record.exc_info for text in traceback.format_exception(*record.exc_info)]
    )  # fmt: skip


@pytest.mark.parametrize("answer", [200, 401, 500])
def test_headers_of_otlp_arrive_and_are_printed_nowhere(caplog, monkeypatch, answer):
    """Whatever the receiver says; from the variable that every exporter knows."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{WORD}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", raising=False)
    with caplog.at_level(logging.DEBUG), OtlpServer() as server:
        server.status = answer
        telemetry = Telemetry("a-1", otlp=server.address, heartbeat_s=None)
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            order.filled("o-1", price=1)
        telemetry.flush(10)
        telemetry.shutdown()
        assert server.headers[0]["authorization"] == f"Bearer {WORD}"
        assert WORD not in printed(caplog, telemetry)


@pytest.mark.parametrize("content", [f"{WORD}\n", f"{WORD}\n{WORD}", None])
def test_the_token_of_grafana_is_printed_nowhere(caplog, tmp_path, content):
    """Refused, unusable or not there: the mark is lost, and what is said of it does not name the token."""
    path = tmp_path / WORD
    if content:
        path.write_text(content)
    with caplog.at_level(logging.DEBUG), GrafanaServer(token="another") as server:
        telemetry = Telemetry("a-1", grafana=server.address, grafana_token_file=str(path), environ={}, heartbeat_s=None)
        telemetry.faucet_claim("success", 10)
        telemetry.flush(5)
        telemetry.shutdown()
        assert not server.taken
        assert any("Grafana" in record.getMessage() for record in caplog.records)
        shown = printed(caplog, telemetry).replace(repr(str(path)), "the path that was given")
        assert WORD not in shown
