"""What closes a gate and what may open it again: a state machine without a clock, a file or a socket.

Three voices, and the strictest is heard:

    the latch     what this gate decided by itself. It opens only by an explicit resume.
    the order     what the service said last. Within one epoch it can only grow stricter.
    the lease     permission that must be renewed. Without it the gate is closed, and a renewal opens it again.

An epoch rises with every halt and resume. A lease of an older epoch, or one that is not newer than the last of its epoch,
is ignored: an old document cannot open a gate, whoever sends it again. A lease opens the latch only if it is active, of
an epoch newer than the one in which the service heard of the latch, and so ordered by somebody who knew of it.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from fleawatch.events.control import GateState, HaltMode
from fleawatch.sdk.gate.answer import SEVERITY, Reason, stricter
from fleawatch.sdk.lease.document import Lease

Taken = Literal["renewed", "adopted", "resumed", "older_epoch", "replayed", "wrong_agent"]
"""What became of a lease: permission renewed, a newer epoch adopted, one that opened the latch; else why it was ignored."""


class Latch(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate decided by itself.

    Attributes:
        at: unix seconds.
        value: what was compared, None where it was no limit.
        actor: who closed it, empty where it was a limit.
        epoch: epoch in which it closed.
    """

    state: GateState = "active"
    reason: Reason = "ok"
    at: float = 0.0
    value: float | None = None
    epoch: int = 0
    actor: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What the service said last. `mode` and `halt_id` are of the halt in force, None and empty without one."""

    state: GateState = "active"
    mode: HaltMode | None = None
    halt_id: str = ""
    payments_frozen: bool = False


class Control(msgspec.Struct):
    """The three voices and the epoch. Everything but the lease survives a restart.

    Attributes:
        epoch: newest one known.
        issued_at: time of the newest lease of this epoch, by the service's clock; -1 before the first.
        told: whether the service has heard of the latch.
        heard_epoch: epoch of the service when it heard of it: only a newer one opens.
    """

    epoch: int = 0
    issued_at: float = -1.0
    latch: Latch = msgspec.field(default_factory=Latch)
    order: Order = msgspec.field(default_factory=Order)
    told: bool = True
    heard_epoch: int = 0

    def close(self, state: GateState, reason: Reason, at: float, value: float | None = None, actor: str = "") -> bool:
        """Latch a state unless one at least as strict is; whether it was news."""
        if SEVERITY[state] <= SEVERITY[self.latch.state]:
            return False
        self.latch = Latch(state=state, reason=reason, at=at, value=value, epoch=self.epoch, actor=actor)
        self.told = False
        return True

    def take(self, lease: Lease) -> Taken:
        """Take a lease of this agent."""
        if lease.epoch < self.epoch:
            return "older_epoch"
        newer = lease.epoch > self.epoch
        if not newer and lease.issued_at <= self.issued_at:
            return "replayed"
        self.issued_at = lease.issued_at
        said = _said(lease)
        if not newer:
            looser = SEVERITY[said.state] < SEVERITY[self.order.state]
            self.order = msgspec.structs.replace(self.order, payments_frozen=said.payments_frozen) if looser else said
            return "renewed"
        self.epoch, self.order = lease.epoch, said
        if self.latch.state == "active":
            return "adopted"
        if said.state != "active" or not self.told or lease.epoch <= self.heard_epoch:
            return "adopted"
        self.latch = Latch(epoch=self.epoch)
        return "resumed"

    def heard(self, latch: Latch, epoch: int) -> None:
        """The service has heard of `latch`, and its epoch was `epoch` when it answered."""
        if latch == self.latch:
            self.told = True
            self.heard_epoch = max(self.heard_epoch, epoch)

    def reopen(self, at: float) -> None:
        """An explicit local resume: a new epoch begins and the latch opens."""
        self.epoch += 1
        self.latch = Latch(at=at, epoch=self.epoch)
        self.told = True

    def merge(self, other: Control) -> bool:
        """Learn of a closing from the state file, or from a process that shares it: never opens; whether it was news.

        A closing of a newer epoch is another one, though it be no stricter: whoever knows of the older alone may not open it.
        """
        mine, theirs = self.latch, other.latch
        newer = theirs.epoch > mine.epoch
        stricter_now = SEVERITY[theirs.state] > SEVERITY[mine.state]
        if theirs.state == "active" or theirs.epoch < mine.epoch or not (newer or stricter_now):
            return False
        self.latch = theirs if stricter_now else msgspec.structs.replace(theirs, state=mine.state)
        self.told = False
        return True


class Permission:
    """The lease as it runs out: in seconds of the pace clock, so that no one's wall clock matters.

    Attributes:
        ends: when, `math.inf` without a service.
        had: whether there ever was one.
    """

    __slots__ = ("ends", "had", "lost")

    def __init__(self, lost: GateState, *, needed: bool) -> None:
        self.lost = lost
        self.had = False
        self.ends = -math.inf if needed else math.inf

    def renew(self, until: float) -> None:
        """The lease now ends at `until`; an earlier end than the known one is believed as well."""
        self.ends = until
        self.had = True

    def drop(self) -> None:
        """Forget the lease: after a fork it is the parent's."""
        if self.ends != math.inf:
            self.ends = -math.inf
            self.had = False

    def voice(self, elapsed: float) -> tuple[GateState, Reason]:
        """What the lease says now."""
        if elapsed < self.ends:
            return "active", "ok"
        return (self.lost, "lease_lost") if self.had else ("reducing", "no_lease_yet")


def heard(control: Control, permission: tuple[GateState, Reason], *, unknown_limits: bool) -> tuple[GateState, Reason]:
    """The strictest of all voices and its reason; the latch speaks first among equals."""
    state, reason = control.latch.state, control.latch.reason
    voices: tuple[tuple[GateState, Reason], ...] = (
        (control.order.state, "ordered"),
        ("reducing" if unknown_limits else "active", "unknown_limit"),
        permission,
    )
    for said, why in voices:
        if SEVERITY[said] > SEVERITY[state]:
            state, reason = said, why
    return state, reason


def _said(lease: Lease) -> Order:
    halt = lease.halt
    state: GateState = lease.state
    if halt is not None and halt.mode in ("halt", "flatten"):
        state = "halted"
    elif halt is not None and halt.mode == "reduce":
        state = stricter(state, "reducing")
    frozen = lease.payments_frozen or (halt is not None and halt.mode == "freeze_payments")
    return Order(
        state=state,
        mode=None if halt is None else halt.mode,
        halt_id="" if halt is None else halt.halt_id,
        payments_frozen=frozen,
    )
