"""What people do with halts: order, resume, try the paths. Every act becomes a fact with the name of who did it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from fleawatch.clock import Clock
from fleawatch.errors import Problem, StoreError
from fleawatch.events import Event, HaltOrdered, HaltProbed, Resumed, fact_id
from fleawatch.events.control import HaltMode, HaltScope
from fleawatch.flow.halting.preflight import Preflight, preflight
from fleawatch.flow.halting.resume import REMEDIES, may_resume
from fleawatch.flow.state import AgentState
from fleawatch.service.leases import Leases
from fleawatch.service.monitor import Monitor

log = logging.getLogger("fleawatch.acts")

FILE: Final = "HALT"
"""Name of the file in the state directory whose presence halts the fleet."""
FILE_EVERY_S: Final = 0.5
AHEAD_S: Final = 0.25
"""Real seconds after which gates are told of an order although it is not recorded."""
RECORD_S: Final = 5.0
"""Real seconds for which whoever orders then waits for the record."""
_NOTE: Final = 300


class RefusedActError(Exception):
    """An act was not done. `status` as HTTP has it: 404 nobody is meant, 409 it is not allowed now, 422 it makes no sense.

    503: it is under way, and what is missing is its record.
    """

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(status)
        self.status = status
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Order:
    """A halt to order. `halt_id` makes it one however often it is told; a new one when empty."""

    scope: HaltScope
    target: str
    mode: HaltMode
    reason: str
    actor: str
    note: str = ""
    halt_id: str = ""
    source: str = "api"


@dataclass(frozen=True, slots=True)
class Release:
    """A resume to carry out. `ramp`: seconds for which orders are capped, and at how many USD."""

    scope: HaltScope
    target: str
    actor: str
    reason: str
    rebase: bool = False
    ramp: tuple[float, Decimal] | None = None


class Acts:
    """Orders and resumes.

    Args:
        directory: where the HALT file is looked for; None looks nowhere.
        drilled: agents whose paths are tried regularly.
    """

    def __init__(
        self,
        monitor: Monitor,
        clock: Clock,
        leases: Leases,
        *,
        directory: Path | None = None,
        drilled: frozenset[str] = frozenset(),
        drill_every_s: float = 300.0,
    ) -> None:
        self._monitor = monitor
        self._clock = clock
        self._leases = leases
        self._file = None if directory is None else directory / FILE
        self._drilled = drilled
        self._drill_every_s = drill_every_s
        self._unrecorded: dict[str, asyncio.Future[None]] = {}

    async def halt(self, order: Order) -> tuple[str, list[str]]:
        """Order a halt; its id, and the agents that it or a stricter one holds now.

        Raises:
            RefusedActError: 404 or 422; 409 where its id is another halt's; 503 where the gates were told and the store
                cannot record it yet.
        """
        agents = self._meant(order.scope, order.target)
        if order.mode == "flatten":
            self._may_flatten(agents)
        halt_id, now = order.halt_id or secrets.token_hex(8), self._clock.now()
        fact = HaltOrdered(
            fact_id=fact_id("halt", "halt_ordered", halt_id),
            agent_id=order.target if order.scope == "agent" else "",
            at=now,
            seen_at=now,
            source=order.source,
            halt_id=halt_id,
            mode=order.mode,
            scope=order.scope,
            target=order.target,
            reason=order.reason,
            actor=order.actor,
            note=order.note[:_NOTE],
        )
        await self._record(fact, [agent.agent_id for agent in agents])
        if order.halt_id:
            await self._is_its_own(fact)
        return halt_id, [agent.agent_id for agent in agents if agent.control.halt is not None]

    async def _record(self, order: HaltOrdered, agent_ids: Sequence[str]) -> None:
        """Book an order; when that takes long the gates hear of it before, and it is booked as soon as it can be.

        Raises:
            RefusedActError: 503, that has not happened yet.
        """
        booking = self._unrecorded.get(order.halt_id)
        if booking is None:
            booking = self._unrecorded[order.halt_id] = asyncio.ensure_future(self._monitor.book([order]))
            booking.add_done_callback(lambda task: self._recorded(order, task))
        done, _ = await asyncio.wait({booking}, timeout=AHEAD_S)
        if not done and not await self._is_known(order):
            log.warning("the halt %s is told to its gates before it is recorded: the store takes long", order.halt_id)
            self._leases.tell_ahead(order, agent_ids)
        if not done:
            done, _ = await asyncio.wait({booking}, timeout=RECORD_S)
        if not done:
            what = f"was told to the gates but is not recorded: {self._monitor.store_error or 'the store takes long'}"
            raise RefusedActError(
                503, Problem("", what, "mend the store; it is recorded then, and may be ordered again")
            )
        booking.result()

    async def _is_its_own(self, order: HaltOrdered) -> None:
        """Refuse an order under an id that another halt has: it was recorded as nothing new, and closed nobody further.

        Raises:
            RefusedActError: 409, with what the id stands for.
        """
        store = self._monitor.store
        found = (await self._monitor.in_store(lambda: store.known([order.fact_id]))).get(order.fact_id)
        if not isinstance(found, HaltOrdered):
            return
        if (found.mode, found.scope, found.target) != (order.mode, order.scope, order.target):
            what = f"was used for {found.mode} of {found.scope} {found.target}".rstrip()
            raise RefusedActError(409, Problem("halt_id", what, "leave it out, or send another one for another halt"))

    async def _is_known(self, order: HaltOrdered) -> bool:
        """Whether this order came before: repeated, it must not close again what was resumed since."""
        store = self._monitor.store
        with contextlib.suppress(StoreError, TimeoutError):
            async with asyncio.timeout(AHEAD_S):
                return bool(await self._monitor.in_store(lambda: store.known([order.fact_id])))
        return False

    def _recorded(self, order: HaltOrdered, task: asyncio.Future[None]) -> None:
        self._unrecorded.pop(order.halt_id, None)
        if not task.cancelled() and task.exception() is None:
            self._leases.tell_no_more(order)

    async def resume(self, wanted: Release) -> list[str]:
        """Let agents trade again: all that are meant and halted, or none.

        Raises:
            RefusedActError: 404 nobody is meant; 409 with every agent that may not be resumed, and why.
        """
        if self._file is not None and self._file.exists():
            raise RefusedActError(409, Problem("", f"the file {FILE} is in the state directory", "remove it first"))
        agents = self._meant(wanted.scope, wanted.target)
        held = [agent for agent in agents if agent.control.halt is not None]
        state, policy = self._monitor.state, self._monitor.policy
        problems = []
        for agent in held or agents:
            why = may_resume(state, agent.agent_id, policy, rebase=wanted.rebase)
            if why != "ok":
                problems.append(Problem(agent.agent_id, f"cannot be resumed: {why}", REMEDIES[why]))
        if problems:
            raise RefusedActError(409, *problems)
        await self._monitor.book(self._resumes(held, wanted))
        return [agent.agent_id for agent in held if agent.control.halt is None]

    def _resumes(self, held: Sequence[AgentState], wanted: Release) -> list[Event]:
        """A fact for each agent, and one for each halt of a strategy or the fleet that ends with them."""
        now, mark = self._clock.now(), secrets.token_hex(4)
        freed = [
            (agent.agent_id, agent.control.halt.halt_id, agent.performance.nav.value)
            for agent in held
            if agent.control.halt is not None
        ]
        standing = [
            ("", one.halt_id, None)
            for one in self._monitor.state.standing.values()
            if wanted.scope == "fleet" or (wanted.scope, wanted.target) == (one.scope, one.target)
        ]
        return [
            Resumed(
                fact_id=fact_id("halt", "resumed", f"{agent_id}:{halt_id}:{mark}"),
                agent_id=agent_id,
                at=now,
                seen_at=now,
                source="api",
                halt_id=halt_id,
                actor=wanted.actor,
                reason=wanted.reason[:_NOTE],
                rebase=wanted.rebase,
                ramp_s=0.0 if wanted.ramp is None else wanted.ramp[0],
                ramp_notional_usd=None if wanted.ramp is None else wanted.ramp[1],
                baseline_nav=nav if wanted.rebase else None,
            )
            for agent_id, halt_id, nav in [*freed, *standing]
        ]

    def preflight(self, agent_id: str, mode: HaltMode) -> Preflight:
        """What a halt would mean now.

        Raises:
            RefusedActError: 404.
        """
        return self.preflights("agent", agent_id, mode)[0]

    def preflights(self, scope: HaltScope, target: str, mode: HaltMode) -> list[Preflight]:
        """What a halt of all who are meant would mean now, by agent id; empty for a fleet without agents.

        Raises:
            RefusedActError: 404.
        """
        state, policy = self._monitor.state, self._monitor.policy
        names = sorted(agent.agent_id for agent in self._meant(scope, target))
        return [preflight(state, name, mode, policy) for name in names]

    async def drill(self, agent_ids: Iterable[str] | None = None) -> list[HaltProbed]:
        """Try the halt path of these agents, or of all; nothing is stopped."""
        known = self._monitor.state.agents
        wanted = sorted(known) if agent_ids is None else [name for name in agent_ids if name in known]
        return list(await asyncio.gather(*(self._leases.probe(name) for name in wanted)))

    async def drill_regularly(self) -> None:
        """Try the halt path of every agent that has a token, for ever, so that it is known who could not be halted now."""
        while True:
            await asyncio.sleep(self._drill_every_s)
            await self.drill(sorted(self._drilled))

    async def watch_file(self) -> None:
        """Halt the fleet while there is a HALT file: ordered once for each that is written; taking it away resumes nobody."""
        while True:
            found = await asyncio.to_thread(self._read_file)
            if found is not None:
                halt_id, note = found
                if halt_id != self._seen_file:
                    try:
                        await self.halt(Order("fleet", "", "halt", "manual", FILE, note, halt_id, source="file"))
                        self._seen_file = halt_id
                    except (StoreError, RefusedActError) as error:
                        log.warning("the %s file is not recorded yet: %s", FILE, error)
            await asyncio.sleep(FILE_EVERY_S)

    _seen_file = ""

    def _read_file(self) -> tuple[str, str] | None:
        if self._file is None:
            return None
        try:
            written = self._file.stat().st_mtime_ns
        except OSError:
            return None
        text = b""
        # Whatever is there under this name halts, also what cannot be read.
        with contextlib.suppress(OSError), self._file.open("rb") as file:
            text = file.read(4 * _NOTE)
        digest = hashlib.sha256(f"{FILE}:{written}:".encode() + text).hexdigest()
        return digest[:16], text.decode("utf-8", "replace").strip()

    def _meant(self, scope: HaltScope, target: str) -> list[AgentState]:
        agents = self._monitor.state.agents
        found: list[Any] = []
        match scope:
            case "agent":
                found = [agents[target]] if target in agents else []
            case "strategy":
                found = [agent for agent in agents.values() if agent.profile.strategy == target]
            case "fleet":
                return list(agents.values())
        if not found:
            raise RefusedActError(
                404,
                Problem(
                    "target", f"was {target[:80]!r}, which no agent is or follows", "list them with GET /api/v1/agents"
                ),
            )
        return found

    def _may_flatten(self, agents: Sequence[AgentState]) -> None:
        problems = [
            Problem(agent.agent_id, f"cannot be flattened: {reason}", "halt it without flattening, or mend that first")
            for agent in agents
            for reason in preflight(self._monitor.state, agent.agent_id, "flatten", self._monitor.policy).refused
        ]
        if problems:
            raise RefusedActError(422, *problems)
