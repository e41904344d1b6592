"""Halts on the page and in the API: how far each has come, who ordered it and why, and what the page needs to order one."""

from __future__ import annotations

import json
import re

import pytest

from fleawatch.events import RulesDeclared
from fleawatch.flow.halting.preflight import totals
from fleawatch.testing.asgi import call
from fleawatch.testing.halted import HaltBelt
from fleawatch.testing.running import beside
from fleawatch.testing.watched import TOKENS, agent_token, controlled, hand_watched
from fleawatch.web.app import create_app
from fleawatch.web.haltview import halt_lines, standing_lines

HOSTILE = "</b><script>alert(1)</script>"


@pytest.fixture(name="belt")
def two():
    """Two agents of two strategies, well and read just now."""
    belt = HaltBelt(process=frozenset({"a-1"}))
    for name, strategy in (("a-1", "calm"), ("b-1", "wild")):
        belt.watch(name, strategy=strategy)
        belt.row(name, "deposit", 100)
        belt.read(name)
    belt.wait(1)
    return belt


def line(belt, agent_id="a-1"):
    (found,) = halt_lines(belt.fleet, belt.policy.halting, {}, agent_id)
    return found


def steps(belt):
    return {step.name: (step.at, step.text) for step in line(belt).steps}


def test_nobody_is_halted(belt):
    """No halt, no line."""
    assert halt_lines(belt.fleet, belt.policy.halting, {}) == []
    assert standing_lines(belt.fleet, {}) == []


def test_a_halt_is_followed_step_by_step(belt):
    """Ordered, delivered and acknowledged are the agent's side; confirmed is the platform's; each with its time."""
    belt.halt("a-1")
    ordered = belt.now
    assert (line(belt).phase, line(belt).in_progress) == ("ordered", True)
    assert steps(belt)["delivered"] == (None, "waits for the agent to be reached")
    belt.wait(1)
    belt.acknowledge("a-1")
    assert line(belt).phase == "acknowledged"
    assert steps(belt)["acknowledged"] == (ordered + 1, "the agent's word, no proof")
    assert steps(belt)["confirmed"] == (None, "waits for whole readings of casino")
    belt.wait(5)
    belt.read("a-1")
    assert (line(belt).phase, line(belt).in_progress) == ("confirmed", False)
    assert steps(belt)["confirmed"] == (belt.now, "readings of casino show no order")
    assert steps(belt)["last order seen"] == (None, "the platform shows none since")


def test_a_halt_that_is_not_confirmed_climbs_and_says_so(belt):
    """Its process is stopped, and when the deadline is over it is named what it is: not confirmed in time."""
    belt.halt("a-1")
    belt.wait(15)
    assert steps(belt)["process stopped"] == (None, "asked for, no answer yet")
    belt.reach("a-1", "process")
    assert steps(belt)["process stopped"][0] == belt.now
    belt.wait(200)
    found = line(belt)
    assert (found.phase, found.in_progress) == ("unhaltable", True)
    assert found.steps[-1].name == "not confirmed in time"
    assert "stop it by other means" in found.steps[-1].text


def test_an_agent_that_goes_on_is_called_a_liar(belt):
    """Orders after its word are counted, and the page says that the word was worth nothing."""
    belt.halt("a-1")
    belt.wait(1)
    belt.acknowledge("a-1")
    belt.wait(10)
    belt.bet("a-1", 5, 0)
    found = line(belt)
    assert found.lied
    assert found.last_order_at == belt.now
    assert steps(belt)["acknowledged"][1] == "it went on after it had said so"


def test_what_is_in_progress_stands_first(belt):
    """Latched halts come after those that are still to be proven."""
    belt.halt("a-1")
    belt.acknowledge("a-1")
    belt.wait(5)
    belt.read("a-1")
    belt.halt("b-1", halt_id="h2")
    assert [one.agent_id for one in halt_lines(belt.fleet, belt.policy.halting, {})] == ["b-1", "a-1"]


def test_a_halt_of_many_stands_by_itself(belt):
    """With how many were let go since."""
    belt.halt(halt_id="h9")
    belt.resume("a-1", "h9")
    (one,) = standing_lines(belt.fleet, {"h9": "outage"})
    assert (one.scope, one.note, one.freed) == ("fleet", "outage", 1)


def test_a_sum_of_which_a_part_is_unknown_is_unknown(belt):
    """Never less than it is; of nobody it is 0."""
    belt.watch("c-1", collectors=("casino", "trading"))
    belt.fail("c-1", "trading")
    acts = [belt_preflight(belt, name) for name in ("a-1", "b-1", "c-1")]
    found = totals(acts)
    assert (found.agents, found.positions, found.notional_usd, found.flatten_cost_usd) == (3, None, None, None)
    assert found.open_orders is None
    nobody = totals([])
    assert (nobody.agents, nobody.positions, nobody.open_orders, nobody.escrow_usd) == (0, 0, 0, 0.0)


def belt_preflight(belt, name):
    from fleawatch.flow.halting.preflight import preflight  # noqa: PLC0415 - named like what it is compared with

    return preflight(belt.fleet, name, "halt", belt.policy)


async def fleet():
    """The two agents as a service with tokens."""
    belt = HaltBelt()
    belt.say(RulesDeclared, alerts=())
    for name, strategy in (("a-1", "calm"), ("b-1", HOSTILE)):
        belt.watch(name, strategy=strategy)
        belt.row(name, "deposit", 100)
        belt.row(name, "escrow_lock", -5, f"esc_{name}")
        belt.read(name)
    belt.wait(1)
    return controlled(await hand_watched(belt.facts, belt.now), ("a-1",))


async def ask(watched, path, role="operator", document=None):
    headers = {"authorization": f"Bearer {TOKENS.get(role, role)}", "accept": "application/json"}
    if document is None:
        return await call(create_app(watched), path, headers=headers)
    return await call(create_app(watched), path, method="POST", body=json.dumps(document).encode(), headers=headers)


@beside(fleet)
async def test_who_ordered_and_why_is_on_every_page(watched):
    """What the operator wrote is text; who looks at the fleet, at the agent or at the control page sees it."""
    wanted = {"scope": "agent", "target": "a-1", "reason": f"looks wrong {HOSTILE}", "halt_id": "0123456789abcdef"}
    assert (await ask(watched, "/api/v1/halt", document=wanted)).status == 202
    (one,) = (await call(create_app(watched), "/api/v1/halts")).json()["halts"]
    assert (one["agent_id"], one["actor"], one["note"], one["phase"]) == (
        "a-1",
        "operator",
        wanted["reason"],
        "ordered",
    )
    for path in ("/", "/alerts", "/control", "/agents/a-1"):
        text = (await call(create_app(watched), path)).text
        section = text.split('id="halts"')[1].split("</section>")[0]
        assert "looks wrong &lt;/b&gt;&lt;script&gt;" in section
        assert "by operator, manual" in section
        assert HOSTILE not in text
    other = (await call(create_app(watched), "/agents/b-1")).text
    assert re.search(r'id="halts"[^>]* hidden>', other)
    assert (await call(create_app(watched), "/api/v1/halts?agent_id=b-1")).json()["halts"] == []
    assert "halt ordered" in (await call(create_app(watched), "/api/v1/agents/a-1/timeline")).text


@beside(fleet)
async def test_an_id_is_that_of_one_halt(watched):
    """The same halt may be sent twice; a stricter one, or one of another agent, under its id is refused and says why."""
    wanted = {"scope": "agent", "target": "a-1", "reason": "r", "halt_id": "0123456789abcdef", "mode": "reduce"}
    for _ in range(2):
        assert (await ask(watched, "/api/v1/halt", document=wanted)).status == 202
    for other in ({"mode": "halt"}, {"target": "b-1"}):
        refused = await ask(watched, "/api/v1/halt", document=wanted | other)
        assert refused.status == 409
        assert "was used for reduce of agent a-1" in refused.text
    assert watched.monitor.state.agents["a-1"].control.state == "reducing"
    assert watched.monitor.state.agents["b-1"].control.halt is None


@beside(fleet)
async def test_a_preflight_of_many_is_a_sum_and_each(watched):
    """Of a strategy and of the fleet; nobody of that name is 404, a stranger 401, an agent 403."""
    found = (await ask(watched, "/api/v1/preflight?scope=fleet", "viewer")).json()
    assert (found["totals"]["agents"], found["totals"]["escrows"], found["totals"]["escrow_usd"]) == (2, 2, 10.0)
    assert found["totals"]["open_orders"] is None
    assert [one["agent_id"] for one in found["agents"]] == ["a-1", "b-1"]
    assert found["text"].count("could be resumed now") == 2
    one = (await ask(watched, "/api/v1/preflight?scope=strategy&target=calm&mode=flatten")).json()
    assert (one["totals"]["agents"], one["totals"]["refused"]) == (1, 1)
    assert (await ask(watched, "/api/v1/preflight?target=nobody")).status == 404
    assert (await ask(watched, "/api/v1/preflight?target=a-1", "no-such-token-at-all")).status == 401
    assert (await ask(watched, "/api/v1/preflight?target=a-1", agent_token("a-1"))).status == 403


@beside(fleet)
async def test_a_token_is_told_whose_it_is(watched):
    """Name and role, of persons only."""
    assert (await ask(watched, "/api/v1/whoami", "viewer")).json() == {"name": "viewer", "role": "viewer"}
    assert (await ask(watched, "/api/v1/whoami")).json() == {"name": "operator", "role": "operator"}
    assert (await ask(watched, "/api/v1/whoami", agent_token("a-1"))).status == 403
    assert (await ask(watched, "/api/v1/whoami", "no-such-token-at-all")).status == 401


@beside(fleet)
async def test_the_page_of_control_reads_without_a_token(watched):
    """It has no form that a browser would send by itself, no token and no field with a name; it fills in whom is meant."""
    text = (await call(create_app(watched), "/control?scope=strategy&target=calm")).text
    assert "<form" not in text
    assert not re.search(r"<(input|select)[^>]* name=", text)
    assert not any(token in text for token in TOKENS.values())
    assert "<option selected>strategy</option>" in text
    assert 'id="target" list="targets" value="calm"' in text
    assert "nobody is halted" in text
    assert (await call(create_app(watched), "/control?scope=everybody")).status == 400


@beside(fleet)
async def test_without_a_configured_token_the_pages_say_what_to_do(watched):
    """Nothing to type a token into is shown."""
    watched.control.tokens._known = ()
    for path in ("/alerts", "/control"):
        text = (await call(create_app(watched), path)).text
        assert "no token is configured under access.tokens" in text
        assert 'id="token"' not in text
