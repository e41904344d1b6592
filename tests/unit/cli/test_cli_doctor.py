"""What `fleawatch doctor` finds, without a platform: agents, their own servers, and the store."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fleawatch.cli.doctor import _port, _source, _store, examine
from fleawatch.events import HealthRead, reading_id
from fleawatch.service.config import Config
from fleawatch.store import open_store


class Answering:
    """A source whose agent answers in a given state."""

    agent_id = "a-1"
    collector = "agent"

    def __init__(self, *, up):
        self.up = up

    async def read(self, known, now):
        fact_id = reading_id("agent", "health_read", self.agent_id, now)
        return [HealthRead(fact_id=fact_id, agent_id=self.agent_id, at=now, seen_at=now, source="agent", up=self.up)]


@pytest.mark.parametrize("up", [True, False])
def test_an_agent_that_is_not_well_is_a_failure(up):
    """An answer is not enough: the agent's own word on its health decides."""
    finding = asyncio.run(_source(Answering(up=up)))
    assert finding.ok is up
    assert bool(finding.remedy) is not up


def test_a_collector_that_waits_for_the_ledger_is_not_tried_alone():
    """What is read only after the ledger named it says nothing about the platform before."""
    source = Answering(up=False)
    source.collector = "escrow"
    assert asyncio.run(_source(source)).ok


def test_an_agent_that_nothing_reads_is_a_failure(tmp_path):
    """An agent without a source would look watched and is not."""
    config = Config.model_validate(
        {"agents": [{"id": "a-1"}], "listen": {"port": 0}, "store": {"path": tmp_path / "s"}}
    )
    findings = {finding.what: finding for finding in asyncio.run(examine(config))}
    assert not findings["agent a-1"].ok
    assert findings["agent a-1"].remedy
    assert not (tmp_path / "s").exists()


def test_a_store_that_is_not_there_is_not_made(tmp_path):
    """Looking makes nothing; it is enough that a service could."""
    finding = _store(tmp_path / "a" / "b")
    assert finding.ok
    assert str(tmp_path) in finding.detail
    assert list(tmp_path.iterdir()) == []


def test_a_store_below_a_file_is_a_failure(tmp_path):
    """A directory cannot be made below a file."""
    (tmp_path / "a").write_text("")
    assert not _store(tmp_path / "a" / "b").ok
    assert not _store(tmp_path / "a").ok


def test_a_store_in_use_is_sound(tmp_path):
    """A running service keeps its store; the doctor reads beside it and says so."""
    running = open_store(str(tmp_path))
    try:
        during = _store(tmp_path)
    finally:
        running.close()
    after = _store(tmp_path)
    assert during.ok
    assert "in use by a running service, 0 agents" in during.detail
    assert after.ok
    assert "is writable" in after.detail


def test_a_file_that_is_no_store_is_a_failure(tmp_path):
    """What lies at the store's place and is none is told before the service trips over it."""
    (tmp_path / "fleawatch.db").write_text("not a database, but long enough to look like one" * 40)
    finding = _store(tmp_path)
    assert not finding.ok
    assert finding.remedy


def test_looking_at_a_stopped_store_leaves_nothing_beside_it(tmp_path):
    """The write-ahead log of SQLite is the service's; a look at a store that is at rest needs none and makes none."""
    open_store(str(tmp_path)).close()
    before = sorted(path.name for path in tmp_path.iterdir())
    assert _store(tmp_path).ok
    assert sorted(path.name for path in tmp_path.iterdir()) == before


class Health(BaseHTTPRequestHandler):
    """Answers to everything with what it was given."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("body", "in_use", "ok", "detail"),
    [
        (b'{"status": "ok", "started_at": 1.0, "checks": []}', True, True, "the running service listens there"),
        (b'{"status": "ok", "started_at": 1.0, "checks": []}', False, False, "of another store"),
        (b'{"status": "ok"}', True, False, "in use"),
        (b"<html>", True, False, "in use"),
    ],
)
def test_the_port_of_the_running_service_is_its_own(tmp_path, body, in_use, ok, detail):
    """A port is taken wrongly by anybody but the service that has this configuration's store open."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Health) as server, contextlib.ExitStack() as stack:
        server.body = body
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        if in_use:
            stack.callback(open_store(str(tmp_path)).close)
        port = server.server_address[1]
        finding = _port(
            Config.model_validate({"agents": [{"id": "a-1"}], "listen": {"port": port}, "store": {"path": tmp_path}})
        )
    assert finding.ok is ok
    assert detail in finding.detail
    assert bool(finding.remedy) is not ok


def test_a_port_that_answers_nothing_is_not_ours(tmp_path):
    """Something that listens and hangs up is no service."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def hang_up():
            listening.accept()[0].close()

        answering = threading.Thread(target=hang_up)
        answering.start()
        finding = _port(
            Config.model_validate({"agents": [{"id": "a-1"}], "listen": {"port": port}, "store": {"path": tmp_path}})
        )
        answering.join()
    assert not finding.ok
