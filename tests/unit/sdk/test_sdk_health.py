"""An agent's own health page: life apart from readiness, checks that hold up nobody, and nothing secret."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time

import pytest

import fleawatch
from fleawatch.errors import BadConfig
from fleawatch.sdk.health.checks import MOST_CHECKS, Check, error_class
from fleawatch.sdk.health.health import Health
from fleawatch.sdk.health.page import ADDRESSES, Report, answer
from fleawatch.sdk.health.pulse import LoopWatch, Turning, Usage, memory_share
from fleawatch.sdk.timing import ManualTiming
from fleawatch.testing.asgi import call

SECRET = "sk_live_0123456789abcdef"


class FakeLoop:
    """An event loop that turns when a test says so."""

    def __init__(self):
        self.waiting = []
        self.closed = False

    def call_soon_threadsafe(self, callback, *args):
        if self.closed:
            raise RuntimeError("Event loop is closed")
        self.waiting.append((callback, args))

    def turn(self):
        waiting, self.waiting = self.waiting, []
        for callback, args in waiting:
            callback(*args)

    def create_task(self, coro):
        raise AssertionError("no task is expected here")


def check_of(asked, timing, *, loop=None, every_s=15.0, timeout_s=5.0):
    return Check(
        "exchange_api", asked, every_s=every_s, timeout_s=timeout_s, needed=True, loop=lambda: loop, timing=timing
    )


def fails():
    raise ConnectionError(f"https://example.org/?key={SECRET}")


@pytest.fixture(name="timing")
def _timing():
    return ManualTiming()


@pytest.fixture(name="health")
def _health(timing):
    found = Health("a-1", timing=timing)
    yield found
    found.stop()


def until(condition, seconds=5.0):
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


class TestChecks:
    @pytest.mark.parametrize(
        ("asked", "ok", "error"),
        [
            (lambda: None, True, None),
            (lambda: True, True, None),
            (lambda: False, False, "failed"),
            (lambda: "yes", False, "bad_answer"),
            (fails, False, "ConnectionError"),
        ],
    )
    def test_an_outcome_is_kept_with_its_age_and_the_class_of_its_error(self, timing, asked, ok, error):
        """Whatever a check does is an outcome, and the text of an error is never kept."""
        check = check_of(asked, timing)
        assert (check.verdict().ok, check.verdict().error) == (None, "not_run_yet")
        check.run()
        timing.advance(7)
        found = check.verdict()
        assert (found.ok, found.error, found.age_s) == (ok, error, 7.0)

    def test_an_old_outcome_is_no_outcome(self, timing):
        """When a check has not ended for three rounds, nobody knows."""
        check = check_of(lambda: True, timing)
        check.run()
        timing.advance(60)
        assert check.verdict().ok is True
        timing.advance(1)
        assert (check.verdict().ok, check.verdict().error) == (None, "stale")

    def test_a_check_that_hangs_fails_while_it_hangs_and_when_it_ends(self, timing):
        """It is asked once, and what it says too late does not count."""
        let_go, asked = threading.Event(), []

        def hangs():
            asked.append(1)
            assert let_go.wait(5)
            return True

        check = check_of(hangs, timing)
        thread = threading.Thread(target=check.run)
        thread.start()
        until(lambda: asked)
        assert check.verdict().ok is None
        timing.advance(6)
        assert (check.verdict().ok, check.verdict().error, check.verdict().age_s) == (False, "timeout", 6.0)
        let_go.set()
        thread.join()
        assert (check.verdict().ok, check.verdict().error, check.verdict().duration_s) == (False, "timeout", 6.0)
        assert asked == [1]

    def test_an_error_whose_class_looks_like_a_key_is_only_an_error(self):
        """Classes are made at run time by some libraries."""
        assert error_class(type(SECRET, (Exception,), {})()) == "error"
        assert error_class(type("E" * 200, (Exception,), {})()) == "error"

    async def _pinged(self):
        await asyncio.sleep(0)
        return True

    def test_a_coroutine_without_an_event_loop_says_so(self, timing):
        """It is closed, not left unawaited; a closed loop is no loop."""
        closed = FakeLoop()
        closed.closed = True
        for loop in (None, closed):
            check = check_of(self._pinged, timing, loop=loop)
            check.run()
            assert check.verdict().error == "no_event_loop"

    def test_a_coroutine_runs_on_the_agents_own_loop(self, timing):
        """As a task beside its own, so that it may use what belongs to the loop."""
        loops = []

        async def pinged():
            await asyncio.sleep(0)
            loops.append(asyncio.get_running_loop())
            return False

        async def agent():
            loop = asyncio.get_running_loop()
            check = check_of(pinged, timing, loop=loop)
            await loop.run_in_executor(None, check.run)
            return check.verdict(), loop

        verdict, loop = asyncio.run(agent())
        assert (verdict.ok, verdict.error, loops) == (False, "failed", [loop])

    def test_a_coroutine_that_takes_too_long_is_cancelled(self, timing):
        """The agent's loop keeps nothing that nobody waits for."""
        ended = []

        async def never():
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("cancelled")

        async def agent():
            loop = asyncio.get_running_loop()
            check = check_of(never, timing, loop=loop, timeout_s=0.05)
            await loop.run_in_executor(None, check.run)
            await asyncio.sleep(0)
            return check.verdict()

        assert asyncio.run(agent()).error == "timeout"
        assert ended == ["cancelled"]

    def test_a_coroutine_that_a_blocked_loop_never_began_is_closed(self, timing):
        """What was given up before it began does not begin afterwards."""
        loop = FakeLoop()
        check = check_of(self._pinged, timing, loop=loop, timeout_s=0.01)
        check.run()
        assert check.verdict().error == "timeout"
        loop.turn()


class TestRegistering:
    def test_an_agent_has_a_name_and_no_key_for_one(self):
        """What is wrong is refused without being repeated."""
        for name in ("", "A 1", SECRET):
            with pytest.raises(BadConfig, match="no name of an agent") as refused:
                Health(name)
            assert SECRET not in str(refused.value)

    @pytest.mark.parametrize("name", ["", "Exchange", "a-b", "x" * 41, SECRET, "system"])
    def test_a_bad_name_is_refused(self, health, name):
        """Names are words of the page and of metrics, never keys."""
        with pytest.raises(BadConfig, match="the check was refused") as refused:
            health.check(name, every_s=0)
        assert {problem.where for problem in refused.value.problems} == {"name", "every_s"}
        assert SECRET not in str(refused.value)

    def test_a_name_is_taken_once_and_there_is_an_end(self, health):
        """Two checks of one name would hide each other."""
        health.check("database")(lambda: True)
        with pytest.raises(BadConfig, match="registered already"):
            health.check("database")
        for number in range(MOST_CHECKS - 1):
            health.check(f"c{number}")(lambda: True)
        with pytest.raises(BadConfig, match="one check more"):
            health.check("more")

    def test_a_check_registered_late_runs_as_well(self, health):
        """After the start it begins at once."""
        health.start(serve=False)
        health.check("database")(lambda: True)
        until(lambda: health.report().checks["database"][0].ok)


class TestLoop:
    def test_a_loop_that_turns_is_alive_and_its_lateness_is_told(self, timing):
        """It is asked to come by, once, and how long it took is how late it is."""
        loop, watch = FakeLoop(), LoopWatch(timing, stalled_s=10)
        assert watch.turning() == Turning(None, None, None)
        watch.watch(loop)
        watch.feel()
        watch.feel()
        assert len(loop.waiting) == 1
        timing.advance(2)
        loop.turn()
        assert watch.turning() == Turning(True, None, 2.0)

    def test_a_loop_that_stands_still_is_not_alive_until_it_turns_again(self, timing):
        """Without waiting for it: the page is answered by another thread."""
        loop, watch = FakeLoop(), LoopWatch(timing, stalled_s=10)
        watch.watch(loop)
        watch.feel()
        timing.advance(11)
        assert watch.turning() == Turning(False, "stalled", 11.0)
        loop.turn()
        watch.feel()
        loop.turn()
        assert watch.turning() == Turning(True, None, 0.0)

    def test_a_closed_loop_is_not_alive(self, timing):
        """The agent's program has ended, whatever its process does."""
        loop, watch = FakeLoop(), LoopWatch(timing, stalled_s=10)
        watch.watch(loop)
        loop.closed = True
        watch.feel()
        assert watch.turning() == Turning(False, "closed", None)
        watch.watch(None)
        assert watch.turning().ok is None


class TestUsage:
    def test_memory_is_a_share_of_what_the_group_may_use(self, tmp_path):
        """Without what the kernel can take back; of the host's where the group has no limit; unknown where nothing tells."""
        host = tmp_path / "meminfo"
        assert memory_share(tmp_path, host) is None
        host.write_text("MemTotal: 1000 kB\nMemAvailable: 250 kB\n")
        assert memory_share(tmp_path, host) == 0.75
        (tmp_path / "memory.current").write_text("600\n")
        (tmp_path / "memory.max").write_text("max\n")
        assert memory_share(tmp_path, host) == 0.75
        (tmp_path / "memory.max").write_text("1000\n")
        (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 100\n")
        assert memory_share(tmp_path, host) == 0.5

    def test_the_processor_is_measured_between_two_looks(self):
        """As a share of all processors that the process may use; unknown before the second look."""
        spent, now = iter((1.0, 2.0)), iter((0.0, 4.0))
        usage = Usage(lambda: 0.5, lambda: next(spent), lambda: next(now))
        assert usage.cpu_pct is None
        usage.measure()
        assert usage.memory_pct == 50.0
        assert usage.cpu_pct == round(25.0 / len(os.sched_getaffinity(0)), 1)


def report(**changed):
    """A report of an agent that is well, but for what is changed."""
    given = {
        "agent_id": "a-1", "at": 1.0, "uptime_s": 10.0, "loop": Turning(True, None, 0.0), "checks": {}, "acted_s": 1.0,
        "idle": False, "memory_pct": 10.0, "cpu_pct": 1.0,
    }  # fmt: skip
    return Report(**{**given, **changed})


def verdict_of(asked, timing):
    check = check_of(asked, timing)
    check.run()
    return check.verdict()


def statuses(found, query=""):
    return tuple(answer(found, "GET", path, query).status for path in ADDRESSES)


class TestPage:
    """`/-/healthy`, `/-/ready` and `/health` ask three questions."""

    def test_all_is_well(self):
        """Three times 200."""
        assert statuses(report(), "strict=1") == (200, 200, 200)

    def test_a_dependency_that_is_away_asks_for_no_restart(self, timing):
        """Degraded, unready where it is needed, and alive in any case."""
        away = verdict_of(fails, timing)
        assert statuses(report(checks={"x": (away, False)})) == (200, 200, 200)
        assert statuses(report(checks={"x": (away, True)})) == (200, 503, 200)
        assert statuses(report(checks={"x": (away, False)}), "strict=1") == (200, 200, 503)
        assert report(checks={"x": (away, False)}).status == "degraded"

    def test_a_needed_check_that_has_not_run_makes_unready(self, timing):
        """Not to know is not to be ready."""
        unrun = check_of(lambda: True, timing).verdict()
        found = answer(report(checks={"x": (unrun, True)}), "GET", "/-/ready", "")
        assert (found.status, found.body) == (503, b"not ready\n- x: not_run_yet\n")

    def test_a_stalled_loop_asks_for_a_restart(self):
        """Neither alive nor ready, and down."""
        stalled = report(loop=Turning(False, "stalled", 11.0))
        assert (stalled.status, statuses(stalled)) == ("down", (503, 503, 200))

    @pytest.mark.parametrize("changed", [{"idle": True}, {"memory_pct": 95.0}])
    def test_an_idle_agent_and_a_full_one_are_degraded(self, changed):
        """An idle strategy is normal for a while, and a restart adds neither money nor signals."""
        found = report(**changed)
        assert (found.status, statuses(found)) == ("degraded", (200, 200, 200))

    def test_only_three_addresses_and_two_methods_are_answered(self):
        """Everything else is refused without a word about the agent."""
        assert answer(report(), "GET", "/metrics", "").status == 404
        assert answer(report(), "POST", "/health", "").status == 405
        assert answer(report(), "HEAD", "/health", "").status == 200

    def test_nothing_secret_is_told(self, timing):
        """The text of an error, with its address and key, is nowhere in any answer."""
        found = report(checks={"x": (verdict_of(fails, timing), True)})
        for path in ADDRESSES:
            body = answer(found, "GET", path, "").body
            assert SECRET.encode() not in body
            assert b"example.org" not in body
        assert b"ConnectionError" in answer(found, "GET", "/health", "").body


class TestHealth:
    def test_useful_work_ages_and_an_agent_that_never_did_any_is_idle_since_its_start(self, health, timing):
        """Degraded after the configured time, well again with the next act."""
        health.start(serve=False)
        assert (health.report().acted_s, health.report().idle) == (None, False)
        timing.advance(301)
        assert (health.report().acted_s, health.report().idle) == (None, True)
        health.acted()
        timing.advance(2)
        assert (health.report().acted_s, health.report().idle) == (2.0, False)

    def test_idleness_need_not_be_judged(self, timing):
        """An agent that waits for days by design says so."""
        health = Health("a-1", idle_after_s=None, timing=timing)
        timing.advance(86_400)
        assert health.report().idle is None
        assert health.report().document()["checks"]["strategy_heartbeat"]["ok"] is None

    def test_the_loop_of_whoever_starts_it_is_watched(self, health):
        """No second call is needed in a coroutine, and none is watched elsewhere."""

        async def agent():
            health.start(serve=False)
            loop = asyncio.get_running_loop()
            await asyncio.sleep(0.05)
            return health._loop() is loop and health.report().loop.ok

        assert asyncio.run(agent())
        other = Health("a-2").start(serve=False)
        assert other.report().loop.ok is None
        other.stop()

    def test_starting_and_stopping_twice_is_once(self, health):
        """No thread is left behind."""
        before = threading.active_count()
        health.check("database", every_s=0.01)(lambda: True)
        assert health.start(serve=False) is health.start(serve=False)
        assert threading.active_count() == before + 2
        health.stop()
        health.stop()
        assert threading.active_count() == before

    def test_mounted_in_an_asgi_application_it_answers_alike(self, health):
        """Below any path, with the same statuses; the lifespan is answered as well."""
        health.check("exchange_api", needed=True)(lambda: True)
        found = asyncio.run(call(health, "/health"))
        assert (found.status, found.json()["agent_id"], found.json()["status"]) == (200, "a-1", "degraded")
        assert asyncio.run(call(health, "/-/ready")).status == 503
        assert asyncio.run(call(health, "/-/healthy")).text == "healthy\n"

    def test_below_a_path_and_in_a_lifespan(self, health):
        """As a framework mounts it, and as a server runs it alone."""
        sent = []

        async def send(message):
            sent.append(message)

        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive():
            return next(messages)

        asyncio.run(health({"type": "lifespan"}, receive, send))
        assert [one["type"] for one in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        sent.clear()
        scope = {"type": "http", "method": "HEAD", "path": "/agent/-/healthy", "root_path": "/agent"}
        asyncio.run(health(scope, receive, send))
        assert (sent[0]["status"], sent[1]["body"]) == (200, b"")
        with pytest.raises(ValueError, match="websocket"):
            asyncio.run(health({"type": "websocket"}, receive, send))

    def test_the_document_is_json_with_an_age_for_everything(self, health, timing):
        """A reader needs no clock of its own."""
        health.check("exchange_api")(fails)
        health.start(serve=False)
        until(lambda: health.report().checks["exchange_api"][0].ok is not None)
        timing.advance(3)
        found = json.loads(health.answer("GET", "/health", "").body)
        check = found["checks"]["exchange_api"]
        assert check == {"ok": False, "needed": False, "age_s": 3.0, "duration_s": 0.0, "error": "ConnectionError"}
        assert set(found["checks"]) == {"exchange_api", "strategy_heartbeat", "system"}


def test_a_child_of_a_fork_starts_anew():
    """It has none of its parent's threads, holds no lock, and can be started by itself."""
    code = (
        "import os, sys\n"
        "from fleawatch import Health\n"
        "health = Health('a-1', port=0)\n"
        "health.check('database')(lambda: True)\n"
        "health.start()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    ok = health.url == '' and health.report().alive\n"
        "    health.start(); ok = ok and health.url != ''; health.stop()\n"
        "    os._exit(0 if ok else 1)\n"
        "_, status = os.waitpid(child, 0)\n"
        "health.stop()\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_loads_no_event_loop_and_no_server_before_it_is_needed():
    """An agent that only imports the package pays for nothing, and one that mounts the page for no server."""
    code = (
        "import sys, fleawatch\n"
        "assert 'fleawatch.sdk' not in sys.modules\n"
        "health = fleawatch.Health('a-1').start(serve=False)\n"
        "assert not {'asyncio', 'http.server', 'msgspec'} & set(sys.modules), sorted(sys.modules)\n"
        "health.stop()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert fleawatch.Health is Health
