"""Who may change something: tokens, roles, bounds; and that everything else stays read-only."""

import json

import pytest

from fleawatch.testing.asgi import call
from fleawatch.testing.running import beside
from fleawatch.testing.watched import TOKENS, agent_token, controlled, example_watched
from fleawatch.web.app import create_app

HALT = {"scope": "agent", "target": "agent-00", "reason": "I say so"}
WRITES = [
    ("POST", "/api/v1/halt"), ("POST", "/api/v1/resume"), ("POST", "/api/v1/drill"), ("POST", "/halt"),
    ("POST", "/api/v1/agents/{agent}/gate"), ("POST", "/api/v1/agents/{agent}/probe/abc"), ("POST", "/api/v1/facts"),
    ("GET", "/api/v1/agents/{agent}/lease"), ("GET", "/api/v1/agents/{agent}/lease/stream"),
    ("GET", "/api/v1/agents/{agent}/preflight"), ("GET", "/api/v1/preflight?scope=fleet"), ("GET", "/api/v1/whoami"),
    ("POST", "/api/v1/alerts/abc/ack"), ("POST", "/api/v1/alerts/abc/clear"), ("POST", "/api/v1/silences"),
    ("POST", "/api/v1/silences/abc/end"),
]  # fmt: skip
PERSONS = {"/api/v1/halt", "/api/v1/resume", "/api/v1/drill", "/halt", "/api/v1/silences"}


async def fleet():
    """A small fleet whose agents have tokens."""
    watched = await example_watched(2, 1.0)
    return controlled(watched, watched.monitor.state.agents)


def bearer(token):
    return {"authorization": f"Bearer {token}", "accept": "application/json"}


def first(watched):
    return next(iter(watched.monitor.state.agents))


@pytest.mark.parametrize(("method", "path"), WRITES)
@beside(fleet)
async def test_without_a_configured_token_nothing_is_changed(watched, method, path):
    """The answer says what to configure."""
    controlled(watched).control.tokens._known = {}
    answer = await call(create_app(watched), path.format(agent=first(watched)), method=method, body=b"{}")
    assert answer.status == 403
    assert "access.tokens" in answer.text


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer nobodys-token-00000", "Basic b3A6b3A=", "Bearer " + "x" * 9_999]
)
@pytest.mark.parametrize(("method", "path"), WRITES)
@beside(fleet)
async def test_an_unknown_token_is_nobody(watched, method, path, header):
    """401 with a challenge, and not a word about which tokens there are."""
    answer = await call(
        create_app(watched),
        path.format(agent=first(watched)),
        method=method,
        body=b"{}",
        headers={"authorization": header},
    )
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert not any(token in answer.text for token in TOKENS.values())


@pytest.mark.parametrize(("method", "path"), WRITES)
@beside(fleet)
async def test_a_viewer_may_only_ask(watched, method, path):
    """What a halt would mean, and nothing else."""
    answer = await call(
        create_app(watched),
        path.format(agent=first(watched)),
        method=method,
        body=b"{}",
        headers=bearer(TOKENS["viewer"]),
    )
    assert answer.status == (200 if path.partition("?")[0].endswith(("preflight", "whoami")) else 403)


@beside(fleet)
async def test_an_agent_speaks_for_itself_only(watched):
    """Its token opens neither another agent's lease nor the operator's doors."""
    one, other = list(watched.monitor.state.agents)[:2]
    app, headers = create_app(watched), bearer(agent_token(one))
    assert (await call(app, f"/api/v1/agents/{one}/lease", headers=headers)).status == 200
    assert (await call(app, f"/api/v1/agents/{other}/lease", headers=headers)).status == 403
    for path in PERSONS:
        assert (await call(app, path, method="POST", body=b"{}", headers=headers)).status == 403


@beside(fleet)
async def test_a_body_that_is_too_long_is_not_read(watched):
    """413, whatever its length was said to be."""
    answer = await call(
        create_app(watched), "/api/v1/halt", method="POST", body=b" " * 20_000, headers=bearer(TOKENS["operator"])
    )
    assert answer.status == 413


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"nonsense", b"{}", b"\xff", b'{"scope":"agent"}', b'{"scope":"all","reason":"x"}',
     b'{"scope":"fleet","reason":"x","surprise":1}', b'{"scope":"fleet","reason":""}', b"[" * 9_999],
)  # fmt: skip
@beside(fleet)
async def test_a_body_that_is_none_is_refused(watched, body):
    """422 with what was wrong."""
    answer = await call(
        create_app(watched), "/api/v1/halt", method="POST", body=body, headers=bearer(TOKENS["operator"])
    )
    assert answer.status == 422
    assert answer.json()["problems"]


@pytest.mark.parametrize("path", ["/", "/metrics", "/health", "/api/v1/fleet", "/api/v1/agents", "/api/v1/stream"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@beside(fleet)
async def test_what_is_read_cannot_be_written(watched, path, method):
    """Not even by an operator."""
    answer = await call(create_app(watched), path, method=method, body=b"{}", headers=bearer(TOKENS["operator"]))
    assert answer.status == 405


@beside(fleet)
async def test_pages_keep_their_policy_and_acts_have_it_too(watched):
    """No answer of the service can be made a page that runs something."""
    answer = await call(
        create_app(watched), "/api/v1/halt", method="POST", body=json.dumps({**HALT, "target": first(watched)}).encode(),
        headers=bearer(TOKENS["operator"]),
    )  # fmt: skip
    assert answer.status == 202
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
