"""gunicorn forks its workers from a program that has its telemetry already, and replaces them: totals are exact."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from live_workers import WORKERS, running, until

pytestmark = pytest.mark.live

MOST_REQUESTS = 60
"""After about so many requests a worker is replaced."""


@pytest.mark.parametrize(("kind", "app"), [("sync", "wsgi"), ("gthread", "wsgi"), ("asgi", "app")])
def test_totals_are_exact_while_workers_of_a_preloaded_program_are_replaced(tmp_path, kind, app):
    """Forked after the telemetry was built; ended by a count of requests, a kill, and a reload of the whole."""
    command = (
        sys.executable, "-m", "gunicorn", f"metrics_agent:{app}", "--preload", "--worker-class", kind, "--workers", str(WORKERS),
        "--max-requests", str(MOST_REQUESTS), "--max-requests-jitter", "20", "--bind", "127.0.0.1:{port}",
        "--log-level", "error", "--no-control-socket",
    )  # fmt: skip
    with running(tmp_path, *command) as agent:
        answered = agent.load_until(lambda found: len(found) >= 3 * WORKERS)
        agent.settle()
        agent.assert_exact()
        assert agent.pid not in answered, "the program that forks does not serve"
        os.kill(agent.children()[0], signal.SIGKILL)
        until(agent.scrape)
        agent.assert_exact()
        answered |= agent.load_until(lambda found: len(found - answered) >= WORKERS)
        agent.settle()
        agent.assert_exact()
        os.kill(agent.pid, signal.SIGHUP)
        agent.load_until(lambda found: len(found - answered) >= WORKERS)
        agent.settle()
        agent.assert_exact(agent.own)
        until(lambda: agent.scrape() and len(agent.files()) <= 2 * WORKERS + 1)
        agent.assert_exact()
