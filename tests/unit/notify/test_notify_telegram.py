"""Telegram's Bot API, as https://core.telegram.org/bots/api has it."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.notify.telegram import LONGEST, TelegramNotifier, message
from fleawatch.notify.wording import Links
from fleawatch.testing.doubles import Answer
from fleawatch.testing.notifier_contract import HOSTILE, delivery, note

TOKEN = "123456:AAEhBP0av28fQ_secret-telegram-token"
OK = Answer(200, b'{"ok":true,"result":{"message_id":42}}')


def make(exchange, base):
    return TelegramNotifier(exchange, token=TOKEN, chat_id="-100200", topic_id=7, base=base)


def seen(markup):
    """What a reader sees: the text after the tags are parsed."""
    return html.unescape(re.sub(r"</?(?:b|a)(?: [^>]*)?>", "", markup))


def test_a_message_on_the_wire(talk):
    """POST /bot<token>/sendMessage with chat, topic, HTML: https://core.telegram.org/bots/api#sendmessage."""
    (receipt,), (request,) = talk(make, [delivery()], [OK])
    assert (request.method, request.path) == ("POST", f"/bot{TOKEN}/sendMessage")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "chat_id": "-100200",
        "message_thread_id": 7,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "disable_notification": False,
        "text": "<b>a-1: drawdown critical</b>\n\n<b>CRITICAL a-1 lost 16 % from its peak</b>\n"
        "Drawdown is 0.16, the limit 0.15.\nsince 2027-01-15 07:59:00 UTC\nrunbook: fleawatch runbook PFDrawdownCritical",
    }
    assert receipt.id == "42"


def test_a_group_is_one_conversation(talk):
    """Later messages of a group reply to its first, also when that was deleted: #replyparameters."""
    later = delivery("d-2", kind="resolved"), delivery("d-3", group="g-2")
    _, requests = talk(make, [delivery(), *later], [OK, Answer(200, b'{"ok":true,"result":{"message_id":43}}')])
    replies = [json.loads(request.body).get("reply_parameters") for request in requests]
    assert replies == [None, {"message_id": 42, "allow_sending_without_reply": True}, None]


@pytest.mark.parametrize(
    ("status", "body", "reason", "retry_after"),
    [
        (429, {"description": "Too Many Requests: retry after 9", "parameters": {"retry_after": 9}}, "rate_limited", 9.0),
        (400, {"description": "Bad Request: chat not found"}, "chat_not_found", None),
        (400, {"description": "Bad Request: can't parse entities: unclosed tag"}, "cannot_parse", None),
        (400, {"description": "Bad Request: group chat was upgraded to a supergroup chat",
               "parameters": {"migrate_to_chat_id": -100}}, "chat_migrated", None),
        (403, {"description": "Forbidden: bot was blocked by the user"}, "bot_blocked", None),
        (401, {"description": "Unauthorized"}, "unauthorized", None),
        (404, {"description": "Not Found"}, "not_found", None),
        (500, {"description": "Internal Server Error"}, "server_error", 0.0),
    ],
)  # fmt: skip
def test_what_telegram_says_has_a_reason(talk, status, body, reason, retry_after):
    """`description` and `parameters`: https://core.telegram.org/bots/api#responseparameters."""
    answer = Answer(status, json.dumps({"ok": False, "error_code": status, **body}).encode())
    (error,), _ = talk(make, [delivery()], [answer])
    assert (error.reason, error.retry_after, error.status_code) == (reason, retry_after, status)


def test_the_wait_in_the_body_comes_before_the_header(talk):
    """`parameters.retry_after` is the vendor's own word, a header may be a proxy's."""
    body = b'{"ok":false,"parameters":{"retry_after":5}}'
    (error,), _ = talk(make, [delivery()], [Answer(429, body, (("Retry-After", "50"),))])
    assert error.retry_after == 5.0


def test_hostile_text_stays_text():
    """`<`, `>` and `&` are entities, and nothing else of Telegram's HTML is left: #html-style."""
    told = message(delivery(title=HOSTILE, alerts=(note(summary=HOSTILE, description=HOSTILE),)), Links())
    assert set(re.findall(r"<[^>]*>", told)) == {"<b>", "</b>"}
    assert told.count("<b>") == told.count("</b>") == 2
    assert "&lt;!channel&gt; &amp;" in told


@given(
    st.text(max_size=6_000),
    st.lists(st.tuples(st.text(max_size=300), st.text(max_size=5_000)), max_size=40),
    st.sampled_from(["", "https://page.example"]),
)
def test_a_message_is_never_too_long(title, alerts, page):
    """At most 4096 UTF-16 units after parsing, however many alerts there are, and every tag is closed."""
    notes = tuple(note(summary=summary, description=description) for summary, description in alerts)
    told = message(delivery(title=title, alerts=notes), Links(page=page, runbooks="https://books.example/r"))
    assert len(seen(told).encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST
    assert told.count("<b>") == told.count("</b>")
    assert told.count("<a ") == told.count("</a>")


def test_what_does_not_fit_is_counted():
    """A page about many agents says how many it leaves out."""
    notes = tuple(note(summary=f"agent {number} is down", description="x" * 300) for number in range(27))
    told = message(delivery(alerts=notes), Links())
    assert re.search(r"\.\.\. \d+ more$", told)


def test_links_lead_to_page_and_runbook():
    """With addresses configured both are links; the quoting of an address cannot end its attribute."""
    told = message(delivery(), Links(page='https://p.example/"x', runbooks="https://books.example"))
    assert '<a href="https://books.example/PFDrawdownCritical">Runbook</a>' in told
    assert '<a href="https://p.example/&quot;x/agents/a-1">Fleawatch</a>' in told
