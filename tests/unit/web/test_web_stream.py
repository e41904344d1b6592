"""Live updates: changes arrive soon, slow clients cost nothing, too many are told so."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest

from fleawatch.testing.asgi import call, stream
from fleawatch.testing.watched import hand_watched
from fleawatch.web.app import create_app
from fleawatch.web.stream import Hub, LiveResponse

AT = 1_800_000_000.0


def messages(body):
    """The events of a piece of a stream: name and data."""
    found = []
    for part in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in part.splitlines() if ": " in line)
        if "event" in fields:
            found.append((fields["event"], msgspec.json.decode(fields["data"])))
    return found


async def until(live, event):
    """The data of the next message of a kind."""
    async with asyncio.timeout(5):
        while True:
            for name, data in messages(await live.read()):
                if name == event:
                    return data


def with_service(facts, work, at=AT):
    async def run():
        watched = await hand_watched(facts, at)
        try:
            return await work(watched, create_app(watched))
        finally:
            await watched.close()

    return asyncio.run(run())


def test_a_new_client_gets_everything(book):
    """The first message has every cell as it is now, with its number and its text."""

    async def work(_, app):
        async with stream(app, "/api/v1/stream") as live:
            return live.headers["content-type"], await until(live, "cells")

    kind, cells = with_service(book().known("100"), work)
    assert kind.startswith("text/event-stream")
    assert cells["agents/solo/equity"] == {
        "number": {"value": 100.0, "as_of": AT, "source": "casino", "freshness": "fresh", "reason": None},
        "text": "100.00", "look": "", "hint": "",
    }  # fmt: skip
    assert "tiles/pnl" in cells


def test_a_change_arrives_within_two_seconds(book):
    """A booked fact is on every page within two seconds, and only what changed is sent."""
    b = book()

    async def work(watched, app):
        async with stream(app, "/api/v1/stream") as live:
            await until(live, "cells")
            async with asyncio.timeout(2):
                await watched.monitor.book([b.row("23.5"), b.read()])
                return await until(live, "cells")

    changed = with_service(b.known("100"), work)
    assert changed["agents/solo/equity"]["text"] == "123.50"
    assert "agents/solo/drawdown" not in changed


def test_only_the_cells_of_one_agent_are_sent_to_its_page(book):
    """A client of one agent gets no other."""
    one, other = book("one"), book("two")

    async def work(_, app):
        async with stream(app, "/api/v1/stream?agent=one") as live:
            return await until(live, "cells")

    cells = with_service([*one.known(), *other.known()], work)
    assert {key.rsplit("/", 1)[0] for key in cells} == {"agents/one"}


def test_a_new_agent_is_announced(book):
    """When agents come or go the page is told, because it lacks a row."""

    async def work(watched, app):
        async with stream(app, "/api/v1/stream") as live:
            await until(live, "cells")
            await watched.monitor.book(book("late").known())
            return await until(live, "agents")

    assert with_service(book().known(), work) == {}


def test_a_slow_client_gets_the_newest_and_holds_no_queue(book):
    """What a client has not taken is replaced cell by cell: a hundred changes of one cell wait as one."""
    b = book()

    async def work(watched, _):
        hub = Hub(watched, pause_s=0.0)
        with hub.joined("") as client:
            before = len(client.pending)
            for _ in range(100):
                await watched.monitor.book([b.row("1"), b.read()])
                hub._compare()
            return before, len(client.pending), client.pending["agents/solo/equity"].text

    before, after, text = with_service(b.known("100"), work)
    assert after <= before
    assert text == "200.00"


def test_a_client_that_takes_nothing_is_dropped(book, monkeypatch):
    """When a send does not end in time the stream ends, and its place is free again."""
    monkeypatch.setattr("fleawatch.web.stream.SLOW_S", 0.05)

    async def work(watched, _):
        hub = Hub(watched)

        async def send(message):
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        async def receive():
            await asyncio.Event().wait()

        async with asyncio.timeout(3):
            await LiveResponse(hub, "", now=lambda: AT)({"type": "http", "method": "GET"}, receive, send)
        return len(hub._clients), hub._task

    assert with_service(book().known(), work) == (0, None)


def test_too_many_clients_are_told_to_come_back(book):
    """Beyond its limit the hub refuses with 503 and a time to wait."""

    async def work(_, app):
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(64):
                await stack.enter_async_context(stream(app, "/api/v1/stream"))
            return await call(app, "/api/v1/stream")

    refused = with_service(book().known(), work)
    assert refused.status == 503
    assert refused.headers["retry-after"] == "30"
    assert "64 clients listen already" in refused.json()["problems"][0]["what"]


def test_nobody_listening_costs_nothing(book):
    """The last client to leave ends the looking."""

    async def work(watched, _):
        hub = Hub(watched)
        with hub.joined(""):
            running = hub._task
        await asyncio.sleep(0)
        return hub._task, running.cancelled() or running.cancelling() > 0

    assert with_service(book().known(), work) == (None, True)


def test_silence_is_broken_by_beats(book):
    """Without changes the stream says regularly that it lives, and what time it is."""

    async def work(watched, _):
        hub = Hub(watched)
        sent = asyncio.Queue()

        async def send(message):
            await sent.put(message.get("body", b""))

        async def receive():
            await asyncio.Event().wait()

        response = LiveResponse(hub, "agents/none/", now=lambda: AT, beat_s=0.02)
        task = asyncio.create_task(response({"type": "http", "method": "GET"}, receive, send))
        try:
            async with asyncio.timeout(3):
                return [messages(await sent.get()) for _ in range(4)]
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    assert with_service(book().known(), work)[1:] == [[("beat", {"at": AT})]] * 3


@pytest.mark.parametrize(("path", "status"), [("?agent=nobody", 404), ("?agent=NO%20BODY", 400), ("?x=1", 400)])
def test_a_wrong_stream_is_refused(get, path, status):
    """An agent that is not watched, or a parameter that is none, is refused before the stream begins."""
    assert get(f"/api/v1/stream{path}").status == status


def test_head_of_the_stream_ends(get):
    """HEAD gives the headers and no endless body."""
    assert get("/api/v1/stream", method="HEAD").headers["content-type"].startswith("text/event-stream")
