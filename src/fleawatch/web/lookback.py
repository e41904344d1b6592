"""What people look back at, and follow, over HTTP: halts in force, timelines, dead letters. Read-only."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.flow.outputs import AlertChange, Delivery, HaltCommand, Notice
from fleawatch.ports import DeadLetter
from fleawatch.web.answer import json_answer
from fleawatch.web.api import agent_of
from fleawatch.web.haltview import HaltLine, StandingLine, halt_lines, halts_document, orders_named, standing_lines
from fleawatch.web.query import Query
from fleawatch.web.record import dead_letters, halt_notes, read_record
from fleawatch.web.timeline import Moment, agent_moments, alert_moments
from fleawatch.web.watch import Watched

DEAD: Final = 100
DEAD_MOST: Final = 1_000
_LONGEST: Final = 300


class DeadLine(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter as it is listed.

    Attributes:
        kind: `delivery`, `notice`, `alertchange`, `haltcommand` or `topup`.
        channel: of a delivery; the path of a halt command; empty else.
        what: the title, message or reason, in plain text that may hold what strangers wrote.
        at: when it was to be sent; `failed_at` when the last attempt failed, with `error`.
    """

    id: int
    kind: str
    key: str
    agent_id: str
    channel: str
    what: str
    at: float
    failed_at: float
    attempts: int
    error: str


class Lookback:
    """Handlers."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/api/v1/halts", self.halts, methods=["GET"]),
            Route("/api/v1/dead", self.dead, methods=["GET"]),
            Route("/api/v1/alerts/{fingerprint}/timeline", self.alert, methods=["GET"]),
            Route("/api/v1/agents/{agent_id}/timeline", self.agent, methods=["GET"]),
        ]

    async def halts(self, request: Request) -> Response:
        """Halts in force and how far they have come; of one agent when it is named."""
        query = Query(request, ("agent_id",))
        agent_id = query.agent("agent_id")
        query.done()
        if agent_id is not None:
            agent_of(self._watched, agent_id)
        found = await halts_of(self._watched, agent_id)
        return json_answer(request, halts_document(self._watched.monitor.state, found["halts"], found["standing"]))

    async def dead(self, request: Request) -> Response:
        """What was never delivered or done and nobody tries any more, the newest first."""
        query = Query(request, ("limit",))
        limit = query.whole("limit", DEAD, least=1, most=DEAD_MOST) or DEAD
        query.done()
        found = await dead_letters(self._watched, limit)
        return json_answer(request, {"dead": [dead_line(one) for one in found]})

    async def alert(self, request: Request) -> Response:
        """What happened to an alert, oldest first; empty when nothing is remembered of it."""
        Query(request, ()).done()
        record = await read_record(self._watched)
        moments = alert_moments(record, request.path_params["fingerprint"])
        return json_answer(request, _timeline(moments, whole=record.whole))

    async def agent(self, request: Request) -> Response:
        """What happened to the alerts and the halts of an agent, oldest first."""
        Query(request, ()).done()
        agent = agent_of(self._watched, request.path_params["agent_id"])
        record = await read_record(self._watched, agent.agent_id)
        return json_answer(request, _timeline(agent_moments(record, agent), whole=record.whole))


def dead_line(one: DeadLetter) -> DeadLine:
    """A dead letter for people and programs."""
    output, channel, what = one.output, "", ""
    match output:
        case Delivery():
            channel, what = output.channel, output.title
        case Notice():
            what = output.message
        case AlertChange():
            what = f"{output.alert} {output.change}"
        case HaltCommand():
            channel, what = output.path, f"halt {output.halt_id}"
    return DeadLine(
        id=one.id, kind=str(output.__struct_config__.tag), key=output.key, agent_id=output.agent_id, channel=channel,
        what=what[:_LONGEST], at=output.at, failed_at=one.failed_at, attempts=one.attempts, error=one.error[:_LONGEST],
    )  # fmt: skip


async def halts_of(watched: Watched, agent_id: str | None = None) -> dict[str, Any]:
    """`halts` and `standing` halts in force, with what those who ordered them wrote; of one agent when it is named."""
    monitor = watched.monitor
    notes = await halt_notes(watched, orders_named(monitor.state))
    halts: list[HaltLine] = halt_lines(monitor.state, monitor.policy.halting, notes, agent_id)
    standing: list[StandingLine] = [] if agent_id is not None else standing_lines(monitor.state, notes)
    return {"halts": halts, "standing": standing}


def _timeline(moments: list[Moment], *, whole: bool) -> dict[str, Any]:
    return {"whole": whole, "moments": moments}
