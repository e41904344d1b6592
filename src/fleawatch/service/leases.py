"""Leases: what every gate is told, at once when it changes and before its permission runs out, and what gates answer.

A lease is made from the state whenever it is asked for, so nothing of it is lost with this process: after a restart an
agent gets the same state, halt and epoch, and goes on with the time that its own clock still gives it. Streams hold no
queue: what is sent is the lease as it is now. A renewal that changes nothing is booked at most about twice in its time.

A store that cannot be written must not keep a halt from a gate, and must not let a resume reach one: an order is told
before it is recorded when that takes long, a resume never.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fleawatch.clock import Clock
from fleawatch.events import (
    Event,
    HaltAcknowledged,
    HaltDelivered,
    HaltOrdered,
    HaltProbed,
    LeaseGranted,
    LimitsDeclared,
    Resumed,
    Tick,
    fact_id,
)
from fleawatch.flow.halting.obey import STRICTNESS
from fleawatch.flow.outputs import Output
from fleawatch.flow.state import AgentState
from fleawatch.service.clerk import Clerk
from fleawatch.service.lease import Standing, document, limits_of, standing
from fleawatch.service.monitor import Monitor

STREAMS_EACH: Final = 8
"""Streams that one agent may hold open: processes that share its lease."""
PROBE_S: Final = 5.0
"""Real seconds within which a gate must have answered a probe."""
RECORDED_S: Final = 2.0
"""Real seconds for which a lease waits for the record of a resume."""
_LOOK_S: Final = 0.002
_SWEEPS: Final = 6
_SOURCE: Final = "lease"
_EVERYBODY: Final = (HaltOrdered, Resumed, Tick)


class TooManyStreamsError(Exception):
    """An agent holds as many streams as it may."""


class Stream:
    """One open stream of an agent's leases.

    Attributes:
        sent: what the last lease that was sent said.
        probes: nonces still to be sent.
    """

    def __init__(self) -> None:
        self.sent: Standing | None = None
        self.probes: list[str] = []
        self.news = asyncio.Event()


class Leases:
    """Makes leases, wakes their streams, and books what gates answer.

    Args:
        ttl_s: real seconds that a lease lasts at the gate.
    """

    def __init__(self, monitor: Monitor, clock: Clock, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self.clerk = Clerk(monitor)
        self._monitor = monitor
        self._clock = clock
        self._streams: dict[str, set[Stream]] = {}
        self._issued: dict[str, float] = {}
        self._renewed: dict[str, float] = {}
        self._declared: dict[str, dict[str, float]] = {}
        self._probes: dict[str, tuple[str, asyncio.Future[None]]] = {}
        self._ahead: dict[str, HaltOrdered] = {}
        monitor.listeners.append(self._committed)
        monitor.impatient.append(self._committed)

    @property
    def beat_s(self) -> float:
        """Real seconds after which a stream repeats a lease that has not changed."""
        return self.ttl_s / 3

    def connected(self, agent_id: str) -> bool:
        """Whether some gate of the agent listens."""
        return bool(self._streams.get(agent_id))

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._streams.values()))

    @contextlib.contextmanager
    def joined(self, agent_id: str) -> Iterator[Stream]:
        """A stream of an agent until the end of the block.

        Raises:
            TooManyStreamsError: it holds enough.
        """
        mine = self._streams.setdefault(agent_id, set())
        if len(mine) >= STREAMS_EACH:
            raise TooManyStreamsError
        stream = Stream()
        mine.add(stream)
        try:
            yield stream
        finally:
            mine.discard(stream)
            if not mine:
                self._streams.pop(agent_id, None)

    def lease(self, agent: AgentState) -> bytes:
        """The agent's lease as JSON, renewed. Later ones of an agent have later `issued_at`, whatever the clock does."""
        now = self._clock.now()
        lasting = self.ttl_s / self._clock.wall(1.0)
        before = self._issued.get(agent.agent_id)
        if before is None:
            known = agent.control.lease_until
            before = 0.0 if known is None else known - lasting
        issued_at = self._issued[agent.agent_id] = max(now, before + 1e-4)
        self._renewed[agent.agent_id] = now + lasting
        if agent.control.lease_until is None:
            self.clerk.take([self._granted(agent, now)])
        return document(
            agent, self._monitor.policy, issued_at=issued_at, expires_at=now + lasting, ttl_s=self.ttl_s,
            order=self._ahead.get(agent.agent_id),
        )  # fmt: skip

    async def recorded(self, agent_id: str) -> bool:
        """Wait a while until no resume of the agent is without a record; whether that is so, and it may get a lease."""
        deadline = asyncio.get_running_loop().time() + RECORDED_S
        while self._monitor.resumes_unrecorded(agent_id):
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_LOOK_S)
        return True

    def tell_ahead(self, order: HaltOrdered, agent_ids: Sequence[str]) -> None:
        """Tell gates of an order whose record takes long. It stays told until `tell_no_more`."""
        for agent_id in agent_ids:
            before = self._ahead.get(agent_id)
            if before is None or STRICTNESS[order.mode] > STRICTNESS[before.mode]:
                self._ahead[agent_id] = order
            for stream in self._streams.get(agent_id, ()):
                stream.news.set()

    def tell_no_more(self, order: HaltOrdered) -> None:
        """The order is on record, and part of every lease by that."""
        self._ahead = {name: one for name, one in self._ahead.items() if one.halt_id != order.halt_id}

    def delivered(self, agent_id: str) -> None:
        """A lease reached the agent's side: if it carries a halt, so did that."""
        agent = self._monitor.state.agents.get(agent_id)
        halt = None if agent is None else agent.control.halt
        if halt is None or "gate" in halt.reached:
            return
        name = fact_id(_SOURCE, "halt_delivered", f"{agent_id}:{halt.halt_id}:gate")
        self.clerk.take([HaltDelivered(**self._about(agent_id, name), halt_id=halt.halt_id, path="gate")])

    def _about(self, agent_id: str, name: str) -> dict[str, Any]:
        now = self._clock.now()
        return {"fact_id": name, "agent_id": agent_id, "at": now, "seen_at": now, "source": _SOURCE}

    async def run(self) -> None:
        """Book renewals and wanted limits for ever."""
        while True:
            await self.sweep()
            await asyncio.sleep(self.ttl_s / _SWEEPS)

    async def sweep(self) -> None:
        """Book what renewals and wanted limits the record lacks."""
        await self.clerk.book([*self._due(), *self._wanted()])

    def _due(self) -> list[Event]:
        """Renewals that the record lacks: at most two in the time of a lease, whatever gates do.

        A record that lies further ahead than a lease lasts was made before the clock was set back: with it, nobody would
        miss a gate that is lost until the clock has caught up.
        """
        now = self._clock.now()
        half = self.ttl_s / self._clock.wall(1.0) / 2
        found: list[Event] = []
        for agent_id, until in list(self._renewed.items()):
            agent = self._monitor.state.agents.get(agent_id)
            if agent is None or until <= now:
                del self._renewed[agent_id]
                continue
            left = (agent.control.lease_until or 0.0) - now
            if half < until - now <= 3 * half and not half <= left <= 3 * half:
                found.append(self._granted(agent, now))
        return found

    def _granted(self, agent: AgentState, now: float) -> LeaseGranted:
        control = agent.control
        name = fact_id(_SOURCE, "lease_granted", f"{agent.agent_id}:{now:.3f}")
        return LeaseGranted(
            **self._about(agent.agent_id, name),
            epoch=control.epoch or 0,
            expires_at=self._renewed[agent.agent_id],
            state=control.state,
            limits=limits_of(agent.agent_id, agent.profile.strategy, self._monitor.policy),
        )

    def _wanted(self) -> list[Event]:
        """The limits that agents with a lease are to enforce, where that was not said since the start or is said no more."""
        found: list[Event] = []
        for agent_id in self._renewed:
            agent = self._monitor.state.agents.get(agent_id)
            if agent is None:
                continue
            limits = limits_of(agent_id, agent.profile.strategy, self._monitor.policy)
            if self._declared.get(agent_id) != limits:
                self._declared[agent_id] = limits
                name = fact_id(_SOURCE, "limits_declared", f"{agent_id}:{self._clock.now():.3f}")
                found.append(LimitsDeclared(**self._about(agent_id, name), limits=limits))
        return found

    def _committed(self, facts: Sequence[Event], _: Sequence[Output]) -> None:
        """Wake the streams of those about whom something changed."""
        if not self._streams:
            return
        if any(isinstance(fact, _EVERYBODY) for fact in facts):
            touched = list(self._streams)
        else:
            touched = [agent_id for agent_id in {fact.agent_id for fact in facts} if agent_id in self._streams]
        for agent_id in touched:
            agent = self._monitor.state.agents.get(agent_id)
            if agent is None:
                continue
            now = standing(agent)
            for stream in self._streams[agent_id]:
                if stream.sent != now:
                    stream.news.set()

    async def probe(self, agent_id: str) -> HaltProbed:
        """Try the halt path of an agent without stopping it, and book what came of it."""
        nonce = secrets.token_hex(16)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        answered: asyncio.Future[None] = loop.create_future()
        self._probes[nonce] = (agent_id, answered)
        reason = "no_gate_listens"
        try:
            streams = self._streams.get(agent_id, ())
            for stream in streams:
                stream.probes.append(nonce)
                stream.news.set()
            if streams:
                reason = "no_answer"
                async with asyncio.timeout(PROBE_S):
                    await answered
                reason = ""
        except TimeoutError:
            pass
        finally:
            del self._probes[nonce]
        name = fact_id(_SOURCE, "halt_probed", f"{agent_id}:{nonce}")
        fact = HaltProbed(
            **self._about(agent_id, name),
            path="gate",
            ok=not reason,
            duration_s=loop.time() - begun,
            reason=reason,
        )
        await self.clerk.book([fact])
        return fact

    def answer(self, agent_id: str, nonce: str) -> bool:
        """A gate answered a probe; whether there is such a probe of that agent."""
        asked, answered = self._probes.get(nonce, ("", None))
        if answered is None or asked != agent_id:
            return False
        if not answered.done():
            answered.set_result(None)
        return True

    def acknowledged(self, agent: AgentState, halt_id: str) -> list[Event]:
        """The agent says that it obeys the halt in force: the fact of it, once."""
        halt = agent.control.halt
        if halt is None or halt.halt_id != halt_id or "acknowledged" in halt.steps:
            return []
        agent_id = agent.agent_id
        name = fact_id(_SOURCE, "halt_acknowledged", f"{agent_id}:{halt_id}")
        facts: list[Event] = [HaltAcknowledged(**self._about(agent_id, name), halt_id=halt_id)]
        if "gate" not in halt.reached:
            # Whoever obeys it has it, whether or not the stream could tell.
            name = fact_id(_SOURCE, "halt_delivered", f"{agent_id}:{halt_id}:gate")
            facts.insert(0, HaltDelivered(**self._about(agent_id, name), halt_id=halt_id, path="gate"))
        return facts
