"""An agent's health page on a real socket: read by the service's own probe, and answered while the agent stands still."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest

from fleawatch import Health
from fleawatch.clock import ManualClock
from fleawatch.events import HealthRead, SchemaSurprise
from fleawatch.sources.build import AgentKeys, Platform, sources_for
from fleawatch.sources.http import open_session

pytestmark = pytest.mark.live

NOW = 1_800_000_000.0


def ask(health, path, method="GET"):
    """One request: status and body."""
    connection = http.client.HTTPConnection(urlsplit(health.url).netloc, timeout=5)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())
    finally:
        connection.close()


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(name="health")
def _health():
    with Health("a-1", port=0, stalled_s=0.2) as health:
        yield health


def test_it_listens_on_this_machine_alone(health):
    """And tells neither a version nor anything else about itself."""
    assert urlsplit(health.url).hostname == "127.0.0.1"
    status, body, headers = ask(health, "/health")
    assert (status, json.loads(body)["agent_id"]) == (200, "a-1")
    assert (headers["Server"], headers["Cache-Control"], headers["X-Content-Type-Options"]) == (
        "fleawatch",
        "no-store",
        "nosniff",
    )


def test_three_questions_have_three_answers(health):
    """A dependency that is away makes unready and degraded, not unhealthy."""

    @health.check("exchange_api", needed=True)
    def _():
        raise ConnectionError("https://example.org?key=sk_live_0123")

    until(lambda: health.report().checks["exchange_api"][0].ok is False)
    assert [ask(health, path)[0] for path in ("/-/healthy", "/-/ready", "/health", "/health?strict=1")] == [
        200,
        503,
        200,
        503,
    ]
    assert b"sk_live" not in ask(health, "/health")[1] + ask(health, "/-/ready")[1]
    assert ask(health, "/elsewhere")[0] == 404
    assert ask(health, "/health", "POST")[0] in {405, 501}
    assert ask(health, "/health", "HEAD")[:2] == (200, b"")


def test_a_blocked_event_loop_is_told_while_it_is_blocked():
    """The page is answered by another thread; the loop is asked and never waited for."""

    async def agent():
        health = Health("a-1", port=0, stalled_s=0.2).start()
        try:
            await asyncio.sleep(1.2)
            before = await asyncio.to_thread(ask, health, "/-/healthy")
            loop = asyncio.get_running_loop()
            asked = loop.run_in_executor(None, _ask_until, health, 503)
            time.sleep(1.8)  # noqa: ASYNC251 - the loop must stand still
            during = await asked
            await asyncio.sleep(1.2)
            return before[0], during, (await asyncio.to_thread(ask, health, "/-/healthy"))[0]
        finally:
            health.stop()

    assert asyncio.run(agent()) == (200, 503, 200)


def _ask_until(health, status):
    end = time.monotonic() + 1.7
    found = 0
    while found != status and time.monotonic() < end:
        found = ask(health, "/-/healthy")[0]
        time.sleep(0.02)
    return found


def test_clients_that_say_nothing_do_not_keep_others_from_an_answer(health):
    """Nor fill the agent with threads: beyond a few, connections are turned away."""
    place = urlsplit(health.url)
    silent = [socket.create_connection((place.hostname, place.port)) for _ in range(7)]
    try:
        assert ask(health, "/-/healthy")[0] == 200
    finally:
        for one in silent:
            one.close()


def test_an_address_that_is_taken_is_an_error_at_the_start(health):
    """Not a page that nobody can read."""
    with pytest.raises(OSError, match="in use"):
        Health("a-2", port=urlsplit(health.url).port).start()


def test_the_services_probe_reads_it(health):
    """Checks, the last useful act, and memory arrive as facts; a page without figures beside it is no surprise."""
    health.check("exchange_api")(lambda: False)
    health.check("database")(lambda: True)
    health.acted()
    until(lambda: all(one.ok is not None for one, _ in health.report().checks.values()))

    async def read():
        async with open_session() as session:
            platform = Platform(bases={}, session=session, clock=ManualClock(NOW), deadline_s=5.0)
            (probe,) = sources_for(AgentKeys(agent_id="a-1", health_url=health.url), platform)
            return await probe.read(None, NOW)

    facts = asyncio.run(read())
    (found,) = [fact for fact in facts if isinstance(fact, HealthRead)]
    checks = {check.name: check.ok for check in found.checks}
    assert found.up
    assert {name: checks[name] for name in ("exchange_api", "database", "heartbeat")} == {
        "exchange_api": False, "database": True, "heartbeat": True,
    }  # fmt: skip
    assert found.last_action_at == pytest.approx(NOW, abs=30)
    assert found.memory_ratio is None or 0 < found.memory_ratio <= 1
    assert not [fact for fact in facts if isinstance(fact, SchemaSurprise)]
