"""The pages of alerts: value beside limit, who took it, what keeps it quiet, its story, and what was never delivered."""

from __future__ import annotations

import re

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.errors import DeliveryError, StoreError
from fleawatch.events import AlertAcknowledged, AlertCleared, RulesDeclared, Silenced
from fleawatch.flow.routing.settings import MaintenanceWindow
from fleawatch.flow.rules import policy_of
from fleawatch.notify.memory import MemoryNotifier
from fleawatch.ports import Receipt
from fleawatch.service.courier import Courier, Patience
from fleawatch.testing.asgi import call
from fleawatch.testing.halted import HaltBelt
from fleawatch.testing.running import beside
from fleawatch.testing.watched import controlled, hand_watched
from fleawatch.web.alertrows import firing_rows, limits_of, pending_rows
from fleawatch.web.app import create_app
from fleawatch.web.whatholds import window_lines

HOSTILE = "<img src=x onerror=alert(1)>"


def bleeding(strategy="steady"):
    """An agent that has just lost a quarter of its money, judged by every rule."""
    belt = HaltBelt()
    rules = belt.make(RulesDeclared, alerts=tuple(CATALOG.alerts))
    belt.policy = policy_of(rules)
    belt.fold(rules)
    belt.watch("a-1", strategy=strategy)
    belt.row("a-1", "deposit", 1_000)
    belt.read("a-1")
    belt.bet("a-1", 250, 0)
    belt.read("a-1")
    belt.wait(1.0)
    return belt


async def fleet(belt=None):
    """The same as a service with tokens."""
    belt = belt or bleeding()
    return controlled(await hand_watched(belt.facts, belt.now))


async def page(watched, path="/alerts"):
    return await call(create_app(watched), path)


def halting(watched):
    """The alert that halts, as it fires."""
    rows = firing_rows(watched.monitor.state, watched.monitor.policy)
    return next(one for one in rows if one.alert == "PFDrawdownHalt")


async def say(watched, kind, **fields):
    """A fact about alerts, now."""
    now = watched.clock.now()
    base = {"fact_id": f"t:{kind.__name__}:{now}", "agent_id": "", "at": now, "seen_at": now, "source": "api"}
    await watched.monitor.book([kind(**base, **fields)])


@beside(fleet)
async def test_what_fires_is_listed_with_value_and_limit(watched):
    """And with since when, whom it is about, its runbook and nobody who took it yet."""
    one = halting(watched)
    assert (one.value, one.limit, one.agent_id, one.acknowledged_by) == ("25.0 %", "20.0 %", "a-1", "")
    text = (await page(watched)).text
    row = re.search(rf'<tr data-fingerprint="{one.fingerprint}">.*?</tr>', text, re.DOTALL).group()
    assert 'href="/runbooks/PFDrawdownHalt"' in row
    assert 'href="/agents/a-1"' in row
    assert "25.0 %" in row
    assert "limit 20.0 %" in row


@beside(fleet)
async def test_what_is_pending_is_no_alarm_yet(watched):
    """It stands apart, with since when its condition holds."""
    rows = pending_rows(watched.monitor.state, watched.monitor.policy)
    assert "PFDrawdownWarning" in {one.alert for one in rows}
    assert "PFDrawdownWarning" not in {one.alert for one in firing_rows(watched.monitor.state, watched.monitor.policy)}
    section = (await page(watched)).text.split('id="pending"')[1].split("</section>")[0]
    assert "PFDrawdownWarning" in section


class Refusing(MemoryNotifier):
    """A channel that takes nothing, for good."""

    async def send(self, delivery):
        raise DeliveryError("chat_not_found", f"no such chat {HOSTILE}", retry_after=None, status_code=400)


class Accepting(MemoryNotifier):
    """A channel that gives a receipt."""

    async def send(self, delivery):
        return Receipt("msg-17", 200)


@beside(fleet)
async def test_the_story_of_an_alert(watched):
    """Pending, firing, notified with the receipt, silenced, acknowledged, ended: in order, each with who."""
    one = halting(watched)
    monitor = watched.monitor
    courier = Courier(monitor, {"log": Accepting()}, Patience())
    watched.clock.advance(3)
    await courier.carry("log")
    watched.clock.advance(3)
    await say(watched, Silenced, silence_id="s1", matchers={"agent_id": "a-*"}, starts_at=watched.clock.now(),
              ends_at=watched.clock.now() + 60, author="bob", comment="known")  # fmt: skip
    watched.clock.advance(3)
    await say(watched, AlertAcknowledged, fingerprint=one.fingerprint, actor="ann", note="on it")
    watched.clock.advance(3)
    await say(watched, AlertCleared, fingerprint=one.fingerprint, actor="ann", reason="reviewed")
    found = (await page(watched, f"/api/v1/alerts/{one.fingerprint}/timeline")).json()
    assert found["whole"] is True
    told = [(moment["what"], moment["by"]) for moment in found["moments"]]
    assert told == [
        ("firing", ""), ("notified", "log"), ("silenced", "bob"), ("acknowledged", "ann"), ("cleared by hand", "ann"),
        ("resolved", ""),
    ]  # fmt: skip
    assert "receipt msg-17" in next(moment["text"] for moment in found["moments"] if moment["what"] == "notified")
    text = (await page(watched)).text.split('id="resolved"')[1].split("</section>")[0]
    assert f'href="/alerts/{one.fingerprint}"' in text
    assert "acknowledged by ann" in text
    story = (await page(watched, f"/alerts/{one.fingerprint}")).text
    assert story.index("<b>notified</b>") < story.index("<b>acknowledged</b>")
    agent = (await page(watched, "/agents/a-1")).text
    assert agent.index("<b>acknowledged</b>") < agent.index("<b>notified</b>")


@beside(fleet)
async def test_what_was_never_delivered_is_visible(watched):
    """On the page and in the API, with the channel, the attempts and the error, which is text."""
    await Courier(watched.monitor, {"log": Refusing()}, Patience()).carry("log")
    letters = (await page(watched, "/api/v1/dead")).json()["dead"]
    assert letters
    assert {(one["kind"], one["channel"], one["attempts"]) for one in letters} == {("delivery", "log", 1)}
    assert "chat_not_found" in letters[0]["error"]
    text = (await page(watched)).text
    assert "delivery on log" in text
    assert HOSTILE not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert len((await page(watched, "/api/v1/dead?limit=1")).json()["dead"]) == 1
    assert (await page(watched, "/api/v1/dead?limit=0")).status == 400


@beside(fleet)
async def test_a_silence_says_who_why_and_how_long(watched):
    """And how many alerts it keeps quiet; its text is a stranger's."""
    now = watched.clock.now()
    await say(watched, Silenced, silence_id="s1", matchers={"alertname": "PF*", "strategy": HOSTILE}, starts_at=now,
              ends_at=now + 7_200, author="bob", comment=HOSTILE)  # fmt: skip
    section = (await page(watched)).text.split('id="silences"')[1].split("</section>")[0]
    assert "by bob" in section
    assert "2 h 0 min left" in section
    assert "keeps 0 quiet" in section
    assert HOSTILE not in section
    assert section.count("&lt;img src=x onerror=alert(1)&gt;") == 2


def test_maintenance_windows_say_when_they_are_open():
    """The one that is open stands first, the others with when they open next."""
    belt = bleeding()
    routing = belt.policy.routing.__class__(
        maintenance=tuple(
            MaintenanceWindow(name=name, days=(day,), start_s=0.0, duration_s=3_600.0, matchers={"alertname": "*"})
            for day, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
        )
    )
    policy = belt.policy.__class__(routing=routing)
    lines = window_lines(policy, belt.now)
    assert len(lines) == 7
    assert [one.ends_at is not None for one in lines] == [True] + [False] * 6
    assert lines[0].ends_at == belt.now - 1 + 3_600
    assert [one.opens_at for one in lines[1:]] == [belt.now - 1 + day * 86_400 for day in range(1, 7)]
    assert "at 00:00 UTC, 60 min" in lines[0].times


@pytest.mark.parametrize("path", ["/alerts/0000000000000000", "/alerts/%3Cscript%3E", "/runbooks/nothing"])
@beside(fleet)
async def test_what_is_not_there_is_a_page_that_says_so(watched, path):
    """404, with where to look."""
    answer = await page(watched, path)
    assert answer.status == 404
    assert "<script>" not in answer.text.replace('<script src="/static/theme.js">', "")
    assert "/alerts" in answer.text or "fleawatch runbook" in answer.text


@pytest.mark.parametrize("name", sorted(CATALOG.alerts))
@beside(fleet)
async def test_every_alert_has_its_runbook_as_a_page(watched, name):
    """With what to do, and no slot left open."""
    answer = await page(watched, f"/runbooks/{name}")
    assert answer.status == 200
    assert "<h2>Act</h2>" in answer.text
    assert "{limit:" not in answer.text


def hostile():
    return fleet(bleeding(strategy=HOSTILE))


@beside(hostile)
async def test_a_hostile_strategy_is_text_on_every_page(watched):
    """It is no element anywhere, neither in a list of choices nor in a story."""
    one = halting(watched)
    for path in ("/", "/alerts", f"/alerts/{one.fingerprint}", "/control", "/agents/a-1"):
        answer = await page(watched, path)
        assert answer.status == 200
        assert HOSTILE not in answer.text


@beside(fleet)
async def test_a_store_that_fails_takes_away_the_story_and_not_the_fleet(watched, monkeypatch):
    """The page of alerts says so and when to come back; the fleet's page and its halts stand."""

    def broken(*_, **__):
        raise StoreError("the disk is full")

    for name in ("outputs", "known", "dead"):
        monkeypatch.setattr(watched.monitor.store, name, broken)
    assert (await page(watched)).status == 503
    assert (await page(watched, "/api/v1/halts")).status == 200
    assert (await page(watched, "/")).status == 200


def test_every_rule_with_a_threshold_names_its_limit():
    """The limits of a row are those that the rule compares with."""
    assert limits_of(CATALOG.alerts["PFDrawdownHalt"]) == ("drawdown_halt",)
    assert limits_of(CATALOG.alerts["PFUnhaltable"]) == ()
