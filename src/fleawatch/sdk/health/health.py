"""The health of one agent, told by the agent itself: on a port of its own, or mounted in its own ASGI application.

health = Health("momentum-01", port=8080)

@health.check("exchange_api", needed=True)
async def exchange() -> bool:
    return await client.ping()

health.start()          # inside a coroutine the running event loop is watched as well
health.acted()          # after each order, bet or decision
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.gate.forks import survive_forks
from fleawatch.sdk.health.checks import MOST_CHECKS, NAME, Asked, Check, Loop
from fleawatch.sdk.health.page import Answer, Report, answer
from fleawatch.sdk.health.pulse import EVERY_S, LoopWatch, Usage
from fleawatch.sdk.timing import SystemTiming, Timing
from fleawatch.units import AGENT_ID, looks_like_key

OWN: Final = frozenset({"event_loop", "strategy_heartbeat", "system"})
"""Names of what the page tells by itself."""
_JOIN_S: Final = 1.0

_Asked = TypeVar("_Asked", bound=Asked)
_Message = MutableMapping[str, Any]


class Health:
    """Tells how the agent is.

    Whether the process lives is apart from whether it can be relied on, and both from what it depends on: a platform that
    is away makes the agent degraded and, where it is needed, unready, and never asks for a restart.

    Args:
        agent_id: as the fleet calls the agent.
        host: where to listen; this machine alone unless told otherwise, because the page needs no token.
        port: 0 for any free one.
        idle_after_s: seconds without useful work after which the agent counts as degraded; None never judges.
        stalled_s: seconds without a turn after which the watched event loop stands still.
        timing: the clocks.

    Raises:
        BadConfig: the agent's id is none.
    """

    def __init__(
        self,
        agent_id: str,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        idle_after_s: float | None = 300.0,
        stalled_s: float = 10.0,
        timing: Timing | None = None,
    ) -> None:
        if not AGENT_ID.match(agent_id) or looks_like_key(agent_id):
            remedy = "Write lower-case letters, digits, - and _, at most 63, and no key"
            raise BadConfig("the health page was refused", (Problem("agent_id", "was no name of an agent", remedy),))
        self.agent_id = agent_id
        self._address = (host, port)
        self._idle_after_s = idle_after_s
        self._timing = timing or SystemTiming()
        self._lock = threading.RLock()
        self._checks: dict[str, Check] = {}
        self._watch = LoopWatch(self._timing, stalled_s)
        self._usage = Usage()
        self._started: float = self._timing.elapsed()
        self._acted: float | None = None
        self._stopped: threading.Event | None = None
        self._threads: list[threading.Thread] = []
        self._server: Any = None
        survive_forks(self)

    def check(
        self, name: str, *, every_s: float = 15.0, timeout_s: float = 5.0, needed: bool = False
    ) -> Callable[[_Asked], _Asked]:
        """Register the decorated function, sync or async, as a check of what the agent depends on; see `Check`.

        A coroutine function runs on the watched event loop, as a task beside the agent's own; any other in a thread.

        Raises:
            BadConfig: with every complaint about the name and the times.
        """
        problems = [*_bad_name(name), *_bad_times(every_s, timeout_s)]
        with self._lock:
            if name in self._checks:
                problems.append(Problem("name", f"was {name}, which is registered already", "Choose another name"))
            if len(self._checks) >= MOST_CHECKS:
                problems.append(Problem("name", f"was one check more than {MOST_CHECKS}", "Put several into one"))
        if problems:
            raise BadConfig("the check was refused", tuple(problems))

        def register(asked: _Asked) -> _Asked:
            check = Check(
                name, asked, every_s=every_s, timeout_s=timeout_s, needed=needed, loop=self._loop, timing=self._timing
            )
            with self._lock:
                self._checks[name] = check
                if self._stopped is not None:
                    self._begin(f"check-{name}", check.keep_running, self._stopped)
            return asked

        return register

    def acted(self) -> None:
        """The agent did something useful: an order, a bet, a decision. Costs nothing and may be called anywhere."""
        self._acted = self._timing.elapsed()

    def watch_loop(self, loop: Loop | None) -> None:
        """Watch this event loop: the agent lives while it turns, and async checks run on it. None watches no loop."""
        self._watch.watch(loop)

    def start(self, *, serve: bool = True) -> Self:
        """Run the checks from now on, and listen unless the page is mounted elsewhere. Twice is once.

        Raises:
            OSError: the address is taken or may not be used.
        """
        with self._lock:
            if self._stopped is not None:
                return self
            if self._watch.loop is None:
                self._watch.watch(_running_loop())
            if serve:
                from fleawatch.sdk.health.server import HealthServer  # noqa: PLC0415 - a mounted page needs no server

                self._server = HealthServer(*self._address, self.answer)
                self._server.begin()
            stopped = self._stopped = threading.Event()
            self._started = self._timing.elapsed()
            self._usage.measure()
            self._begin("pulse", self._beat, stopped)
            for check in self._checks.values():
                self._begin(f"check-{check.name}", check.keep_running, stopped)
        return self

    def stop(self) -> None:
        """End the checks and free the address. A check that hangs is left behind; it keeps nobody alive."""
        with self._lock:
            stopped, self._stopped = self._stopped, None
            server, self._server = self._server, None
            threads, self._threads = self._threads, []
        if stopped is None:
            return
        stopped.set()
        if server is not None:
            server.end()
        for thread in threads:
            thread.join(_JOIN_S)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens; empty while it does not."""
        with self._lock:
            if self._server is None:
                return ""
            host, port = self._server.server_address[:2]
        return f"http://{host}:{port}"

    def report(self) -> Report:
        """How the agent is now."""
        now, acted = self._timing.elapsed(), self._acted
        with self._lock:
            checks = dict(sorted(self._checks.items()))
            started = self._started
        since = started if acted is None else acted
        return Report(
            agent_id=self.agent_id,
            at=self._timing.now(),
            uptime_s=now - started,
            loop=self._watch.turning(),
            checks={name: (check.verdict(), check.needed) for name, check in checks.items()},
            acted_s=None if acted is None else now - acted,
            idle=None if self._idle_after_s is None else now - since > self._idle_after_s,
            memory_pct=self._usage.memory_pct,
            cpu_pct=self._usage.cpu_pct,
        )

    def answer(self, method: str, path: str, query: str) -> Answer:
        """The answer for one of `/-/healthy`, `/-/ready` and `/health`."""
        return answer(self.report(), method, path, query)

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """The same as an ASGI application, alone or mounted in another; it never waits for anything but the connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"scope was {scope['type']}; the health page speaks http only")
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        found = self.answer(scope["method"], path, scope.get("query_string", b"").decode("latin-1"))
        headers = [
            (b"content-type", found.kind.encode()),
            (b"content-length", str(len(found.body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        body = b"" if scope["method"] == "HEAD" else found.body
        await send({"type": "http.response.start", "status": found.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def before_fork(self) -> None:
        """Hold still while the process is copied."""
        self._lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        """Go on; a child has none of the threads and listens to nothing until it is started by itself."""
        if child:
            if self._server is not None:
                self._server.socket.close()
            self._server, self._stopped, self._threads = None, None, []
            self._watch.renew()
            for check in self._checks.values():
                check.renew()
        self._lock.release()

    def _loop(self) -> Loop | None:
        return self._watch.loop

    def _beat(self, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self._watch.feel()
            self._usage.measure()
            stopped.wait(EVERY_S)

    def _begin(self, name: str, target: Callable[[threading.Event], None], stopped: threading.Event) -> None:
        thread = threading.Thread(target=target, args=(stopped,), name=f"fleawatch-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()


def _running_loop() -> Loop | None:
    """The event loop of whoever starts the page, without loading a library that the agent does not use."""
    library = sys.modules.get("asyncio")
    if library is None:
        return None
    try:
        loop: Loop = library.get_running_loop()
    except RuntimeError:
        return None
    return loop


async def _lifespan(receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})


def _bad_name(name: str) -> list[Problem]:
    if NAME.fullmatch(name) is None or looks_like_key(name):
        shown = "a platform key" if looks_like_key(name) else repr(name[:40])
        return [Problem("name", f"was {shown}", "Write lower case letters, digits and _, at most 40")]
    return [Problem("name", f"was {name}, which the page tells itself", "Choose another name")] if name in OWN else []


def _bad_times(every_s: float, timeout_s: float) -> list[Problem]:
    times = {"every_s": every_s, "timeout_s": timeout_s}
    return [
        Problem(name, f"was {value}", "Write seconds between 0.01 and 86400")
        for name, value in times.items()
        if not 0.01 <= value <= 86_400
    ]
