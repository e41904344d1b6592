"""What gates talk to: their lease, the stream of leases, and where they report. One token an agent."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from fleawatch.errors import Problem
from fleawatch.flow.state import AgentState
from fleawatch.service.control import Control
from fleawatch.service.gates import LARGEST, BadReportError
from fleawatch.service.ingest import LARGEST as LARGEST_FACTS
from fleawatch.service.ingest import admitted
from fleawatch.service.lease import standing
from fleawatch.service.leases import STREAMS_EACH, Stream, TooManyStreamsError
from fleawatch.web.answer import JSON, json_answer
from fleawatch.web.api import agent_of
from fleawatch.web.doors import admit, body_of
from fleawatch.web.problems import RequestError
from fleawatch.web.watch import Watched

SLOW_S: Final = 5.0
"""Real seconds after which a stream that takes nothing is cut: its gate then asks anew, or loses its lease."""
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_HEADERS: Final = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"))


class Leases:
    """Handlers of the lease protocol."""

    def __init__(self, watched: Watched, control: Control) -> None:
        self._watched = watched
        self._control = control

    def routes(self) -> list[Route]:
        """Its addresses."""
        base = "/api/v1/agents/{agent_id}"
        return [
            Route(f"{base}/lease", self.lease, methods=["GET"]),
            Route(f"{base}/lease/stream", _Streams(self._watched, self._control), methods=["GET"]),
            Route(f"{base}/gate", self.gate, methods=["POST"]),
            Route(f"{base}/probe/{{nonce}}", self.probe, methods=["POST"]),
            Route("/api/v1/facts", self.facts, methods=["POST"]),
        ]

    async def lease(self, request: Request) -> Response:
        """The agent's lease, renewed."""
        agent = held_by(request, self._watched, self._control)
        return await self._answer(agent)

    async def gate(self, request: Request) -> Response:
        """What the agent's gate reports; answered with the lease as it then is."""
        agent = held_by(request, self._watched, self._control)
        self._writable()
        body = await body_of(request, LARGEST)
        if not self._control.gates.may_report(agent.agent_id):
            raise RequestError(
                429, (Problem("", "reported too often", "report changes, and else every 15 s"),), {"Retry-After": "1"}
            )
        try:
            await self._control.gates.report(agent, body)
        except BadReportError as error:
            raise RequestError(error.status, error.problems) from None
        return await self._answer(agent_of(self._watched, agent.agent_id))

    async def probe(self, request: Request) -> Response:
        """A gate answers a probe. Trading is not touched."""
        agent = held_by(request, self._watched, self._control)
        nonce = request.path_params["nonce"]
        if _NONCE.match(nonce) is None or not self._control.leases.answer(agent.agent_id, nonce):
            raise RequestError(
                404, (Problem("nonce", "is not waited for", "answer the probes of your own stream at once"),)
            )
        return json_answer(request, {"agent_id": agent.agent_id, "nonce": nonce})

    async def facts(self, request: Request) -> Response:
        """Facts of one agent, one JSON object a line; answers which were taken."""
        identity = admit_agent(request, self._control)
        agent = agent_of(self._watched, identity)
        self._writable()
        if self._control.leases.clerk.full:
            problem = Problem("", "more facts wait to be recorded than it takes at once", "come again")
            raise RequestError(503, (problem,), {"Retry-After": "5"})
        body = await body_of(request, LARGEST_FACTS)
        try:
            facts, refused = admitted(agent, body, self._watched.clock.now())
        except ValueError as error:
            raise RequestError(413, (Problem("", f"had {error}", "send several requests"),)) from None
        await self._control.leases.clerk.book(facts, checked=True)
        if not self._watched.monitor.recording:
            # Whoever reports keeps what it reported until somebody has it.
            raise RequestError(503, (Problem("store", "has not recorded it", "come again"),), {"Retry-After": "2"})
        document = {
            "taken": [fact.fact_id for fact in facts],
            "refused": [
                {
                    "line": one.line,
                    "problems": [{"where": p.where, "what": p.what, "remedy": p.remedy} for p in one.problems],
                }
                for one in refused
            ],
        }
        return json_answer(request, document, status=200 if facts or not refused else 422)

    def _writable(self) -> None:
        """Take nothing while nothing can be recorded: whoever reports keeps it, and comes again."""
        error = self._watched.monitor.store_error
        if error:
            raise RequestError(503, (Problem("store", error, "come again"),), {"Retry-After": "5"})

    async def _answer(self, agent: AgentState) -> Response:
        if not await self._control.leases.recorded(agent.agent_id):
            problem = Problem("store", "has no record of the resume yet", "come again")
            raise RequestError(503, (problem,), {"Retry-After": "2"})
        body = self._control.leases.lease(agent)
        self._control.leases.delivered(agent.agent_id)
        return Response(body, 200, {"Cache-Control": "no-store"}, JSON)


def held_by(request: Request, watched: Watched, control: Control) -> AgentState:
    """The agent of the address, when the token is its own or an operator's."""
    agent_id = request.path_params["agent_id"]
    admit(request, control.tokens, "agent", "operator", agent_id=agent_id)
    return agent_of(watched, agent_id)


def admit_agent(request: Request, control: Control) -> str:
    """The agent whose token it is."""
    found = control.tokens.identify(request.headers.get("authorization", ""))
    return admit(request, control.tokens, "agent", agent_id=found.agent_id if found is not None else "").agent_id


class _Streams:
    """The stream of an agent's leases: now, at every change, and well before the last one runs out."""

    def __init__(self, watched: Watched, control: Control) -> None:
        self._watched = watched
        self._control = control

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        agent_id = held_by(Request(scope, receive), self._watched, self._control).agent_id
        try:
            with self._control.leases.joined(agent_id) as stream:
                await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
                if scope["method"] == "HEAD":
                    await send({"type": "http.response.body", "body": b""})
                    return
                sending = asyncio.create_task(self._send(agent_id, stream, send))
                leaving = asyncio.create_task(_left(receive))
                try:
                    await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for task in (sending, leaving):
                        task.cancel()
                    await asyncio.gather(sending, leaving, return_exceptions=True)
        except TooManyStreamsError:
            problem = Problem("", f"{agent_id} holds {STREAMS_EACH} streams already", "close one, or poll the lease")
            raise RequestError(429, (problem,), {"Retry-After": "5"}) from None

    async def _send(self, agent_id: str, stream: Stream, send: Send) -> None:
        leases = self._control.leases
        while True:
            agent = self._watched.monitor.state.agents.get(agent_id)
            if agent is None:
                await send({"type": "http.response.body", "body": b""})  # watched no more: the gate's lease runs out
                return
            if not await leases.recorded(agent_id):
                continue
            stream.news.clear()
            stream.sent = standing(agent)
            await self._push(send, _message(b"lease", leases.lease(agent)))
            leases.delivered(agent_id)
            while stream.probes:
                await self._push(send, _message(b"probe", b'{"nonce":"' + stream.probes.pop(0).encode() + b'"}'))
            try:
                async with asyncio.timeout(leases.beat_s):
                    await stream.news.wait()
            except TimeoutError:
                continue

    @staticmethod
    async def _push(send: Send, body: bytes) -> None:
        async with asyncio.timeout(SLOW_S):
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _message(event: bytes, data: bytes) -> bytes:
    return b"event: " + event + b"\ndata: " + data + b"\n\n"
