"""Halts that Alertmanager, Grafana and Datadog order, and the acts of operators, over HTTP."""

import json

import pytest

from fleawatch.events import HaltOrdered, Resumed
from fleawatch.testing.asgi import call
from fleawatch.testing.halted import HaltBelt
from fleawatch.testing.running import beside
from fleawatch.testing.watched import TOKENS, controlled, hand_watched
from fleawatch.web.app import create_app

STARTED = "2027-01-15T08:00:00.000Z"


async def fleet():
    """Two agents of two strategies, well and read just now."""
    belt = HaltBelt()
    for name, strategy in (("a-1", "calm"), ("b-1", "wild")):
        belt.watch(name, strategy=strategy)
        belt.row(name, "deposit", 100)
        belt.read(name)
    belt.wait(1)
    return controlled(await hand_watched(belt.facts, belt.now))


def alert(status="firing", fingerprint="c0ffee", started=STARTED, **labels):
    return {
        "status": status, "labels": {"alertname": "Drawdown", **labels}, "annotations": {}, "startsAt": started,
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://x", "fingerprint": fingerprint,
    }  # fmt: skip


def alertmanager(*alerts):
    """The body of Alertmanager's webhook, version 4."""
    return {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "fleawatch",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://x", "alerts": list(alerts),
    }  # fmt: skip


def datadog(transition="Triggered", tags="agent_id:a-1,env:prod", cycle="1234"):
    return {
        "alert_transition": transition, "alert_cycle_key": cycle, "alert_title": "[Triggered] drawdown", "tags": tags,
        "date": "1800000000000",
    }  # fmt: skip


async def post(watched, path, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"authorization": f"Bearer {TOKENS['operator']}", "accept": "application/json"}
    return await call(create_app(watched), path, method="POST", body=body, headers=headers)


async def booked(watched, kind):
    facts = await watched.monitor.in_store(lambda: watched.monitor.store.facts(limit=10_000))
    return [fact.event for fact in facts if isinstance(fact.event, kind)]


def state(watched, agent_id="a-1"):
    return watched.monitor.state.agents[agent_id].control.state


@beside(fleet)
async def test_a_firing_alert_halts_whom_it_names(watched):
    """And nobody else; the act is recorded under the token's name, with the rule's."""
    answer = await post(watched, "/halt", alertmanager(alert(agent_id="a-1")))
    assert (answer.status, state(watched), state(watched, "b-1")) == (202, "halted", "active")
    (order,) = await booked(watched, HaltOrdered)
    assert (order.actor, order.note, order.source, order.scope) == ("operator", "Drawdown", "webhook", "agent")


@beside(fleet)
async def test_a_repeated_notification_halts_nobody_anew(watched):
    """Not even after a resume: the same start of the same alert is the same halt."""
    document = alertmanager(alert(agent_id="a-1"))
    await post(watched, "/halt", document)
    await post(watched, "/halt", document)
    assert len(await booked(watched, HaltOrdered)) == 1
    answer = await post(watched, "/api/v1/resume", {"scope": "agent", "target": "a-1", "reason": "seen to"})
    assert answer.json() == {"resumed": ["a-1"]}
    await post(watched, "/halt", document)
    assert state(watched) == "active"
    await post(watched, "/halt", alertmanager(alert(agent_id="a-1", started="2027-01-15T09:00:00Z")))
    assert state(watched) == "halted"


@beside(fleet)
async def test_what_is_resolved_resumes_nobody(watched):
    """It is counted, and that is all."""
    await post(watched, "/halt", alertmanager(alert(agent_id="a-1")))
    answer = await post(watched, "/halt", alertmanager(alert("resolved", agent_id="a-1")))
    assert (answer.json()["resolved_ignored"], state(watched)) == (1, "halted")


@pytest.mark.parametrize(
    ("labels", "halted"),
    [
        ({"strategy": "wild"}, ["b-1"]),
        ({"pf_scope": "fleet"}, ["a-1", "b-1"]),
        ({"agent_id": "a-1", "strategy": "wild"}, ["a-1"]),
        ({"agent_id": "nobody"}, []),
        ({"strategy": "none"}, []),
        ({}, []),
        ({"agent_id": "../x"}, []),
        ({"agent_id": "a-1", "pf_action": "resume"}, []),
        ({"agent_id": "a-1", "pf_action": ["halt"]}, []),
    ],
)
@beside(fleet)
async def test_labels_say_who_is_meant(watched, labels, halted):
    """Who names nobody halts nobody: a rule without labels must not stop a fleet."""
    answer = await post(watched, "/halt", alertmanager(alert(**labels)))
    held = [name for name, agent in watched.monitor.state.agents.items() if agent.control.halt]
    assert (held, answer.status < 300) == (halted, bool(halted))
    assert answer.status < 500


@beside(fleet)
async def test_who_is_not_watched_does_not_keep_the_others_running(watched):
    """The known ones are halted, the unknown ones named."""
    answer = await post(watched, "/halt", alertmanager(alert(agent_id="nobody"), alert(agent_id="b-1")))
    assert (answer.status, len(answer.json()["unknown"]), state(watched, "b-1")) == (202, 1, "halted")


@pytest.mark.parametrize("other", [alert(), {**alert(agent_id="b-1"), "fingerprint": ""}, 1])
@beside(fleet)
async def test_an_alert_that_names_nobody_does_not_keep_the_others_running(watched, other):
    """Alertmanager groups alerts and sends nothing again that was refused: what can be halted is halted, the rest is told."""
    answer = await post(watched, "/halt", alertmanager(other, alert(agent_id="a-1")))
    assert (answer.status, len(answer.json()["unknown"]), state(watched)) == (202, 1, "halted")


@beside(fleet)
async def test_grafana_speaks_the_same_words(watched):
    """With fields of its own around and in its alerts."""
    one = {
        **alert(agent_id="a-1"),
        "values": {"B": 1},
        "valueString": "[ var='B' ]",
        "silenceURL": "http://x",
        "dashboardURL": "",
    }
    document = {
        **alertmanager(one),
        "version": "1",
        "orgId": 1,
        "title": "[FIRING:1]",
        "state": "alerting",
        "message": "m",
    }
    assert (await post(watched, "/halt", document)).status == 202
    assert state(watched) == "halted"


@pytest.mark.parametrize(
    ("document", "halted"),
    [
        (datadog(), True), (datadog("Re-Triggered"), True), (datadog(tags=["agent_id:a-1"]), True),
        (datadog("Recovered"), False), (datadog("Warn"), False), (datadog(tags="env:prod"), False), (datadog(cycle=""), False),
    ],
)  # fmt: skip
@beside(fleet)
async def test_datadog_halts_when_it_triggers(watched, document, halted):
    """By its tags; recovery and warnings stop nobody."""
    await post(watched, "/halt", document)
    assert (state(watched) == "halted") is halted


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"[]", b"x", b"null", b'{"alerts": 1}', b'{"alerts": [1]}', b'{"alerts": [{}]}']
)
@beside(fleet)
async def test_what_is_no_notification_is_refused(watched, document):
    """422, nobody is halted."""
    assert (await post(watched, "/halt", document)).status == 422
    assert await booked(watched, HaltOrdered) == []


@beside(fleet)
async def test_an_alert_without_identity_is_refused(watched):
    """A repeat of it could not be told from a new one."""
    one = alert(agent_id="a-1")
    del one["fingerprint"]
    assert (await post(watched, "/halt", alertmanager(one))).status == 422


@pytest.mark.parametrize("path", ["/api/v1/halt", "/api/v1/resume"])
@pytest.mark.parametrize(
    "document",
    [{"scope": "fleet", "target": "a-1", "reason": "meant one"}, {"scope": "agent", "target": "a-1", "reason": " \n"}],
)
@beside(fleet)
async def test_an_act_without_reason_or_on_the_fleet_by_mistake_is_refused(watched, path, document):
    """Who names an agent does not mean the fleet, and blanks are no reason."""
    await post(watched, "/halt", alertmanager(alert(pf_scope="fleet")))
    assert (await post(watched, path, document)).status == 422
    assert (state(watched), state(watched, "b-1"), len(await booked(watched, HaltOrdered))) == ("halted", "halted", 1)


@beside(fleet)
async def test_a_request_that_is_sent_twice_is_one_halt(watched):
    """With an id of the sender's."""
    wanted = {"scope": "agent", "target": "a-1", "reason": "test", "mode": "reduce", "halt_id": "my-halt-0001"}
    for _ in range(2):
        answer = await post(watched, "/api/v1/halt", wanted)
        assert answer.json() == {"halt_id": "my-halt-0001", "held": ["a-1"]}
    assert len(await booked(watched, HaltOrdered)) == 1


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"scope": "agent", "target": "nobody"}, 404),
        ({"scope": "strategy", "target": "none"}, 404),
        ({"scope": "agent", "target": "a-1", "mode": "flatten"}, 422),
    ],
)
@beside(fleet)
async def test_an_order_that_nobody_can_carry_out_is_refused(watched, wanted, status):
    """With what would help."""
    answer = await post(watched, "/api/v1/halt", {"reason": "test", **wanted})
    assert (answer.status, await booked(watched, HaltOrdered)) == (status, [])
    assert all(problem["remedy"] for problem in answer.json()["problems"])


@beside(fleet)
async def test_a_resume_is_refused_with_every_reason(watched):
    """Nobody of the fleet is resumed while one of it may not be."""
    await post(watched, "/api/v1/halt", {"scope": "fleet", "reason": "test"})
    watched.clock.advance(999)
    await watched.monitor.tick()
    answer = await post(watched, "/api/v1/resume", {"scope": "fleet", "reason": "go"})
    assert answer.status == 409
    assert [problem["where"] for problem in answer.json()["problems"]] == ["a-1", "b-1"]
    assert await booked(watched, Resumed) == []


@beside(fleet)
async def test_a_resume_of_the_fleet_ends_what_holds_newcomers(watched):
    """Each agent by its own fact, and the standing halt by one more."""
    await post(watched, "/api/v1/halt", {"scope": "fleet", "reason": "test"})
    answer = await post(
        watched, "/api/v1/resume", {"scope": "fleet", "reason": "go", "rebase": True, "ramp_s": 60, "ramp_usd": 2.5}
    )  # fmt: skip
    assert answer.json() == {"resumed": ["a-1", "b-1"]}
    assert watched.monitor.state.standing == {}
    facts = await booked(watched, Resumed)
    assert [(fact.agent_id, fact.actor, fact.rebase, str(fact.ramp_notional_usd)) for fact in facts] == [
        ("a-1", "operator", True, "2.5"), ("b-1", "operator", True, "2.5"), ("", "operator", True, "2.5"),
    ]  # fmt: skip


@pytest.mark.parametrize("wanted", [{"ramp_s": 60}, {"ramp_usd": 5}, {"ramp_s": -1, "ramp_usd": 5}, {"reason": ""}])
@beside(fleet)
async def test_a_resume_that_makes_no_sense_is_refused(watched, wanted):
    """422."""
    assert (await post(watched, "/api/v1/resume", {"scope": "fleet", "reason": "go", **wanted})).status == 422


@beside(fleet)
async def test_a_preflight_is_data_and_text(watched):
    """For machines and for people."""
    headers = {"authorization": f"Bearer {TOKENS['viewer']}"}
    answer = await call(create_app(watched), "/api/v1/agents/a-1/preflight?mode=flatten", headers=headers)
    found = answer.json()
    assert found["open_orders"] is None
    assert found["refused"]
    assert found["text"].startswith("a-1: flatten")
    assert (await call(create_app(watched), "/api/v1/agents/x/preflight", headers=headers)).status == 404
