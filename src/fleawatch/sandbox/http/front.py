"""What every server of the sandbox shares: routing, keys, faults, `_info`, error bodies, the Date of simulated time.

A request first lets the world catch up with the clock. Handlers are plain functions from `Call` to an answer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

import msgspec
from aiohttp import web

from fleawatch.clock import Clock
from fleawatch.sandbox.faults import Fault, FaultPlan
from fleawatch.sandbox.http.call import Answer, Call, Handler, Reply
from fleawatch.sandbox.http.limits import Limits
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform
from fleawatch.sandbox.world import World

log = logging.getLogger(__name__)
_HANG_STEP: Final = 0.05
"""Real seconds between two looks of a hanging answer at whether it may let go."""
_GARBAGE: Final = b'{"agent_id": "ag_4f1c09', b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Desk:
    """What the servers share: the world, the clock that drives it, the faults.

    Attributes:
        end: simulated unix seconds at which the books stop; the clock goes on.
        closed: whether the books have stopped.
        stopping: set when the process winds down, so that hanging answers let go.
    """

    def __init__(self, world: World, clock: Clock, end: float, faults: FaultPlan) -> None:
        self.world = world
        self.platform: Platform = world.platform
        self.clock = clock
        self.end = end
        self.faults = faults
        self.closed = False
        self.stopping = asyncio.Event()
        self.ports: dict[str, int] = {}
        """Where each server listens, by service; filled as they start."""

    def catch_up(self) -> float:
        """Advance the world to the clock, at most to the end, and return the clock's time."""
        now = self.clock.now()
        if not self.closed:
            self.world.advance(min(now, self.end) - self.world.origin)
        return now

    def writable(self) -> None:
        """Refuse a write once the books are closed.

        Raises:
            RefusedError: 503 `books_closed`.
        """
        if self.closed or self.clock.now() >= self.end:
            raise RefusedError(503, "books_closed", "The simulation has ended; its books are read-only")


class Front:
    """One server. Subclasses add routes with `get` and `post`, and say whose key a request carries."""

    service = "front"
    info: dict[str, str]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.platform = desk.platform
        self.limits = Limits()
        self.started = desk.clock.now()
        self.info = {
            "service": f"agent-{self.service}",
            "docs": f"https://{self.service}.purpleflea.com/llms.txt",
            "referral": "GET /gossip",
            "version": "1.0.0",
        }
        self._plain: dict[tuple[str, str], Handler] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Handler]] = []
        self._date = (0, "")

    def route(self, method: str, path: str, handler: Handler) -> None:
        """Answer `method path` with `handler`. `:name` stands for one part of the path."""
        if ":" not in path:
            self._plain[method, path] = handler
            return
        pattern = re.sub(r":(\w+)", r"(?P<\1>[^/]+)", path)
        self._patterns.append((method, re.compile(rf"{pattern}\Z"), handler))

    def get(self, path: str, handler: Handler) -> None:
        """Answer a read."""
        self.route("GET", path, handler)

    def post(self, path: str, handler: Handler, method: str = "POST") -> None:
        """Answer a write, unless the books are closed."""

        def guarded(call: Call) -> Answer:
            self.desk.writable()
            return handler(call)

        self.route(method, path, guarded)

    def person(self, call: Call) -> Person | None:
        """Whose request this is, for faults that aim at one agent; None where requests belong to nobody."""
        del call
        return None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request."""
        body = await request.read() if request.body_exists else b""
        now = self.desk.catch_up()
        call = self._call(request, body, now)
        faults = self.desk.faults
        if faults.faults:
            person = self.person(call)
            fault = faults.find(self.service, call.path, person.name if person else None, now)
            if fault is not None:
                spoiled = await self._suffer(request, call, fault)
                if spoiled is not None:
                    return spoiled
        return self._response(call, self._answer(call))

    def _call(self, request: web.BaseRequest, body: bytes, now: float) -> Call:
        path, _, query = request.raw_path.partition("?")
        headers = request.headers
        authorization = headers.get("Authorization", "")
        forwarded = headers.get("X-Forwarded-For", "").partition(",")[0].strip()
        return Call(
            method=request.method,
            path=path,
            query_string=query,
            now=now,
            shown=now,
            key=authorization[7:] if authorization.startswith("Bearer ") else None,
            address=forwarded or headers.get("X-Real-IP") or "unknown",
            raw_body=body,
        )

    async def _suffer(self, request: web.BaseRequest, call: Call, fault: Fault) -> web.Response | None:
        """Let `fault` happen. None means that the request goes on to be answered."""
        match fault.kind:
            case "latency":
                await asyncio.sleep(fault.amount)
            case "skew":
                call.shown += fault.amount
            case "false_zero":
                call.outage = True
            case "error":
                return self._response(call, _internal_error())
            case "rate_limit":
                body = {"error": "rate_limited", "message": "Too many requests. Limit: 60 per 60s"}
                return self._response(call, Reply(body, 429))
            case "garbage":
                return self._response(call, Reply(_GARBAGE[len(call.path) % 2]))
            case "hang":
                await self._hang(fault)
                return _dropped(request)
            case "drop":
                return _dropped(request)
        return None

    async def _hang(self, fault: Fault) -> None:
        """Wait until the fault is over or cleared, or everything stops."""
        desk = self.desk
        while fault in desk.faults.faults and not desk.stopping.is_set():
            remaining = desk.clock.wall(fault.end - desk.clock.now())
            if remaining <= 0:
                return
            await asyncio.sleep(min(remaining, _HANG_STEP))

    def _answer(self, call: Call) -> Answer:
        handler = self._plain.get((call.method, call.path)) or self._matching(call)
        if handler is None:
            return Reply({"error": "not_found", "message": f"{call.method} {call.path} does not exist"}, 404)
        try:
            return handler(call)
        except RefusedError as refusal:
            return Reply(refusal.body, refusal.status)
        except Exception:
            log.exception("%s %s failed", call.method, call.path)
            return _internal_error()

    def _matching(self, call: Call) -> Handler | None:
        for method, pattern, handler in self._patterns:
            if method == call.method and (found := pattern.match(call.path)):
                call.params = found.groupdict()
                return handler
        return None

    def _response(self, call: Call, answer: Answer) -> web.Response:
        reply = answer if isinstance(answer, Reply) else Reply(msgspec.json.encode(self._with_info(answer)))
        body = reply.body
        if isinstance(body, dict):
            body = msgspec.json.encode(self._with_info(body))
        headers = {"Content-Type": reply.content_type, "Date": self._date_header(int(call.shown)), **reply.headers}
        return web.Response(body=body, status=reply.status, headers=headers)

    def _with_info(self, document: dict[str, Any] | list[Any]) -> dict[str, Any] | list[Any]:
        return {**document, "_info": self.info} if isinstance(document, dict) else document

    def _date_header(self, second: int) -> str:
        if self._date[0] != second:
            self._date = second, format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)
        return self._date[1]

    def health(self, **extra: Callable[[Call], Any]) -> Handler:
        """A health route. It says ok whatever the database says; look at `database`."""

        def handler(call: Call) -> Answer:
            document: dict[str, Any] = {"status": "ok", "service": self.info["service"]}
            return document | {name: value(call) for name, value in extra.items()}

        return handler

    def with_database(self, handler: Handler) -> Handler:
        """`handler`, failing as the server does when its database is away."""

        def guarded(call: Call) -> Answer:
            return _internal_error() if call.outage else handler(call)

        return guarded

    def uptime(self, call: Call) -> float:
        """Seconds since this server started."""
        return round(call.now - self.started, 3)


def _internal_error() -> Reply:
    return Reply({"error": "internal_error", "message": "An unexpected error occurred"}, 500)


def _dropped(request: web.BaseRequest) -> web.Response:
    """Close the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
