"""PagerDuty's Events API v2, as https://developer.pagerduty.com/docs/events-api-v2-overview has it."""

from __future__ import annotations

import json

import pytest

from fleawatch.notify.pagerduty import PagerDutyNotifier, action, dedup_key
from fleawatch.notify.wording import Links
from fleawatch.testing.doubles import Answer
from fleawatch.testing.notifier_contract import NOW, delivery, note

KEY = "R0123456789abcdef0123456789abcde"
OK = Answer(202, b'{"status":"success","message":"Event processed","dedup_key":"g-1"}')


def make(exchange, base):
    links = Links(page="https://p.example", runbooks="https://r.example")
    return PagerDutyNotifier(exchange, routing_key=KEY, base=base, links=links)


def test_a_trigger_on_the_wire(talk):
    """POST /v2/enqueue with key, action, dedup key and payload: .../docs/send-alert-event."""
    (receipt,), (request,) = talk(make, [delivery()], [OK])
    document = json.loads(request.body)
    details = document["payload"].pop("custom_details")
    assert request.path == "/v2/enqueue"
    assert document == {
        "routing_key": KEY,
        "event_action": "trigger",
        "dedup_key": "g-1",
        "client": "Fleawatch",
        "client_url": "https://p.example/agents/a-1",
        "payload": {
            "summary": "a-1: drawdown critical",
            "source": "fleawatch/a-1",
            "severity": "critical",
            "timestamp": "2027-01-15T08:00:00.000Z",
            "group": "g-1",
        },
        "links": [
            {"href": "https://r.example/PFDrawdownCritical", "text": "Runbook PFDrawdownCritical"},
            {"href": "https://p.example/agents/a-1", "text": "Fleawatch"},
        ],
    }
    assert details["alert 1"].startswith("CRITICAL a-1 lost 16 %")
    assert (details["reason"], details["delivery"], receipt.id) == ("fired", "d-1", "g-1")


def test_the_end_resolves_the_same_incident(talk):
    """`resolve` needs the key and nothing else."""
    ended = delivery("d-2", kind="resolved", alerts=(note(ended_at=NOW),))
    _, (request,) = talk(make, [ended], [OK])
    assert json.loads(request.body) == {"routing_key": KEY, "event_action": "resolve", "dedup_key": "g-1"}


@pytest.mark.parametrize("kind", ["summary", "digest", "canary", "watchdog"])
def test_what_is_no_incident_pages_nobody(talk, kind):
    """A change event, which sends no notification: .../docs/send-change-event."""
    _, (request,) = talk(make, [delivery(kind=kind, severity="none", text="all is well", alerts=())], [OK])
    document = json.loads(request.body)
    assert request.path == "/v2/change/enqueue"
    assert sorted(document) == ["links", "payload", "routing_key"]
    assert document["payload"]["custom_details"]["text"] == "all is well"


@pytest.mark.parametrize(
    ("kind", "notes", "expected"),
    [
        ("alert", [note()], "trigger"),
        ("repeat", [note(acknowledged_by="ann")], "acknowledge"),
        ("repeat", [note(acknowledged_by="ann"), note()], "trigger"),
        ("escalation", [note(acknowledged_by="ann")], "trigger"),
        ("repeat", [note(acknowledged_by="ann"), note(ended_at=NOW)], "acknowledge"),
        ("resolved", [note(ended_at=NOW), note()], "trigger"),
        ("resolved", [note(ended_at=NOW), note(ended_at=NOW)], "resolve"),
        ("resolved", [], "resolve"),
    ],
)
def test_an_incident_ends_with_its_last_alert(kind, notes, expected):
    """It is resolved when every alert ended and acknowledged when somebody has every one that fires."""
    assert action(delivery(kind=kind, alerts=tuple(notes))) == expected


@pytest.mark.parametrize(("status", "again"), [(400, False), (429, True), (500, True), (503, True)])
def test_the_vendors_table_of_retries(talk, status, again):
    """202 no, 400 no, 429 and 5XX after some time: "API Response Codes & Retry Logic" of the Events API v2."""
    body = b'{"status":"invalid event","message":"Event object is invalid","errors":["..."]}'
    (error,), _ = talk(make, [delivery()], [Answer(status, body)])
    assert (error.retry_after is not None, error.status_code) == (again, status)


def test_sizes_stay_within_the_limits(talk):
    """A summary has 1024 characters, a key 255, an event 512 KB."""
    notes = tuple(note(summary="s" * 900, description="d" * 9_000) for _ in range(200))
    _, (request,) = talk(make, [delivery(group="g" * 300, title="t" * 2_000, alerts=notes)], [OK])
    document = json.loads(request.body)
    assert len(document["payload"]["summary"]) == 1_024
    assert len(document["dedup_key"]) == 64 == len(dedup_key("g" * 300))
    assert document["payload"]["custom_details"]["more alerts"] == "150"
    assert len(request.body) < 512 * 1024
