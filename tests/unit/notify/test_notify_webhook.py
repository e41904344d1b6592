"""The webhook's signature, and what a dead-man service answers."""

from __future__ import annotations

import hashlib
import hmac
import json

from fleawatch.notify.deadman import DeadmanNotifier
from fleawatch.notify.webhook import WebhookNotifier, signature
from fleawatch.notify.wording import Links
from fleawatch.testing.doubles import Answer
from fleawatch.testing.notifier_contract import NOW, delivery

SECRET = "signing-secret-0123456789"


def webhook(exchange, base):
    return WebhookNotifier(exchange, url=base + "/hook?t=1", secret=SECRET, links=Links(runbooks="https://r.example"))


def ping(method):
    return lambda exchange, base: DeadmanNotifier(exchange, url=base + "/uuid", method=method)


def test_a_receiver_can_check_what_it_got(talk):
    """HMAC-SHA256 over timestamp, a dot and the bytes of the body; the delivery's id is in header and body."""
    (receipt,), (request,) = talk(webhook, [delivery()], [Answer(204)])
    stamp = request.headers["x-fleawatch-timestamp"]
    expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest()
    document = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/hook?t=1")
    assert stamp == str(int(NOW))
    assert request.headers["x-fleawatch-signature"] == f"v1={expected}"
    assert request.headers["x-fleawatch-delivery"] == document["key"] == receipt.id == "d-1"
    assert (document["version"], document["group"], document["kind"]) == (1, "g-1", "alert")
    assert document["alerts"][0]["runbook_url"] == "https://r.example/PFDrawdownCritical"


def test_a_known_signature():
    """RFC 4231's second test case, split at a dot of ours: the construction is plain HMAC-SHA256."""
    assert signature("Jefe", "what do ya want for nothing?"[:0], b"") == (
        "v1=" + hmac.new(b"Jefe", b".", hashlib.sha256).hexdigest()
    )


def test_every_try_has_the_same_id(talk):
    """A delivery that is sent twice is recognised; a key that no header may carry is told by its digest."""
    twice = [delivery(), delivery(), delivery("line\r\nX-Evil: 1")]
    _, requests = talk(webhook, twice, [Answer(200)])
    ids = [request.headers["x-fleawatch-delivery"] for request in requests]
    assert ids[:2] == ["d-1", "d-1"]
    assert len(ids[2]) == 64
    assert all("x-evil" not in request.headers for request in requests)


def test_a_ping_is_a_post_with_the_title_or_a_get(talk):
    """HEAD, GET and POST are pings, a body is kept as a note: https://healthchecks.io/docs/http_api/."""
    _, (posted,) = talk(ping("POST"), [delivery(kind="watchdog", title="alerting works")], [Answer(200, b"OK")])
    _, (asked,) = talk(ping("GET"), [delivery(kind="watchdog")], [Answer(200, b"OK")])
    assert (posted.method, posted.path, posted.body) == ("POST", "/uuid", b"alerting works")
    assert (asked.method, asked.path, asked.body) == ("GET", "/uuid", b"")


def test_a_ping_of_nothing_is_no_ping(talk):
    """200 with `OK (not found)` and `OK (rate limited)` are failures: https://healthchecks.io/docs/http_api/."""
    (missing,), _ = talk(ping("POST"), [delivery()], [Answer(200, b"OK (not found)")])
    (limited,), _ = talk(ping("POST"), [delivery()], [Answer(200, b"OK (rate limited)")])
    assert (missing.reason, missing.retry_after) == ("not_found", None)
    assert (limited.reason, limited.retry_after) == ("rate_limited", 60.0)
