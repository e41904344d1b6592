"""The gate of one agent: asked before every order, told of every result, closed by the first voice that says so.

    gate = Gate("momentum-01", limits={"drawdown_halt": 0.15, "order_rate": 20})
    answer = gate.may_open(Order(market="BTC-USD", notional_usd=500))

Asking takes microseconds: one lock, no I/O. Telling books the fact in the same belt that the monitor runs. A breach
closes the gate before the call that told of it returns, and is by then in the kernel's hands (see `statefile`).
"""

from __future__ import annotations

import contextlib
import math
import threading
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self, TypeVar, overload

from fleawatch.ending import at_end, not_at_end
from fleawatch.errors import BadConfig, Problem
from fleawatch.events import Event
from fleawatch.sdk.gate import limits as enforced
from fleawatch.sdk.gate.answer import Answer, Changed, Sized, Status, Warned
from fleawatch.sdk.gate.control import Control, Latch, Permission
from fleawatch.sdk.gate.core import Core
from fleawatch.sdk.gate.forks import survive_forks
from fleawatch.sdk.gate.guard import Baseline
from fleawatch.sdk.gate.keeper import Keeper
from fleawatch.sdk.gate.keys import idempotency_key
from fleawatch.sdk.gate.news import Listeners
from fleawatch.sdk.gate.place import halt_path, state_path, token_of
from fleawatch.sdk.gate.statefile import Saved, StateFile, StateUnreadable
from fleawatch.sdk.gate.wrap import Passage, guarded
from fleawatch.sdk.lease.client import LeaseClient
from fleawatch.sdk.lease.document import Lease, Report
from fleawatch.sdk.timing import SystemTiming, Timing

SERVICE: Final = "http://127.0.0.1:9712"
_TICK_S: Final = 1.0
_SAVE_S: Final = 5.0
"""How often the belt is written while facts flow; a closing is on the disk within a beat."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Gate:
    """Stands before every order of one agent.

    States: `active` opens and closes, `reducing` only closes, `halted` sends nothing (unless the halt says flatten: then
    it may close). A state that a limit, a person or the service closed stays until an explicit resume.

    Args:
        agent_id: as the fleet calls the agent.
        limits: by name, see `sdk.gate.limits.ENFORCED`; bounds that the service can tighten and not loosen.
        service: address of the Fleawatch service that grants leases, or None for local limits only.
        token: bearer token of this agent at the service; better `token_file`, which is read anew at each use.
        state_file: what survives a kill; by default in the user's state directory. `memory:` keeps nothing.
        halt_file: while this file exists the gate is halted; by default `AGENT.HALT` beside the state file.
        on_warning: hears of limits that are near and of orders that were too much; must not block.
        on_change: hears of every change of state; must not block.
        lease_lost: the state without a lease; never active.
        timing: the clocks.

    Raises:
        BadConfig: with every complaint about the limits, or what is wrong with another argument.
    """

    def __init__(  # noqa: PLR0913 - one constructor is the whole configuration, all by keyword
        self,
        agent_id: str,
        *,
        limits: Mapping[str, float | None] | None = None,
        service: str | None = SERVICE,
        token: str | None = None,
        token_file: str | Path | None = None,
        state_file: str | Path | None = None,
        halt_file: str | Path | None = None,
        on_warning: Callable[[Warned], object] | None = None,
        on_change: Callable[[Changed], object] | None = None,
        lease_lost: Literal["reducing", "halted"] = "reducing",
        timing: Timing | None = None,
    ) -> None:
        own = enforced.checked(limits or {})
        path = state_path(agent_id, state_file)
        self._service, self._token = service, token_of(token, token_file)
        if lease_lost not in ("reducing", "halted"):
            problem = Problem("lease_lost", f"was {lease_lost!r}", "Write reducing or halted")
            raise BadConfig("the gate was refused", (problem,))
        self.agent_id = agent_id
        self._halt_file = halt_path(path, agent_id, halt_file)
        file = _opened(path, agent_id)
        permission = Permission(lease_lost, needed=service is not None)
        self._core = Core(_loaded(file, agent_id), own, permission, file, timing or SystemTiming())
        self._core.news.listeners = Listeners(on_warning, on_change)
        self._problem = ""
        self._ticked = self._saved_at = -math.inf
        self._client: LeaseClient | None = None
        self._keeper: Keeper | None = None
        self._closed = False
        self._starting = threading.Lock()
        self._look_for_halt_file()
        self._start()
        survive_forks(self)
        self._at_exit = partial(_close, weakref.ref(self))
        at_end(self._at_exit)

    def __bool__(self) -> NoReturn:
        raise TypeError("ask gate.may_open() or gate.may_close(), not bool(gate)")

    def __repr__(self) -> str:
        return f"<Gate of {self.agent_id}>"

    # Asking.

    @property
    def epoch(self) -> int:
        """Rises with every halt and resume; every order carries it."""
        return self._core.control.epoch

    def may_open(self, order: Sized | None = None) -> Answer:
        """Whether an order that raises exposure may be sent now. One that is allowed counts, so ask once an order.

        Without an order nothing is known of its size: it is then refused while a size is limited.
        """
        self._alive()
        return self._core.may_open(order)

    def may_close(self, order: Sized | None = None) -> Answer:  # noqa: ARG002 - a closing order of any size is allowed
        """Whether an order that lowers exposure may be sent now, whatever its size."""
        self._alive()
        return self._core.may_close()

    def may_pay(self) -> Answer:
        """Whether money may be sent away now: a payment, a withdrawal, an escrow."""
        self._alive()
        return self._core.may_pay()

    def opening(self, order: Sized | None = None) -> Passage:
        """`with gate.opening(order) as answer:`, also `async with`; raises TradingHalted instead of entering."""
        return Passage(self.may_open, order)

    def closing(self, order: Sized | None = None) -> Passage:
        """As `opening`, for an order that lowers exposure."""
        return Passage(self.may_close, order)

    @overload
    def guarded(self, function: _Function) -> _Function: ...

    @overload
    def guarded(
        self, *, closes: bool = False, order: Callable[..., Sized | None] | None = None
    ) -> Callable[[_Function], _Function]: ...

    def guarded(
        self,
        function: _Function | None = None,
        *,
        closes: bool = False,
        order: Callable[..., Sized | None] | None = None,
    ) -> _Function | Callable[[_Function], _Function]:
        """Decorator for a plain or async function that sends an order: it is called only when the gate allows it.

        Args:
            function: given by `@gate.guarded` without parentheses.
            closes: it lowers exposure.
            order: finds the order in the function's arguments; without it, the first argument with a `notional_usd`.
        """
        ask = self.may_close if closes else self.may_open
        if function is not None:
            return guarded(ask, function, order)
        return lambda given: guarded(ask, given, order)

    def idempotency_key(self, decision: str) -> str:
        """The key under which the order of a decision is sent, however often it is tried."""
        return idempotency_key(self.agent_id, decision)

    def status(self) -> Status:
        """How the gate stands."""
        core = self._core
        with core.lock:
            now = core.timing.elapsed()
            state, reason = core.voices(now)
            left = core.permission.ends - now
            return Status(
                state=state,
                reason=reason,
                epoch=core.control.epoch,
                limits=dict(core.limits),
                unknown_limits=core.unknown_limits,
                lease_s=left if 0.0 < left < math.inf else None,
                lease_problem=self._problem,
                drawdown=core.guard.drawdown(),
                daily_loss=core.guard.daily_loss(),
                halt_id=core.control.order.halt_id,
                payments_frozen=core.control.order.payments_frozen,
                dropped=dict(core.shield.dropped),
            )

    # Telling.

    def record(self, fact: Event) -> None:
        """Take a fact: a fill, a closed position, a balance, an order, a call. What is wrong with it stays in here.

        An `OrderPlaced` that carries the epoch of an answer was counted when it was allowed; one without counts now.
        """
        self._alive()
        with self._core.shield.over("record"):
            self._core.record(fact)

    def halt(self, actor: str) -> None:
        """Halt now, by a person or the agent's own judgement. Only a resume opens the gate again."""
        core = self._core
        with core.lock:
            core.close("halted", "manual", actor=actor)
        core.tell()

    def resume(self, reason: str, actor: str, *, rebase: bool = False) -> Answer:
        """Open a gate without a service again, if nothing speaks against it; the answer says what does.

        Args:
            reason: why; recorded in the state file.
            actor: who answers for it; recorded as well.
            rebase: accept what is lost: limits count from now. Needed while a limit is still breached, and after a
                state file that could not be read.

        Raises:
            ValueError: no reason or nobody was given.
        """
        if not reason.strip() or not actor.strip():
            raise ValueError("reason or actor was empty; a resume is an act that somebody answers for")
        if self._service is not None:
            status = self.status()
            return Answer(False, "service_decides", status.state, status.epoch)
        self._look_for_halt_file()
        if self._halt_file is not None and self._halt_file.exists():
            status = self.status()
            return Answer(False, "halt_file", status.state, status.epoch)
        return self._core.resume(actor, reason, rebase=rebase)

    # The lease's line (`lease.client.Holder`).

    def elapsed(self) -> float:
        """The pace clock, in seconds."""
        return self._core.timing.elapsed()

    def take_lease(self, lease: Lease, since: float, *, pushed: bool) -> str:
        """A lease came; what became of it."""
        return self._core.take_lease(lease, since, pushed=pushed)

    def heard(self, latch: Latch, epoch: int) -> None:
        """The service knows of the latch."""
        self._core.heard(latch, epoch)

    def line_state(self, problem: str) -> None:
        """Why the service could not be reached, empty when it could."""
        self._problem = problem

    def standing(self) -> tuple[Report, Latch]:
        """What the service is told."""
        return self._core.standing()

    # Life.

    def beat(self) -> None:
        """What the keeper does four times a second: the HALT file, time, the disk. Never raises in production."""
        core = self._core
        now = core.timing.elapsed()
        with core.shield.over("halt_file"):
            self._look_for_halt_file()
        with core.shield.over("state"):
            core.learn_closings()
            core.news.log()
            if core.urgent or not 0.0 <= now - self._saved_at < _SAVE_S:
                self._saved_at = now
                core.save()
        with core.shield.over("tick"):
            if not 0.0 <= now - self._ticked < _TICK_S:
                self._ticked = now
                core.tick()
        if self._client is not None:
            self._client.expire()

    def _look_for_halt_file(self) -> None:
        if self._halt_file is not None and self._halt_file.exists():
            core = self._core
            with core.lock:
                core.close("halted", "halt_file")
            core.tell()

    def _alive(self) -> None:
        """Start the threads where they are missing: after a fork, when the gate is first used."""
        if self._keeper is None and not self._closed:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._keeper is not None or self._closed:
                return
            keeper = Keeper(f"fleawatch-gate-{self.agent_id}", self.beat)
            client = None if self._service is None else LeaseClient(self._service, self._token, self, self._core.shield)
            self._client, self._keeper = client, keeper
            self._core.poke = self._poke
        keeper.start()
        if client is not None:
            client.start()

    def _poke(self) -> None:
        client = self._client
        if client is not None:
            client.poke()

    def close(self) -> None:
        """End the threads and write the state. Afterwards nothing is allowed; closing again does nothing."""
        with self._starting:
            if self._closed:
                return
            self._closed = True
            keeper, client = self._keeper, self._client
        if client is not None:
            client.stop()
        if keeper is not None:
            keeper.stop()
        not_at_end(self._at_exit)
        self._core.end()
        self._core.news.log()
        self._core.save()
        self._core.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def before_fork(self) -> None:
        """Hold still while the process forks."""
        self._core.disk.acquire()
        self._core.lock.acquire()

    def after_fork(self, *, child: bool) -> None:
        """Go on. A child has no thread yet and no lease: it is reducing until it has its own."""
        core = self._core
        if not child:
            core.lock.release()
            core.disk.release()
            return
        self._starting = threading.Lock()
        self._keeper = self._client = None
        core.forked()
        with contextlib.suppress(OSError):
            core.file.reopen()


def _opened(path: Path | None, agent_id: str) -> StateFile:
    try:
        return StateFile(path, agent_id)
    except OSError as error:
        remedy = "Name a file in a folder that the agent may write, or memory: to keep nothing"
        problem = Problem("state_file", f"could not be opened beside {path}: {error.strerror}", remedy)
        raise BadConfig("the gate was refused", (problem,)) from error


def _loaded(file: StateFile, agent_id: str) -> Saved:
    """What the last process left; a gate that is halted where that cannot be read."""
    try:
        return file.load() or Saved(agent_id=agent_id, control=Control(), baseline=Baseline())
    except StateUnreadable as error:
        return file.halted_for(error)


def _close(ref: weakref.ref[Gate]) -> None:
    gate = ref()
    if gate is not None:
        gate.close()
