"""A store that lives and dies with its process: for tests, simulations and trying things out.

It keeps every promise of the port but the one about restarts.
"""

from __future__ import annotations

import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from fleawatch.errors import StoreError
from fleawatch.events import AgentDeclared, AgentRetired, Amended, AnyEvent, Event, LedgerEntry
from fleawatch.flow.outputs import AnyOutput, Delivery, Output
from fleawatch.ports import AuditEntry, Claimed, DeadLetter, Kept, Snapshot, StoredFact
from fleawatch.store.audit.chain import extend, root
from fleawatch.store.audit.declared import Draft, of_facts, of_outputs
from fleawatch.store.audit.log import opened
from fleawatch.store.batch import no_output, ready, ready_outputs, recorded_twice, seen_at, snapshot_ahead
from fleawatch.store.begin import first_after, no_base, prune_point
from fleawatch.store.order import in_ledger_order


@dataclass(slots=True)
class _Row:
    """An output and how far it has come. `due_at` None: never claimed."""

    output: AnyOutput
    seq: int
    created_at: float
    due_at: float | None = None
    attempts: int = 0
    finished_at: float | None = None
    failed_at: float | None = None
    error: str | None = None


class MemoryStore:
    """The twin of `SqliteStore` without a file."""

    def __init__(self) -> None:
        self._facts: list[StoredFact] = []
        self._booked: dict[str, tuple[int, AnyEvent]] = {}
        self._agents: dict[str, AgentDeclared] = {}
        self._outputs: dict[int, _Row] = {}
        self._open: dict[int, _Row] = {}
        self._keys: set[str] = set()
        self._snapshot: Snapshot | None = None
        self._kept: dict[int, tuple[Kept, Snapshot]] = {}
        self._forgotten = 0
        self._last_seq = 0
        self._last_output = 0
        self._closed = False
        self._key = secrets.token_bytes(32)
        self._head = root(self._key)
        self._entries: list[AuditEntry] = []

    def commit(self, facts: Sequence[Event], outputs: Sequence[Output]) -> int:
        self._check_open()
        batch = ready(facts)
        news = ready_outputs(outputs)
        twice = [fact.event.fact_id for fact in batch if fact.event.fact_id in self._booked]
        if twice:
            raise recorded_twice(twice)
        before, fresh = self._last_seq, [one for one in news if one[0].key not in self._keys]
        for event, _ in batch:
            self._record(event)
        self._enter([*of_facts(batch, before), *of_outputs(fresh, self._last_seq)], before)
        for output, _ in news:
            if output.key not in self._keys:
                self._keys.add(output.key)
                self._last_output += 1
                row = _Row(output, self._last_seq, seen_at(batch, output))
                self._outputs[self._last_output] = self._open[self._last_output] = row
        return self._last_seq

    def _enter(self, drafts: list[Draft], after: int) -> None:
        if drafts and not self._entries:
            drafts.insert(0, opened(self._key, drafts[0].at, after))
        entries, self._head = extend(self._key, self._head, drafts)
        self._entries += entries

    def audit(
        self,
        *,
        after: int = 0,
        limit: int = 1_000,
        kinds: Sequence[str] | None = None,
        agent_id: str | None = None,
        since: float = 0.0,
    ) -> list[AuditEntry]:
        self._check_open()
        matching = (
            entry
            for entry in self._entries
            if entry.seq > after
            and entry.at >= since
            and agent_id in (None, entry.agent_id)
            and (kinds is None or entry.kind in kinds)
        )
        return list(islice(matching, max(0, limit)))

    def _record(self, event: AnyEvent) -> None:
        self._last_seq += 1
        self._facts.append(StoredFact(self._last_seq, event))
        self._booked[event.fact_id] = (self._last_seq, event)
        if isinstance(event, Amended):
            target = event.after.fact_id
            if target in self._booked and target != event.fact_id:
                self._booked[target] = (self._booked[target][0], event.after)
        elif isinstance(event, AgentDeclared):
            self._agents[event.agent_id] = event
        elif isinstance(event, AgentRetired):
            self._agents.pop(event.agent_id, None)

    def known(self, fact_ids: Iterable[str]) -> dict[str, AnyEvent]:
        self._check_open()
        return {fact_id: self._booked[fact_id][1] for fact_id in fact_ids if fact_id in self._booked}

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
        self._check_open()
        first = bisect_right(self._facts, after, key=lambda fact: fact.seq)
        end = len(self._facts) if before is None else bisect_left(self._facts, before, key=lambda fact: fact.seq)
        places = range(first, end)
        wanted = (self._facts[place] for place in (reversed(places) if newest_first else places))
        matching = (
            fact
            for fact in wanted
            if (agent_id is None or fact.event.agent_id == agent_id)
            and (kinds is None or fact.event.__struct_config__.tag in kinds)
        )
        return list(islice(matching, max(0, limit)))

    def ledger(self, agent_id: str, *, service: str | None = None, limit: int = 1_000) -> list[LedgerEntry]:
        self._check_open()
        newest = (
            event
            for _, event in reversed(self._facts)
            if isinstance(event, LedgerEntry) and event.agent_id == agent_id and service in (None, event.service)
        )
        return in_ledger_order(islice(newest, max(0, limit)))

    def agents(self) -> list[AgentDeclared]:
        self._check_open()
        return [self._agents[agent_id] for agent_id in sorted(self._agents)]

    def save(self, snapshot: Snapshot, *, keep_at: float | None = None) -> None:
        self._check_open()
        if not 0 <= snapshot.seq <= self._last_seq:
            raise snapshot_ahead(snapshot, self._last_seq)
        self._snapshot = Snapshot(snapshot.seq, {scope: bytes(body) for scope, body in snapshot.bodies.items()})
        if keep_at is not None:
            self._kept[snapshot.seq] = (Kept(snapshot.seq, keep_at), self._snapshot)

    def snapshot(self) -> Snapshot | None:
        self._check_open()
        return None if self._snapshot is None else Snapshot(self._snapshot.seq, dict(self._snapshot.bodies))

    def kept(self) -> list[Kept]:
        self._check_open()
        return sorted(kept for kept, _ in self._kept.values())

    def base(self) -> Snapshot | None:
        self._check_open()
        if not self._forgotten:
            return None
        first = first_after(self.kept(), self._forgotten)
        if first is None:
            raise no_base(self._forgotten)
        _, snapshot = self._kept[first.seq]
        return Snapshot(snapshot.seq, dict(snapshot.bodies))

    def claim(
        self,
        *,
        now: float,
        limit: int,
        lease_s: float,
        kinds: Sequence[str] | None = None,
        channel: str | None = None,
    ) -> list[Claimed]:
        self._check_open()
        due = (
            (output_id, row)
            for output_id, row in self._heads()
            if (row.due_at is None or row.due_at <= now)
            and (kinds is None or row.output.__struct_config__.tag in kinds)
            and (channel is None or (isinstance(row.output, Delivery) and row.output.channel == channel))
        )
        claimed = []
        for output_id, row in list(islice(due, max(0, limit))):
            row.due_at = now + lease_s
            row.attempts += 1
            claimed.append(Claimed(output_id, row.output, row.attempts))
        return claimed

    def finish(self, output_id: int, *, now: float) -> None:
        row = self._output(output_id)
        if row.finished_at is None:
            row.finished_at, row.failed_at = now, None
            self._open.pop(output_id, None)

    def fail(self, output_id: int, *, now: float, error: str, retry_at: float | None) -> None:
        row = self._output(output_id)
        if output_id not in self._open:
            return
        row.error, row.due_at = error, retry_at
        if retry_at is None:
            row.failed_at = now
            del self._open[output_id]

    def pending(self) -> int:
        self._check_open()
        return len(self._open)

    def channels(self) -> list[str]:
        self._check_open()
        return sorted({row.output.channel for row in self._open.values() if isinstance(row.output, Delivery)})

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        self._check_open()
        dead = [
            DeadLetter(output_id, row.output, row.attempts, row.failed_at, row.error or "")
            for output_id, row in self._outputs.items()
            if row.failed_at is not None
        ]
        return sorted(dead, key=lambda letter: (letter.failed_at, letter.id), reverse=True)[: max(0, limit)]

    def outputs(self, *, kinds: Sequence[str], limit: int = 100, agent_id: str | None = None) -> list[AnyOutput]:
        self._check_open()
        matching = (
            row.output
            for _, row in sorted(self._outputs.items(), reverse=True)
            if row.output.__struct_config__.tag in kinds and agent_id in (None, row.output.agent_id)
        )
        return list(islice(matching, max(0, limit)))

    def prune(self, *, before: float, kinds: Sequence[str]) -> int:
        self._check_open()
        saved = self._snapshot.seq if self._snapshot else 0
        gone = self._forget_facts(before, kinds, prune_point(self.kept(), before=before, saved=saved))
        for output_id, row in list(self._outputs.items()):
            if row.finished_at is not None and row.finished_at < before and row.seq <= saved:
                self._keys.discard(row.output.key)
                del self._outputs[output_id]
        return gone

    def _forget_facts(self, before: float, kinds: Sequence[str], point: int) -> int:
        left: list[StoredFact] = []
        for fact in self._facts:
            if fact.seq <= point and fact.event.seen_at < before and fact.event.__struct_config__.tag in kinds:
                del self._booked[fact.event.fact_id]
            else:
                left.append(fact)
        gone, self._facts = len(self._facts) - len(left), left
        if gone:
            self._forgotten = max(self._forgotten, point)
        for seq in [seq for seq in self._kept if seq < max(point, self._forgotten)]:
            del self._kept[seq]
        return gone

    def close(self) -> None:
        self._closed = True

    def _heads(self) -> Iterator[tuple[int, _Row]]:
        """What is open, oldest first, without deliveries that have an older open one of their channel and group."""
        lanes: set[tuple[str, str]] = set()
        for output_id, row in self._open.items():
            if isinstance(row.output, Delivery):
                lane = (row.output.channel, row.output.group)
                if lane in lanes:
                    continue
                lanes.add(lane)
            yield output_id, row

    def _output(self, output_id: int) -> _Row:
        self._check_open()
        try:
            return self._outputs[output_id]
        except KeyError:
            raise no_output(output_id) from None

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("the memory store is closed. Remedy: open a new one; what it held is gone.")
