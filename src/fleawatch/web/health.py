"""Whether the service itself is well: for supervisors, load balancers and people.

`/-/healthy` asks whether the process should live on, `/-/ready` whether it can be relied on, `/health` tells everything.
An outage of the platform makes the service degraded, not unready: it is what it is there to show. How the fleet is, layer by
layer, is told beside it and decides nothing about the service.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.errors import Problem
from fleawatch.flow.conservation import fleet_residual
from fleawatch.web.answer import TEXT, answer, json_answer, problem_document, wants_json
from fleawatch.web.layers import fleet_layers
from fleawatch.web.number import Number
from fleawatch.web.query import Query
from fleawatch.web.trust import source_lines
from fleawatch.web.watch import Watched

Status = Literal["ok", "degraded", "down"]

LATE_TICKS: Final = 4.0
"""Intervals without a tick after which time itself is late."""


class Check(msgspec.Struct, frozen=True):
    """One thing that should be well. `age` is seconds since it last was read or done."""

    name: str
    status: Status
    reason: str | None
    age: Number


class Health:
    """Handlers of the health endpoints."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/-/healthy", self.healthy, name="healthy"),
            Route("/-/ready", self.ready, name="ready"),
            Route("/health", self.health, name="health"),
        ]

    async def healthy(self, request: Request) -> Response:
        """200 while the process should live on."""
        Query(request, ()).done()
        complaint = self._watched.unhealthy()
        problems = (Problem("process", complaint, "restart it"),) if complaint else ()
        return _verdict(request, problems, "healthy")

    async def ready(self, request: Request) -> Response:
        """200 when it can be relied on, else 503 with every reason."""
        Query(request, ()).done()
        return _verdict(request, self._watched.readiness(), "ready")

    async def health(self, request: Request) -> Response:
        """Every check of the service, and the fleet's health. 200 unless `strict=1` is asked and the service is not well."""
        query = Query(request, ("strict",))
        strict = query.flag("strict")
        query.done()
        at = self._watched.clock.now()
        checks = (*self._own(at), *self._sources(at), *self._money(at))
        status = _overall(checks)
        document = {
            "status": status,
            "at": at,
            "started_at": self._watched.started_at,
            "checks": checks,
            "fleet": fleet_layers(self._watched.monitor.state, at),
        }
        return json_answer(request, document, status=503 if strict and status != "ok" else 200)

    def _own(self, at: float) -> Iterable[Check]:
        monitor = self._watched.monitor
        now = Number(0.0, at, "monitor", "fresh", None)
        stalled = self._watched.unhealthy()
        yield Check("process", "down" if stalled else "ok", stalled or None, now)
        yield Check("store", "down" if monitor.store_error else "ok", monitor.store_error or None, now)
        problems = "; ".join(map(str, self._watched.readiness()))
        yield Check("readiness", "degraded" if problems else "ok", problems or None, now)
        refused = None
        if monitor.refused:
            refused = (
                f"{monitor.refused} facts were refused since the start, what they told is missing; the log names them"
            )
        yield Check("intake", "degraded" if refused else "ok", refused, now)
        ticked = monitor.state.at
        if not ticked:
            yield Check("time", "degraded", "no tick yet", Number(None, None, "monitor", "unknown", "no tick yet"))
            return
        late = at - ticked > LATE_TICKS * self._watched.config.collect.interval_s
        age = Number(round(max(0.0, at - ticked), 3), ticked, "monitor", "fresh", None)
        yield Check("time", "degraded" if late else "ok", "the last tick is too old" if late else None, age)

    def _sources(self, at: float) -> Iterable[Check]:
        for line in source_lines(self._watched.monitor.state.agents.values(), at):
            status: Status = "ok" if line.freshness == "fresh" else "degraded" if line.fresh.value else "down"
            yield Check(f"source:{line.collector}", status, "; ".join(line.reasons) or None, line.newest_age)

    def _money(self, at: float) -> Iterable[Check]:
        state = self._watched.monitor.state
        found = [
            f"{agent.agent_id} {name} {residual:+.2f}"
            for agent in state.agents.values()
            for name, book in agent.books.items()
            if (residual := book.conservation.residual())
        ]
        if between := fleet_residual(state).between:
            found.append(f"fleet between agents {between:+.2f}")
        age = Number(round(max(0.0, at - state.at), 3), state.at or None, "monitor", "fresh", None)
        reason = f"unexplained money: {', '.join(sorted(found)[:5])}" if found else None
        yield Check("conservation", "degraded" if found else "ok", reason, age)


def _overall(checks: Iterable[Check]) -> Status:
    """Down when the service itself is; degraded when anything is not well."""
    found = {check.name: check.status for check in checks}
    if "down" in (found["process"], found["store"]):
        return "down"
    return "ok" if all(status == "ok" for status in found.values()) else "degraded"


def _verdict(request: Request, problems: tuple[Problem, ...], good: str) -> Response:
    status = 503 if problems else 200
    if wants_json(request):
        return json_answer(request, {**problem_document(status, problems), good: not problems}, status=status)
    lines = [f"- {problem}" for problem in problems]
    text = "\n".join([good if not problems else f"not {good}", *lines]) + "\n"
    return answer(request, text.encode(), TEXT, status=status)
