"""An agent's process beside the sandbox: its gate, and the facts that it reports.

It is the gate of `fleawatch.Gate` and the protocol of its lease without the threads and the sockets: time is the
stage's, so that a run is a function of its seed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from fleawatch.events import KINDS, Event, decode, fact_id
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sdk.gate.answer import Answer, Order
from fleawatch.sdk.gate.control import Control, Permission
from fleawatch.sdk.gate.core import Core
from fleawatch.sdk.gate.guard import Baseline
from fleawatch.sdk.gate.statefile import Saved, StateFile
from fleawatch.sdk.lease.document import Report, read_lease, write_report
from fleawatch.service.control import Control as ServiceControl
from fleawatch.service.gates import BadReportError
from fleawatch.service.ingest import admitted
from fleawatch.service.lease import Standing, standing
from fleawatch.service.monitor import Monitor

REPORT_EVERY_S: Final = 15.0
_SERVICES: Final = {"bet_settled": "casino", "order_filled": "trading"}


class _Timing:
    """The gate's clocks, driven by the sandbox: the time of day as the agent has it, and a pace that is right."""

    def __init__(self, kernel: Kernel, person: Person) -> None:
        self._kernel = kernel
        self._person = person

    def now(self) -> float:
        return self._kernel.now + self._person.clock_offset

    def elapsed(self) -> float:
        return self._kernel.now


class AgentProcess:
    """What an agent asks and tells, as its agency in the sandbox; `exchange` is its line to the service.

    Args:
        person: the agent.
        kernel: time in the sandbox.
        obeys: whether the gate's answers are heeded; without it the agent goes on as if there were none.

    Attributes:
        refusals: orders that the gate did not allow.
    """

    def __init__(self, person: Person, kernel: Kernel, *, obeys: bool = True) -> None:
        self.person = person
        self._obeys = obeys
        self.refusals = 0
        self._timing = _Timing(kernel, person)
        saved = Saved(agent_id=person.name, control=Control(), baseline=Baseline())
        self.core = Core(saved, {}, Permission("reducing", needed=True), StateFile(None, person.name), self._timing)
        self._waiting: list[bytes] = []
        self._sent: Standing | None = None
        self._told: Report | None = None
        self._leased_at = self._told_at = -1e18
        self._count = 0

    @property
    def lives(self) -> bool:
        """Whether the process runs."""
        return self._timing.elapsed() < self.person.silent_at

    # The agency.

    def may_open(self, market: str, usd: float) -> bool:
        """Ask the gate."""
        return self._counted(self.core.may_open(Order(notional_usd=usd, market=market)))

    def may_close(self) -> bool:
        """Ask the gate."""
        return self._counted(self.core.may_close())

    def may_pay(self) -> bool:
        """Ask the gate."""
        return self._counted(self.core.may_pay())

    def _counted(self, answer: Answer) -> bool:
        self.refusals += not answer.allowed
        return answer.allowed or not self._obeys

    def tell(self, kind: str, **fields: Any) -> None:
        """Book the fact in the gate, and send it with the next exchange."""
        self._count += 1
        name = fields.pop("id", None) or f"{self.person.name}:{self._count}"
        now = self._timing.now()
        at = fields.pop("at", now)
        document = {
            "kind": kind, "fact_id": fact_id(_SERVICES.get(kind, "sdk"), kind, name), "agent_id": self.person.name,
            "at": at, "seen_at": now, "source": "sdk", **{key: _plain(KINDS[kind], key, value) for key, value in fields.items()},
        }  # fmt: skip
        line = msgspec.json.encode(document)
        fact: Event = decode(line)
        self.core.record(fact)
        self._waiting.append(line)

    # The line.

    async def exchange(self, monitor: Monitor, control: ServiceControl, now: float) -> None:
        """What goes over the line at `now`: facts, a lease where one is due, the gate's standing where it is news."""
        if not self.lives:
            return
        agent = monitor.state.agents.get(self.person.name)
        if agent is None:
            return
        if self._waiting:
            body, self._waiting = b"\n".join(self._waiting), []
            facts, _ = admitted(agent, body, now)
            await monitor.book(facts)
        self.core.tick()
        leases = control.leases
        wanted = standing(agent)
        if wanted != self._sent or now - self._leased_at >= leases.beat_s:
            self._sent, self._leased_at = wanted, now
            lease = read_lease(leases.lease(agent), self.person.name)
            if self.core.take_lease(lease, now, pushed=False) == "lapsed":
                self._leased_at = -1e18
            leases.delivered(self.person.name)
        await self._report(monitor, control, now)

    async def _report(self, monitor: Monitor, control: ServiceControl, now: float) -> None:
        report, latch = self.core.standing()
        if _news(report) == _news(self._told) and now - self._told_at < REPORT_EVERY_S:
            return
        agent = monitor.state.agents[self.person.name]
        try:
            await control.gates.report(agent, write_report(report))
        except BadReportError:
            self._leased_at = -1e18  # an epoch that is over: the lease of now is asked for first
            return
        self.core.heard(latch, agent.control.epoch or 0)
        self._told, self._told_at = report, now


def _news(report: Report | None) -> tuple[object, ...] | None:
    return None if report is None else (report.epoch, report.state, report.reason, report.limits, report.halt_id)


def _plain(kind: type[Event], field: str, value: Any) -> Any:
    """A value as the codec has it: amounts are text."""
    amount = str(kind.__annotations__.get(field, "")).partition(" ")[0] in ("Amount", "Signed")
    return str(Decimal(str(value))) if amount and value is not None else value
