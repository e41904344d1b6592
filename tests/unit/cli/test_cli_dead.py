"""`fleawatch alerts --dead`: what was never delivered, as a table and as JSON, and an exit code that says so."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from click.testing import CliRunner

from fleawatch.cli.root import cli

LETTER = {
    "id": 7, "kind": "delivery", "key": "k", "agent_id": "a-1", "channel": "chat", "what": "a-1 is halted", "at": 1_800_000_000.0,
    "failed_at": 1_800_000_060.0, "attempts": 4, "error": "chat_not_found: no such chat",
}  # fmt: skip


@pytest.fixture(name="service")
def _service():
    """A service that answers with these letters; yields (letters, address, paths that were asked)."""
    letters, paths = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            paths.append(self.path)
            body = json.dumps({"dead": letters}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield letters, f"http://127.0.0.1:{server.server_address[1]}", paths
        server.shutdown()


def run(address, *more):
    return CliRunner().invoke(cli, ["alerts", "--dead", "--url", address, *more])


def test_nothing_is_dead(service):
    """It says so, and exits with 0."""
    _, address, paths = service
    done = run(address)
    assert (done.exit_code, done.stdout.strip()) == (0, "everything was delivered, or is still tried")
    assert paths == ["/api/v1/dead"]


def test_a_dead_letter_is_a_line(service):
    """With when, on which channel, how often and why; the exit code is 1."""
    letters, address, _ = service
    letters.append(LETTER)
    done = run(address)
    assert done.exit_code == 1
    assert "chat" in done.stdout
    assert "chat_not_found: no such chat" in done.stdout
    assert "a-1 is halted" in done.stdout
    machine = run(address, "--json")
    assert (machine.exit_code, json.loads(machine.stdout)) == (1, {"dead": [LETTER]})


def test_it_stands_alone(service):
    """With an agent it is refused, since a letter may be about several."""
    assert run(service[1], "--agent", "a-1").exit_code == 2
