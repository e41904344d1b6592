"""Checks of what an agent depends on. Each runs on its own schedule in a thread of its own and keeps its last outcome.

Nobody who asks for health ever waits for a check: the page tells the last outcome and how old it is. A check that hangs
holds up itself alone; it counts as failing while it hangs, and is not started a second time.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from fleawatch.sdk.timing import Timing
from fleawatch.units import looks_like_key

MOST_CHECKS: Final = 32
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CLASS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_MISSED: Final = 3.0
"""Rounds without an end after which the last outcome says nothing any more."""

Outcome = bool | None
"""What a check returns: None and True are good, False is bad."""
Asked = Callable[[], Outcome | Awaitable[Outcome]]


class Loop(Protocol):
    """What is needed of the agent's event loop."""

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> object:
        """Call back from the loop; raises RuntimeError when it is closed."""
        ...

    def create_task(self, coro: Any) -> Any:
        """Run a coroutine."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check stands.

    Attributes:
        ok: None while it is not known.
        error: why it is not good: a bounded word, or the class of the error, never its text. None when it is good.
        age_s: since the outcome, or since a run that hangs began; None before the first run.
        duration_s: how long the last run took that ended.
    """

    ok: bool | None
    error: str | None
    age_s: float | None
    duration_s: float | None


class Check:
    """One check and its last outcome.

    Args:
        name: lower case, at most 40 letters, digits and `_`.
        asked: returns None or True when all is well, False or an error otherwise; may be a coroutine function, which runs on the
            agent's own event loop.
        every_s: pause between two runs.
        timeout_s: a run that takes longer has failed.
        needed: whether the agent is ready only while it is good.
        loop: gives the agent's event loop, None without one.
        timing: the clocks.
    """

    def __init__(
        self,
        name: str,
        asked: Asked,
        *,
        every_s: float,
        timeout_s: float,
        needed: bool,
        loop: Callable[[], Loop | None],
        timing: Timing,
    ) -> None:
        self.name, self.needed = name, needed
        self._asked, self._every_s, self._timeout_s = asked, every_s, timeout_s
        self._loop, self._timing = loop, timing
        self._lock = threading.Lock()
        self._begun: float | None = None
        self._ended: float | None = None
        self._duration: float | None = None
        self._error: str | None = None

    def verdict(self) -> Verdict:
        """How it stands now; never waits for a run."""
        now = self._timing.elapsed()
        with self._lock:
            begun, ended, duration, error = self._begun, self._ended, self._duration, self._error
        if begun is not None and now - begun > self._timeout_s:
            return Verdict(False, "timeout", now - begun, duration)
        if ended is None:
            return Verdict(None, "not_run_yet", None, None)
        if now - ended > _MISSED * (self._every_s + self._timeout_s):
            return Verdict(None, "stale", now - ended, duration)
        return Verdict(error is None, error, now - ended, duration)

    def renew(self) -> None:
        """Begin anew in a process that has none of the threads of its parent."""
        self._lock, self._begun = threading.Lock(), None

    def keep_running(self, stopped: threading.Event) -> None:
        """Run again and again until told to stop."""
        while not stopped.is_set():
            self.run()
            stopped.wait(self._every_s)

    def run(self) -> None:
        """Run once. Whatever the check does, it ends in an outcome."""
        begun = self._timing.elapsed()
        with self._lock:
            self._begun = begun
        try:
            found = self._asked()
            outcome: object = self._awaited(found) if isinstance(found, Awaitable) else found
            error = None if outcome is None or outcome is True else "failed" if outcome is False else "bad_answer"
        except TimeoutError:
            error = "timeout"
        except NoLoopError:
            error = "no_event_loop"
        except Exception as problem:  # noqa: BLE001 - a check may fail in any way, and each is an outcome
            error = error_class(problem)
        ended = self._timing.elapsed()
        with self._lock:
            self._begun, self._ended, self._duration = None, ended, ended - begun
            self._error = "timeout" if ended - begun > self._timeout_s else error

    def _awaited(self, found: Awaitable[Outcome]) -> Outcome:
        loop = self._loop()
        run = _OnLoop(found)
        if loop is None:
            run.give_up()
            raise NoLoopError
        try:
            loop.call_soon_threadsafe(run.begin, loop)
        except RuntimeError:
            run.give_up()
            raise NoLoopError from None
        if not run.ended.wait(self._timeout_s):
            # Said before the loop is told: a run that has not begun by then never does.
            run.given_up = True
            loop.call_soon_threadsafe(run.give_up)
            raise TimeoutError
        if run.error is not None:
            raise run.error
        return run.outcome


class NoLoopError(Exception):
    """A check is a coroutine and there is no event loop to run it on."""


class _OnLoop:
    """One run on the agent's event loop, begun and given up from another thread."""

    def __init__(self, found: Awaitable[Outcome]) -> None:
        self._found = found
        self._task: Any = None
        self.given_up = False
        self.ended = threading.Event()
        self.outcome: Outcome = None
        self.error: Exception | None = None

    def begin(self, loop: Loop) -> None:
        """Called by the loop."""
        if not self.given_up:
            self._task = loop.create_task(self._run())

    def give_up(self) -> None:
        """Nobody waits any more: what runs is cancelled, what has not begun never will."""
        self.given_up = True
        if self._task is not None:
            self._task.cancel()
        elif (close := getattr(self._found, "close", None)) is not None:
            close()

    async def _run(self) -> None:
        try:
            self.outcome = await self._found
        except Exception as problem:  # noqa: BLE001 - the thread that waits makes an outcome of it
            self.error = problem
        finally:
            self.ended.set()


def error_class(error: BaseException) -> str:
    """The class of an error as a bounded word. Its text is never told: it may hold addresses and keys."""
    name = type(error).__name__
    return name if _CLASS.fullmatch(name) and not looks_like_key(name.lower()) else "error"
