"""The gate under its lock: every voice, every fact and every order passes here, one at a time.

What happens to a gate is settled before the lock is given back; what the agent's program is to hear of it (warnings,
changes) is told after that, so that a callback may use the gate.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from fleawatch.events import AgentDeclared, AgentRetired, Event, OrderPlaced, Tick, checked
from fleawatch.events.control import GateState
from fleawatch.sdk.gate import limits as enforced
from fleawatch.sdk.gate.admission import Admission, size_of
from fleawatch.sdk.gate.answer import SEVERITY, Answer, Changed, Reason, Sized, Warned
from fleawatch.sdk.gate.control import Control, Latch, Permission, heard
from fleawatch.sdk.gate.guard import Breach, Guard
from fleawatch.sdk.gate.news import News
from fleawatch.sdk.gate.statefile import Resume, Saved, StateFile
from fleawatch.sdk.lease.document import LONGEST_TTL_S, Lease, Report
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.timing import Timing

_LOG: Final = logging.getLogger("fleawatch")


class Core:
    """State and rules of a gate.

    Attributes:
        lock: held for every change; callers of methods marked so hold it.
        news: what the agent's program is to hear.
        dirty: something was learned that the state file does not hold yet; `urgent` where it must not wait.
    """

    def __init__(
        self, saved: Saved, own: Mapping[str, float | None], permission: Permission, file: StateFile, timing: Timing
    ) -> None:
        self.agent_id = saved.agent_id
        self.lock = threading.RLock()
        self.disk = threading.RLock()
        self.file = file
        self.timing = timing
        self.shield = Shield()
        self.news = News(saved.agent_id, self.shield)
        self.control = saved.control
        self.guard = Guard(saved.agent_id, saved.baseline, saved.belt)
        self.permission = permission
        self.admission = Admission()
        self.unknown_limits = saved.unknown_limits
        self.last_resume = saved.last_resume
        self.last_order_at: float | None = None
        self.dirty = self.urgent = False
        self.poke: Callable[[], None] = _nothing
        self._own = own
        self._leased = dict(saved.limits)
        self._open_until = -math.inf
        self._state: GateState = "halted"
        self._reason: Reason = "closed"
        self._epoch = -1
        self._ended = False
        self._set_limits()
        self._settle(timing.elapsed())
        self.news.take()

    # Asking. The first lines of `may_open` are the hot path of every order.

    def may_open(self, order: Sized | None) -> Answer:
        """Whether an order that raises exposure may be sent; an allowed one is counted."""
        size = size_of(order)
        with self.lock:
            now = self.timing.elapsed()
            if now >= self._open_until:
                self._settle(now)
            answer = self._opening
            if answer.allowed:
                reason = self.admission.admit(now, size)
                if reason is None:
                    self.last_order_at = self.timing.now()
                else:
                    answer = Answer(False, reason, self._state, self._epoch)
                    self._warn_of_order(reason, size, now)
        if self.news.pending:
            self.tell()
        return answer

    def may_close(self) -> Answer:
        """Whether an order that lowers exposure may be sent."""
        with self.lock:
            self._settle(self.timing.elapsed())
            answer = self._closing
            if answer.allowed:
                self.last_order_at = self.timing.now()
        if self.news.pending:
            self.tell()
        return answer

    def may_pay(self) -> Answer:
        """Whether money may be sent away: not while halted, nor while payments are frozen."""
        with self.lock:
            self._settle(self.timing.elapsed())
            if self.control.order.payments_frozen:
                return Answer(False, "payments_frozen", self._state, self._epoch)
            return self._answer(allowed=self._state != "halted")

    # Telling.

    def record(self, fact: Event) -> None:
        """Book a fact and judge. Raises what is wrong with the fact."""
        checked(fact)
        if fact.agent_id != self.agent_id:
            raise ValueError(f"the fact was about {fact.agent_id!r}; this gate takes those of {self.agent_id!r}")
        if isinstance(fact, AgentRetired) or (isinstance(fact, AgentDeclared) and fact.collectors):
            raise ValueError("the fact would end the agent's own reporting; a gate takes what the agent itself saw")
        with self.lock:
            now = self.timing.elapsed()
            self._book(fact, now)
            if type(fact) is OrderPlaced:
                self.last_order_at = max(self.last_order_at or 0.0, fact.at)
                if fact.epoch is None and fact.opens is not False:
                    self.admission.told(now, float(fact.notional_usd))
            self.dirty = True
            self._judge(now)
        if self.news.pending:
            self.tell()

    def tick(self) -> None:
        """Let time pass in the belt: days begin, windows move."""
        at = self.timing.now()
        with self.lock:
            now = self.timing.elapsed()
            self._book(Tick(fact_id=f"sdk:tick::{at:.3f}", agent_id="", at=at, seen_at=at, source="sdk"), now)
            self._judge(now)
            self._settle(now)
        self.tell()

    def _book(self, fact: Event, now: float) -> None:
        """A belt that stopped half-way through a fact can no longer be trusted with a limit."""
        try:
            self.guard.take(fact, now)
        except Exception:
            self.close("reducing", "belt_error")
            raise

    def _judge(self, now: float) -> None:
        for breach in self.guard.judge(self.limits, now):
            if SEVERITY[breach.asks] > SEVERITY[self.control.latch.state]:
                self.close(breach.asks, breach.reason, breach.value)
        limit, drawdown = self.limits.get("drawdown_warning"), self.guard.drawdown()
        if limit is not None and drawdown is not None:
            self.news.drawdown(drawdown, limit)

    def breaches(self) -> list[Breach]:
        """Limits that are breached now. The lock is held."""
        return self.guard.judge(self.limits, self.timing.elapsed())

    def close(self, state: GateState, reason: Reason, value: float | None = None, actor: str = "") -> None:
        """Latch. The closing is in the kernel's hands when this returns. The lock is held."""
        if not self.control.close(state, reason, self.timing.now(), value, actor):
            return
        self._remember()
        self._settle(self.timing.elapsed())

    def _remember(self) -> None:
        self.dirty = self.urgent = True
        try:
            self.file.append(self.control.latch)
        except OSError as error:
            self.shield.note("state_unwritable", error)

    def learn_closings(self) -> None:
        """Close as well when a process that shares the state file has closed."""
        try:
            latches = self.file.closings()
        except (OSError, ValueError, msgspec.DecodeError) as error:
            self.shield.note("state_unreadable", error)
            return
        with self.lock:
            for latch in latches:
                if self.control.merge(Control(latch=latch)):
                    self.dirty = self.urgent = True
            self._settle(self.timing.elapsed())
        self.tell()

    # The lease.

    def take_lease(self, lease: Lease, since: float, *, pushed: bool) -> str:
        """Take a lease: what became of it, or `lapsed` for one that was pushed while there was no permission to renew."""
        with self.lock:
            now = self.timing.elapsed()
            if pushed and now >= self.permission.ends:
                return "lapsed"
            taken = self.control.take(lease)
            if taken not in ("older_epoch", "replayed"):
                self.permission.renew(since + min(lease.ttl_s, LONGEST_TTL_S))
                self._obey(lease, now, renew=taken == "resumed")
                if not self.control.told:
                    self.poke()
            self._settle(now)
        self.tell()
        return taken

    def _obey(self, lease: Lease, now: float, *, renew: bool) -> None:
        limits, unknown = enforced.sorted_out(lease.limits)
        if unknown != self.unknown_limits or limits != self._leased:
            self.unknown_limits, self._leased = unknown, limits
            self._set_limits()
            self.poke()
        ramp = lease.ramp
        left = 0.0 if ramp is None else ramp.until - lease.issued_at
        if ramp is not None and left > 0.0:
            self.admission.ramp(ramp.max_notional_usd, now + left)
        else:
            self.admission.ramp(math.inf, math.inf)
        base = lease.baselines
        if base is not None:
            if base.day_start_equity is not None and 0.0 < base.day_start_equity < math.inf:
                self.guard.baseline.leased_equity = base.day_start_equity
            if base.peak_nav is not None and base.nav is not None:
                if renew and base.peak_nav <= base.nav:
                    self.guard.rebase()
                self.guard.anchor(base.peak_nav, base.nav, renew=renew)
        self.dirty = True
        self.urgent = self.urgent or lease.epoch != self._epoch
        self._judge(now)

    def heard(self, latch: Latch, epoch: int) -> None:
        """The service knows of the latch."""
        with self.lock:
            self.control.heard(latch, epoch)
            self.dirty = True

    def _set_limits(self) -> None:
        self.limits = enforced.in_force(self._own, self._leased)
        self.admission.limit(self.limits)

    # Opening again, and the end.

    def resume(self, actor: str, reason: str, *, rebase: bool) -> Answer:
        """Open the latch by an explicit act, which is on the disk before the gate opens."""
        with self.disk, self.lock:
            refusal = self._not_yet(rebase=rebase)
            if refusal is not None:
                return Answer(False, refusal, self._state, self._epoch)
            saved, at = self.snapshot(), self.timing.now()
            saved.control.reopen(at)
            saved.last_resume = Resume(actor=actor, reason=reason, at=at, epoch=saved.control.epoch, rebase=rebase)
            if rebase:
                saved.baseline = self.guard.rebased()
            try:
                self.file.save(saved)
            except OSError as error:
                self.shield.note("state_unwritable", error)
                return Answer(False, "state_unwritable", self._state, self._epoch)
            self.control, self.guard.baseline, self.last_resume = saved.control, saved.baseline, saved.last_resume
            if rebase:
                self.guard.errors.clear()
            self.news.forget()
            self._settle(self.timing.elapsed())
            answer = self._opening
        _LOG.warning("the gate of %s was resumed by %s: %s (rebase=%s)", self.agent_id, actor, reason, rebase)
        self.tell()
        return answer

    def _not_yet(self, *, rebase: bool) -> Reason | None:
        latch = self.control.latch
        if latch.state == "active" or rebase:
            return None
        if latch.reason in ("state_unreadable", "belt_error"):
            return latch.reason
        return next((breach.reason for breach in self.breaches()), None)

    def end(self) -> None:
        """Nothing is allowed any more: the program has ended the gate."""
        with self.lock:
            self._ended = True
            self._settle(self.timing.elapsed())

    def forked(self) -> None:
        """Begin anew in a child: free locks, no lease, nothing to tell."""
        self.lock, self.disk = threading.RLock(), threading.RLock()
        self.permission.drop()
        self._settle(self.timing.elapsed())
        self.news.take()

    def snapshot(self) -> Saved:
        """What the state file is to hold. The lock is held."""
        return Saved(
            agent_id=self.agent_id,
            control=msgspec.structs.replace(self.control),
            baseline=msgspec.structs.replace(self.guard.baseline),
            limits=dict(self._leased),
            unknown_limits=self.unknown_limits,
            last_resume=self.last_resume,
            belt=self.guard.frozen(),
        )

    def save(self) -> None:
        """Write the state file if there is anything new."""
        with self.disk:
            with self.lock:
                if not self.dirty:
                    return
                saved, urgent = self.snapshot(), self.urgent
                self.dirty = self.urgent = False
            try:
                self.file.save(saved)
            except OSError as error:
                self.dirty, self.urgent = True, urgent
                self.shield.note("state_unwritable", error)
                return
            with self.lock:
                if self.control.merge(saved.control):
                    self._settle(self.timing.elapsed())

    # Settling and telling.

    def standing(self) -> tuple[Report, Latch]:
        """What the service is told, and the latch that it then knows of."""
        with self.lock:
            state, reason = self.voices(self.timing.elapsed())
            report = Report(
                epoch=self.control.epoch,
                state=state,
                reason=reason,
                limits=dict(self.limits),
                unknown_limits=self.unknown_limits,
                halt_id=self.control.order.halt_id or None,
                last_order_at=self.last_order_at,
                now=self.timing.now(),
            )
            return report, self.control.latch

    def voices(self, now: float) -> tuple[GateState, Reason]:
        """The strictest voice now. The lock is held."""
        if self._ended:
            return "halted", "closed"
        return heard(self.control, self.permission.voice(now), unknown_limits=bool(self.unknown_limits))

    def _settle(self, now: float) -> None:
        """Bring the answers up to what the voices say."""
        state, reason = self.voices(now)
        self._open_until = self.permission.ends if state == "active" else -math.inf
        if state == self._state and reason == self._reason and self.control.epoch == self._epoch:
            return
        before, self._state, self._reason, self._epoch = self._state, state, reason, self.control.epoch
        self._opening = self._answer(allowed=state == "active")
        flattening = self.control.order.mode == "flatten" and reason == "ordered"
        self._closing = self._answer(allowed=state != "halted" or flattening)
        if before != state:
            self.news.pending.append(Changed(before, state, reason, self._epoch))
        self.poke()

    def _answer(self, *, allowed: bool) -> Answer:
        return Answer(allowed, "ok" if allowed else self._reason, self._state, self._epoch)

    def _warn_of_order(self, reason: Reason, size: float | None, now: float) -> None:
        limit = self.limits.get(reason)
        if limit is None:
            return
        window, size = self.admission.window, size or 0.0
        value = {"order_rate": window.count + 1.0, "order_notional": size}.get(reason, window.notional + size)
        self.news.refused(Warned(reason, value, limit), now)

    def tell(self) -> None:
        """Tell the agent's program what has happened. The lock is not held."""
        with self.lock:
            pending = self.news.take()
        self.news.tell(pending)


def _nothing() -> None:
    """Until the threads run, nobody is to be woken."""
