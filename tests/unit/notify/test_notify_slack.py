"""Slack by webhook and by bot, as https://docs.slack.dev has it."""

from __future__ import annotations

import json

import pytest

from fleawatch.notify.slack import LONGEST_SECTION, SlackBot, SlackWebhook, message
from fleawatch.notify.wording import Links
from fleawatch.testing.doubles import Answer
from fleawatch.testing.notifier_contract import HOSTILE, delivery, note


def webhook(exchange, base):
    return SlackWebhook(exchange, url=base + "/services/T0/B0/x")


def bot(exchange, base):
    return SlackBot(exchange, token="xoxb-12345678", channel="C123", base=base)


def posted(ts):
    return Answer(200, json.dumps({"ok": True, "ts": ts}).encode())


def test_a_webhook_on_the_wire(talk):
    """Blocks and a top-level text: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks."""
    _, (request,) = talk(webhook, [delivery()], [Answer(200, b"ok")])
    document = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/services/T0/B0/x")
    assert document["text"].startswith("a-1: drawdown critical\n\nCRITICAL a-1 lost 16 %")
    assert document["blocks"][0] == {
        "type": "header",
        "text": {"type": "plain_text", "text": "a-1: drawdown critical", "emoji": False},
    }
    assert document["blocks"][1]["text"]["text"].startswith("*CRITICAL* a-1 lost 16 % from its peak\nDrawdown is 0.16")


@pytest.mark.parametrize(
    ("status", "body", "reason", "again"),
    [
        (400, b"invalid_payload", "invalid_payload", False),
        (400, b"user_not_found", "user_not_found", False),
        (403, b"action_prohibited", "action_prohibited", False),
        (404, b"channel_not_found", "channel_not_found", False),
        (404, b"no_service", "no_service", False),
        (410, b"channel_is_archived", "channel_is_archived", False),
        (500, b"rollup_error", "rollup_error", True),
    ],
)
def test_a_webhooks_words_are_reasons(talk, status, body, reason, again):
    """https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks."""
    (error,), _ = talk(webhook, [delivery()], [Answer(status, body)])
    assert (error.reason, error.retry_after is not None, error.status_code) == (reason, again, status)


def test_a_bot_on_the_wire_keeps_one_thread_a_group(talk):
    """`thread_ts` is the first message's `ts`: https://docs.slack.dev/reference/methods/chat.postMessage."""
    deliveries = (
        delivery(),
        delivery("d-2", kind="resolved"),
        delivery("d-3", kind="repeat"),
        delivery("d-4", group="x"),
    )
    ends, requests = talk(bot, deliveries, [posted("1.1"), posted("1.2"), posted("1.3"), posted("1.4")])
    documents = [json.loads(request.body) for request in requests]
    assert {request.path for request in requests} == {"/api/chat.postMessage"}
    assert {request.headers["authorization"] for request in requests} == {"Bearer xoxb-12345678"}
    assert [document.get("thread_ts") for document in documents] == [None, "1.1", "1.1", None]
    assert [document.get("reply_broadcast") for document in documents] == [None, True, False, None]
    assert {document["channel"] for document in documents} == {"C123"}
    assert [end.id for end in ends] == ["1.1", "1.2", "1.3", "1.4"]


@pytest.mark.parametrize(
    ("error", "again"),
    [
        ("channel_not_found", False), ("not_in_channel", False), ("is_archived", False), ("invalid_auth", False),
        ("account_inactive", False), ("token_revoked", False), ("msg_too_long", False), ("invalid_blocks", False),
        ("restricted_action", False), ("ratelimited", True), ("rate_limited", True), ("fatal_error", True),
        ("internal_error", True), ("request_timeout", True), ("service_unavailable", True), ("team_added_to_org", True),
    ],
)  # fmt: skip
def test_ok_false_is_a_failure_by_its_name(talk, error, again):
    """The Web API answers 200 with `ok: false`: https://docs.slack.dev/reference/methods/chat.postMessage#errors."""
    answer = Answer(200, json.dumps({"ok": False, "error": error}).encode(), (("Retry-After", "30"),))
    (raised,), _ = talk(bot, [delivery()], [answer])
    assert (raised.reason, raised.retry_after) == (error, 30.0 if again else None)


def test_a_word_that_is_none_is_no_reason(talk):
    """An error that could hold anything is told by `refused`."""
    (raised,), _ = talk(bot, [delivery()], [Answer(200, b'{"ok":false,"error":"<b>x</b> 1"}')])
    assert (raised.reason, raised.retry_after) == ("refused", None)


def test_a_lost_thread_is_begun_anew(talk):
    """When the first message is gone the delivery is tried again, as the first of a new thread."""
    lost = Answer(200, b'{"ok":false,"error":"thread_not_found"}')
    ends, requests = talk(bot, [delivery(), delivery("d-2"), delivery("d-2")], [posted("1.1"), lost, posted("2.1")])
    assert ends[1].retry_after == 0.0
    assert [json.loads(request.body).get("thread_ts") for request in requests] == [None, "1.1", None]


def test_hostile_text_is_no_mention_and_no_link():
    """`&`, `<` and `>` are entities: https://docs.slack.dev/messaging/formatting-message-text#escaping."""
    document = message(
        delivery(title=HOSTILE, text=HOSTILE, alerts=(note(summary=HOSTILE, description=HOSTILE),)), Links()
    )
    texts = [document["text"], *(block["text"]["text"] for block in document["blocks"][1:])]
    assert all("<" not in text and "&lt;!channel&gt;" in text for text in texts)


def test_blocks_stay_within_slacks_limits():
    """A header has 150 characters, a section 3000, a message 50 blocks: /reference/block-kit/blocks."""
    notes = tuple(note(summary="&" * 900, description="<" * 3_000) for _ in range(80))
    document = message(delivery(title="t" * 400, alerts=notes), Links("https://p.example", "https://r.example"))
    assert len(document["blocks"]) <= 50
    assert len(document["blocks"][0]["text"]["text"]) == 150
    assert max(len(block["text"]["text"]) for block in document["blocks"][1:]) <= LONGEST_SECTION
    assert len(document["text"]) <= 4_000
    assert document["blocks"][1]["text"]["text"].endswith("<https://r.example/PFDrawdownCritical|Runbook>")
