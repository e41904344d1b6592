"""What the belt's surroundings promise: sources bring facts, sinks and notifiers carry outputs away, the store remembers.

A port says what is promised about ordering, retries and threads. Twins of one port pass one contract suite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import msgspec

from fleawatch.events import AgentDeclared, AnyEvent, Event, LedgerEntry
from fleawatch.events.span import SpanRecord
from fleawatch.flow.outputs import AnyOutput, Delivery, HaltCommand, Notice, Output, TopUp
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.flow.tally import Labels


class StoredFact(NamedTuple):
    """A recorded fact and its place in the order of recording, counted from 1."""

    seq: int
    event: AnyEvent


class Claimed(NamedTuple):
    """An output that this process, and no other, is to act on. `attempts` counts this one."""

    id: int
    output: AnyOutput
    attempts: int


class DeadLetter(NamedTuple):
    """An output that nobody will act on any more. `failed_at` in unix seconds; `error` is what the last attempt said."""

    id: int
    output: AnyOutput
    attempts: int
    failed_at: float
    error: str


class Snapshot(NamedTuple):
    """The state after fact number `seq`: one opaque body a scope (an agent id, or `""` for the fleet's own part)."""

    seq: int
    bodies: Mapping[str, bytes]


class Kept(NamedTuple):
    """A kept snapshot: the state after fact number `seq`, kept at `at`, unix seconds."""

    seq: int
    at: float


class AuditEntry(NamedTuple):
    """One entry of the audit log.

    Attributes:
        seq: its place, counted from 1 without a gap.
        at: when it happened, unix seconds.
        kind: of the fact or output (`halt_ordered`, `alert_change` ...).
        agent_id: whom it is about; empty for the fleet.
        source: who says so.
        ref: the fact's id, or the output's key.
        fact: number of the recorded fact that it is, or that it follows from.
        body: the fields that are shown of it, as JSON, without secrets.
        sha256: of the whole fact or output as it was recorded, in hexadecimal.
        chain: keyed value over this entry and every one before, in hexadecimal.
    """

    seq: int
    at: float
    kind: str
    agent_id: str
    source: str
    ref: str
    fact: int
    body: str
    sha256: str
    chain: str


class Store(Protocol):
    """The memory of a service. Synchronous; called from one thread. Every method raises `StoreError` when it fails."""

    def commit(self, facts: Sequence[Event], outputs: Sequence[Output]) -> int:
        """Record facts and what follows from them, all or nothing, in the order given.

        Every fact must be new (see `known`); an output whose key is already recorded is left out.
        Returns the number of the last recorded fact, 0 while there is none.
        """
        ...

    def known(self, fact_ids: Iterable[str]) -> dict[str, AnyEvent]:
        """Those of the facts that are already recorded, as they are booked now, with amendments, by id."""
        ...

    def facts(
        self,
        *,
        after: int = 0,
        limit: int = 1_000,
        agent_id: str | None = None,
        kinds: Sequence[str] | None = None,
        newest_first: bool = False,
        before: int | None = None,
    ) -> list[StoredFact]:
        """Recorded facts in order of recording: `after < seq` (and `seq < before`), at most `limit`."""
        ...

    def ledger(self, agent_id: str, *, service: str | None = None, limit: int = 1_000) -> list[LedgerEntry]:
        """The newest `limit` ledger rows of an agent, in ledger order (service, then position)."""
        ...

    def agents(self) -> list[AgentDeclared]:
        """The agents that are declared and not retired, with their newest declaration, by id."""
        ...

    def save(self, snapshot: Snapshot, *, keep_at: float | None = None) -> None:
        """Replace the snapshot, all or nothing.

        With `keep_at` (now, unix seconds) it is also kept as a state from which a replay can begin, until `prune` has a
        newer one to begin with.
        """
        ...

    def snapshot(self) -> Snapshot | None:
        """The saved snapshot, or None before the first."""
        ...

    def kept(self) -> list[Kept]:
        """The kept snapshots, oldest first, without their bodies."""
        ...

    def base(self) -> Snapshot | None:
        """The kept snapshot with which a replay begins; None while it can begin with the first fact.

        Every fact after it is recorded. Raises `StoreError` when facts are missing and no snapshot after them was kept.
        """
        ...

    def claim(
        self,
        *,
        now: float,
        limit: int,
        lease_s: float,
        kinds: Sequence[str] | None = None,
        channel: str | None = None,
    ) -> list[Claimed]:
        """Take up to `limit` outputs that are due, oldest first; nobody else gets them for `lease_s` seconds.

        Of every kind, or only of those named (`notice`, `alertchange`, `delivery` ...), and with `channel` only
        deliveries on it: a kind or a channel that is slow then holds up no other. A delivery is not due while an older
        one of its channel and group is neither finished nor dead, so that the end of an incident cannot overtake its
        beginning.
        """
        ...

    def channels(self) -> list[str]:
        """The channels that have deliveries which are neither finished nor dead, by name."""
        ...

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        """The outputs that are dead, those that died last first, at most `limit`."""
        ...

    def outputs(self, *, kinds: Sequence[str], limit: int = 100, agent_id: str | None = None) -> list[AnyOutput]:
        """Recorded outputs of these kinds, last recorded first, at most `limit`; of everyone or one agent.

        For looking back, whatever became of them: nothing is claimed. Finished ones are there until `prune` forgets them.
        """
        ...

    def finish(self, output_id: int, *, now: float) -> None:
        """The output was acted on; it will not be claimed again."""
        ...

    def fail(self, output_id: int, *, now: float, error: str, retry_at: float | None) -> None:
        """The action failed. It is due again at `retry_at`; with None it is dead and stays visible as such."""
        ...

    def audit(
        self,
        *,
        after: int = 0,
        limit: int = 1_000,
        kinds: Sequence[str] | None = None,
        agent_id: str | None = None,
        since: float = 0.0,
    ) -> list[AuditEntry]:
        """Entries of the audit log in order: `after < seq`, not before the time `since`, at most `limit`.

        An entry is written in the same transaction as the fact or output that causes it, and never changed or forgotten.
        """
        ...

    def pending(self) -> int:
        """How many outputs are neither finished nor dead."""
        ...

    def prune(self, *, before: float, kinds: Sequence[str]) -> int:
        """Forget facts of these kinds seen before that time, and finished outputs of that age; how many facts went.

        Facts after the newest snapshot that was kept before that time stay whatever their age, for a replay begins
        there; kept snapshots before it go. Outputs caused after the saved snapshot stay.
        """
        ...

    def close(self) -> None:
        """Write what is buffered and let go of files and connections. May be called twice."""
        ...


class Reading(msgspec.Struct, frozen=True):
    """What one reading of one source brought.

    Attributes:
        facts: in the order in which they are to be booked.
        duration_s: how long it took in real seconds.
    """

    facts: tuple[Event, ...]
    duration_s: float = 0.0


class Observed(NamedTuple):
    """What an agent's program did or saw once: a fact, the span in which it happened, or both. Never neither.

    Attributes:
        fact: what became of it.
        span: of the operation, which has ended.
        within: ids of the trace and the span that were current, of a fact that has no span of its own; 0 without one.
    """

    fact: Event | None
    span: SpanRecord | None
    within: tuple[int, int] = (0, 0)


Counts = Mapping[str, Mapping[Labels, float]]
"""Lifetime totals by metric of the catalog and label values."""


@runtime_checkable
class Counting(Protocol):
    """A telemetry sink that counts what became of its own work, under metrics of the catalog."""

    def counts(self) -> Counts:
        """Totals since the start; they never go back."""
        ...


@runtime_checkable
class Noticing(Protocol):
    """A telemetry sink that also tells what facts brought to light: a large loss, an escrow that was settled."""

    def tell(self, notices: Sequence[Notice]) -> None:
        """Carry these, in the order in which they came, before the facts that gave them are taken. Never empty."""
        ...


class TelemetrySink(Protocol):
    """Carries what an agent does to one backend.

    All calls come from one background thread, in order, after the belt has folded the facts: `state` is what is known then.
    A sink that raises is counted and called again with the next batch; what it was given is then lost for its backend
    and for no other. It must not block for longer than its own time-out.

    Attributes:
        name: bounded word for counts and logs.
        dropped: items that could not be carried, since the start.
    """

    name: str
    dropped: int

    def take(self, seen: Sequence[Observed], state: FleetState) -> None:
        """Carry these. `seen` is in the order in which they happened and never empty."""
        ...

    def beat(self, state: FleetState, now: float) -> None:
        """Called about once a second, and before `close`: send what is due by the clock, such as gauges."""
        ...

    def flush(self, within_s: float) -> bool:
        """Send everything that is buffered; whether it was sent within the time."""
        ...

    def close(self, within_s: float) -> None:
        """Flush and let go of sockets and files. May be called twice."""
        ...

    def after_fork(self) -> None:
        """The process was forked: this is the child. Drop what the parent will send, open connections anew."""
        ...


class Source(Protocol):
    """Reads one agent at one service. Only GET. Never called again before its last call returned.

    Attributes:
        agent_id: whom it reads.
        collector: bounded name for metrics (`casino`, `trading` ...).
    """

    agent_id: str
    collector: str

    async def read(self, known: AgentState | None, now: float) -> Sequence[Event]:
        """Facts since what is `known`, at the time `now`. Repeating a fact is harmless, leaving one out is not.

        Raises:
            SourceError: the reading failed; nothing of it is booked, and it is tried again later.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Outcome(msgspec.Struct, frozen=True):
    """What became of an action: `done`; `failed`, try again; `unknown`, no answer came, so only reading can tell; `refused`, for good."""

    status: Literal["done", "failed", "unknown", "refused"]
    reason: str = ""


class Actuator(Protocol):
    """Stops agents on one path. Doing it again is harmless. Never raises for what a server or a process does."""

    async def act(self, command: HaltCommand) -> Outcome:
        """Carry one command out, within twenty real seconds."""
        ...


class Filler(Protocol):
    """Fills an agent's balance up. Never raises for what a server does."""

    async def claim(self, wanted: TopUp) -> Outcome:
        """Ask once, within twenty real seconds."""
        ...


class Sink(Protocol):
    """Carries outputs away. `emit` may block; it is called outside the belt and may be repeated for one key."""

    def emit(self, output: AnyOutput) -> None:
        """Act on one output. Raises when it was not accepted."""
        ...

    def close(self) -> None:
        """Flush what is buffered."""
        ...


class Receipt(NamedTuple):
    """What a channel gave for a notification that it accepted.

    Attributes:
        id: the channel's own id of the message; empty when it gives none.
        status_code: of its answer; None where there is no such thing.
    """

    id: str = ""
    status_code: int | None = None


class Notifier(Protocol):
    """Sends notifications on one channel.

    Order: the caller sends those of one group one after the other and of several groups at once; a notifier keeps no
    queue. Retries: none of its own, a failure says whether and when to try again. Threads: `send` is called in one event
    loop and must never block it; what blocks runs in a daemon thread of its own. Idempotency: the same delivery may come
    again after a crash or a lost answer; where the channel knows a key (PagerDuty's `dedup_key`, the webhook's delivery
    id, an e-mail's Message-ID) it is derived from the delivery, so that the receiver can tell; elsewhere people may see a
    message twice. Secrets: no receipt, error, log line or `repr` of it holds one.

    Attributes:
        kind: what it sends by: `telegram`, `slack` ...
    """

    kind: str

    async def send(self, delivery: Delivery) -> Receipt:
        """Send one notification and return what proves that the channel took it.

        Raises:
            DeliveryError: it was not accepted, or nobody knows whether it was.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. May be called twice."""
        ...
