"""Alerts on the page and in the API: what fires, what is pending, what every rule says."""

from __future__ import annotations

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import RulesDeclared
from fleawatch.flow.rules import policy_of
from fleawatch.testing.belt import Belt
from fleawatch.web.alertview import alert_lines, alerts_document, verdicts_document

AGENT = "a-1"


@pytest.fixture(name="belt")
def bleeding():
    """An agent that has just lost a quarter of its money."""
    belt = Belt()
    rules = belt.make(RulesDeclared, alerts=tuple(CATALOG.alerts))
    belt.policy = policy_of(rules)
    belt.fold(rules)
    belt.watch(AGENT)
    belt.row(AGENT, "deposit", 1_000)
    belt.read(AGENT)
    belt.bet(AGENT, 250, 0)
    belt.read(AGENT)
    belt.wait(1.0)
    return belt


def test_what_fires_is_listed_with_what_is_done_about_it(belt):
    """The halt fires at once, and says whom it is about, since when, and who was told."""
    document = alerts_document(belt.fleet, belt.policy, None)
    found = {one["alertname"]: one for one in document["firing"]}
    assert found["PFDrawdownHalt"]["agent_id"] == AGENT
    assert found["PFDrawdownHalt"]["status"] == "active"
    assert found["PFDrawdownHalt"]["value"] == pytest.approx(0.25)
    assert document["judged"] == len(CATALOG.alerts)


def test_what_is_not_breached_long_enough_is_pending(belt):
    """The warning needs a minute."""
    document = alerts_document(belt.fleet, belt.policy, AGENT)
    assert "PFDrawdownWarning" in {one["alertname"] for one in document["pending"]}
    assert "PFDrawdownWarning" not in {one["alertname"] for one in document["firing"]}


def test_an_agent_of_whom_nothing_is_known_has_no_alert(belt):
    """Alerts of one agent are not shown with another."""
    belt.watch("b-2")
    document = alerts_document(belt.fleet, belt.policy, "b-2")
    assert document["firing"] == []


def test_every_rule_says_why(belt):
    """Whatever a rule answers, it names a reason."""
    document = verdicts_document(belt.fleet, belt.policy, AGENT, belt.now)
    answers = {one["alertname"]: (one["answer"], one["reason"]) for one in document["verdicts"]}
    assert answers["PFDrawdownHalt"] == ("breached", "above")
    assert answers["PFWalletBalanceLow"] == ("clear", "within")
    assert answers["PFSharpeLow"] == ("unknown", "too_few")
    assert all(reason for _, reason in answers.values())


def test_the_page_lists_the_gravest_first_and_not_the_watchdog(belt):
    """What always fires is no news."""
    lines = alert_lines(belt.fleet)
    assert lines[0].severity == "critical"
    assert "PFWatchdog" not in {one.alert for one in lines}
    assert alert_lines(belt.fleet, "b-2") == []
