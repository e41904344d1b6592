"""What a gate reports of itself, through a door that bounds it, as facts: only what is news."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Final

import msgspec

from fleawatch.clock import Clock
from fleawatch.errors import Problem
from fleawatch.events import ClockRead, Event, GateChanged, LimitsInForce, fact_id
from fleawatch.events.control import GateState
from fleawatch.flow.state import AgentState
from fleawatch.service.leases import Leases
from fleawatch.units import MINUTE

LARGEST: Final = 1 << 16
"""Bytes of the largest report."""
BURST: Final = 30
"""Reports of one agent at once; one more a second."""
_EPOCHS_AHEAD: Final = 1_000_000
_WORD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_CLOCK_STEP_S: Final = 0.5
_CLOCK_EVERY_S: Final = 10 * MINUTE

_Word = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
_Names = Annotated[tuple[_Word, ...], msgspec.Meta(max_length=64)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a gate says. `halt_id` is of the halt it obeys; `now` its wall clock, unix seconds."""

    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    state: GateState
    reason: _Word
    limits: Annotated[dict[str, float], msgspec.Meta(max_length=64)]
    unknown_limits: _Names = ()
    halt_id: _Id | None = None
    last_order_at: float | None = None
    now: float | None = None


class BadReportError(Exception):
    """A report was refused: with status 422, all its `problems`; with 409, it is of an epoch that is over."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(status)
        self.status = status
        self.problems = problems


class Gates:
    """Turns reports into facts."""

    def __init__(self, leases: Leases, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self._clocks: dict[str, tuple[float, float]] = {}
        self._reports: dict[str, tuple[float, float]] = {}

    def may_report(self, agent_id: str) -> bool:
        """Whether the agent has not reported too often: a bucket of `BURST` that fills by one a second."""
        now = self._clock.wall(self._clock.now())
        left, at = self._reports.get(agent_id, (float(BURST), now))
        left = min(float(BURST), left + max(0.0, now - at))
        self._reports[agent_id] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    async def report(self, agent: AgentState, body: bytes) -> None:
        """Book what is news in a report.

        Raises:
            BadReportError: 422, it is malformed; 409, it is of an older epoch.
        """
        report = read(body)
        known = agent.control.epoch or 0
        if report.epoch < known:
            raise BadReportError(
                409, Problem("epoch", f"was {report.epoch}, older than {known}", "take the lease of now first")
            )
        if report.epoch > known + _EPOCHS_AHEAD:
            raise BadReportError(
                422, Problem("epoch", f"was {report.epoch}, far ahead of {known}", "send the lease's own")
            )
        await self._leases.clerk.book(self._news(agent, report))

    def _news(self, agent: AgentState, report: Report) -> list[Event]:
        now, agent_id, control = self._clock.now(), agent.agent_id, agent.control

        def about(kind: str, mark: str = "") -> dict[str, Any]:
            name = fact_id("gate", kind, f"{agent_id}:{now:.3f}{mark}")
            return {"fact_id": name, "agent_id": agent_id, "at": now, "seen_at": now, "source": "gate"}

        facts: list[Event] = []
        if report.limits != control.limits or report.epoch > (control.epoch or 0):
            facts.append(LimitsInForce(**about("limits_in_force"), limits=report.limits, epoch=report.epoch))
        if (report.state, report.reason) != (control.gate, control.gate_reason):
            facts.append(
                GateChanged(
                    **about("gate_changed", f":{report.state}"),
                    before=control.gate or "reducing",
                    after=report.state,
                    reason=report.reason,
                    epoch=report.epoch,
                )
            )
        if report.halt_id is not None:
            facts += self._leases.acknowledged(agent, report.halt_id)
        if report.now is not None and self._drifted(agent_id, report.now - now, now):
            facts.append(ClockRead(**about("clock_read"), offset_s=report.now - now))
        return facts

    def _drifted(self, agent_id: str, offset: float, now: float) -> bool:
        before = self._clocks.get(agent_id)
        if before is not None and abs(offset - before[0]) < _CLOCK_STEP_S and now - before[1] < _CLOCK_EVERY_S:
            return False
        self._clocks[agent_id] = (offset, now)
        return True


_decoder: Final = msgspec.json.Decoder(Report)


def read(body: bytes) -> Report:
    """A report.

    Raises:
        BadReportError: 422, with every number and name that makes no sense, or the first thing that is malformed.
    """
    try:
        report = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadReportError(
            422, Problem("", f"was no report: {str(error)[:200]}", "send it as the protocol says")
        ) from None
    problems = [
        Problem(f"limits.{name[:40]!r}", "was no limit", "send names of the catalog with finite numbers")
        for name, value in report.limits.items()
        if _WORD.match(name) is None or not math.isfinite(value)
    ]
    for field in ("last_order_at", "now"):
        value = getattr(report, field)
        if value is not None and not (math.isfinite(value) and value >= 0):
            problems.append(Problem(field, "was no time", "send unix seconds, or null"))
    if problems:
        raise BadReportError(422, *problems)
    return report
