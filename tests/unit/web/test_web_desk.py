"""Acts on alerts over HTTP: taken, silenced, ended, each recorded with the name of who did it."""

from __future__ import annotations

import json

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import AlertAcknowledged, AlertCleared, RulesDeclared, Silenced, SilenceEnded, Tick
from fleawatch.flow.routing.standing import standing
from fleawatch.testing.asgi import call
from fleawatch.testing.running import beside
from fleawatch.testing.watched import TOKENS, controlled, example_watched
from fleawatch.web.app import create_app


async def fleet():
    """A small fleet in trouble, judged by every rule."""
    watched = await example_watched(9, 3.0)
    at = watched.clock.now()
    rules = RulesDeclared(
        fact_id="rules", agent_id="", at=at, seen_at=at, source="config", alerts=tuple(CATALOG.alerts)
    )
    ticks = [
        Tick(fact_id=f"later:{step}", agent_id="", at=at + 15.0 * step, seen_at=at + 15.0 * step, source="monitor")
        for step in range(1, 40)
    ]
    await watched.monitor.book([rules, *ticks])
    return controlled(watched, watched.monitor.state.agents)


async def post(watched, path, document):
    """What an operator gets for an act."""
    headers = {"authorization": f"Bearer {TOKENS['operator']}", "accept": "application/json"}
    return await call(create_app(watched), path, method="POST", body=json.dumps(document).encode(), headers=headers)


def recorded(watched, kind):
    """Facts of one kind, newest first."""
    return [fact.event for fact in watched.monitor.store.facts(newest_first=True) if isinstance(fact.event, kind)]


def gravest(watched):
    """The alert at the top."""
    return next(one for one in standing(watched.monitor.state).alerts if one.alert.severity != "none")


@beside(fleet)
async def test_an_alert_is_taken_by_name(watched):
    """It stays, and says who took it; the fact carries the operator's name."""
    one = gravest(watched)
    answer = await post(watched, f"/api/v1/alerts/{one.alert.fingerprint}/ack", {"note": "on it"})
    assert (answer.status, answer.json()["acknowledged"]) == (200, one.alert.alert)
    (fact,) = await watched.monitor.in_store(lambda: recorded(watched, AlertAcknowledged))
    assert (fact.fingerprint, fact.note) == (one.alert.fingerprint, "on it")
    after = {a.alert.fingerprint: a for a in standing(watched.monitor.state).alerts}[one.alert.fingerprint]
    assert fact.actor in (after.by, after.alert.acknowledged_by)


@beside(fleet)
async def test_what_does_not_fire_cannot_be_taken(watched):
    """404, with where to look."""
    answer = await post(watched, "/api/v1/alerts/0000000000000000/ack", {})
    assert answer.status == 404
    assert "fleawatch alerts" in answer.text


@beside(fleet)
async def test_a_silence_is_in_force_until_it_is_ended(watched):
    """It is listed, and ended by its id; both are facts."""
    wanted = {"matchers": {"alertname": "PFRiskUnknown"}, "for_s": 3_600, "comment": "exchange is down"}
    answer = await post(watched, "/api/v1/silences", wanted)
    assert answer.status == 201
    silence_id = answer.json()["silence_id"]
    assert [one.silence_id for one in standing(watched.monitor.state).silences] == [silence_id]
    assert (await post(watched, f"/api/v1/silences/{silence_id}/end", {})).status == 200
    assert standing(watched.monitor.state).silences == ()
    assert (await post(watched, f"/api/v1/silences/{silence_id}/end", {})).status == 404
    assert len(await watched.monitor.in_store(lambda: recorded(watched, Silenced))) == 1
    assert len(await watched.monitor.in_store(lambda: recorded(watched, SilenceEnded))) == 1


@beside(fleet)
async def test_a_silence_of_everything_or_for_ever_is_refused(watched):
    """Both complaints at once."""
    answer = await post(watched, "/api/v1/silences", {"matchers": {}, "for_s": 1e9, "comment": "quiet please"})
    assert answer.status == 422
    assert {"matchers", "for_s"} <= {one["where"] for one in answer.json()["problems"]}


@beside(fleet)
async def test_an_alert_is_cleared_with_a_reason(watched):
    """The reason is recorded; without one it is refused."""
    one = gravest(watched)
    path = f"/api/v1/alerts/{one.alert.fingerprint}/clear"
    assert (await post(watched, path, {})).status == 422
    assert (await post(watched, path, {"reason": "reviewed"})).status == 200
    (fact,) = await watched.monitor.in_store(lambda: recorded(watched, AlertCleared))
    assert fact.reason == "reviewed"
