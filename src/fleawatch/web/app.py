"""The web application: /metrics, health, the JSON API, the stream and the pages, over one running service.

Nothing that is read changes anything: only GET and HEAD. What changes something is apart (`acts`, `leases`), and asks
every request for a token.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from fleawatch.errors import Problem
from fleawatch.web.acts import Acts
from fleawatch.web.alertpages import AlertPages
from fleawatch.web.answer import TEXT, answer, json_answer, problem_document, wants_json
from fleawatch.web.api import Api, agent_of
from fleawatch.web.controlpages import ControlPages
from fleawatch.web.desk import Desk
from fleawatch.web.guard import HEADERS, Guard
from fleawatch.web.health import Health
from fleawatch.web.leases import Leases
from fleawatch.web.lookback import Lookback
from fleawatch.web.metrics import Metrics
from fleawatch.web.pages import Pages
from fleawatch.web.problems import RequestError
from fleawatch.web.query import Query
from fleawatch.web.runbookpages import RunbookPages
from fleawatch.web.stream import BEAT_S, Hub, LiveResponse
from fleawatch.web.templating import Templates
from fleawatch.web.watch import Watched

log = logging.getLogger("fleawatch.web")

_STATIC: Final = Path(__file__).parent / "static"
_PAGES: Final = frozenset({"/", "/wall", "/alerts", "/control"})
_REMEDIES: Final = {
    404: "the page is at /, the API at /api/v1/fleet, metrics at /metrics",
    405: "use GET; only halt, resume, drill and what gates report are sent by POST",
}


class Live:
    """Handler of the stream."""

    def __init__(self, watched: Watched, *, beat_s: float = BEAT_S) -> None:
        self.hub = Hub(watched)
        self._watched = watched
        self._beat_s = beat_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = Query(Request(scope, receive), ("agent",))
        agent_id = query.agent("agent")
        query.done()
        if agent_id:
            agent_of(self._watched, agent_id)
        prefix = f"agents/{agent_id}/" if agent_id else ""
        await LiveResponse(self.hub, prefix, now=self._watched.clock.now, beat_s=self._beat_s)(scope, receive, send)


class _Refusals:
    """Turns every refusal into an answer in the client's form."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def refused(self, request: Request, error: Exception) -> Response:
        """Something was wrong with the request, or it cannot be answered now."""
        if not isinstance(error, RequestError):
            raise error
        return self._told(request, error.status, error.problems, error.headers)

    async def routed(self, request: Request, error: Exception) -> Response:
        """No such address, or not that method."""
        if not isinstance(error, HTTPException):
            raise error
        phrase = HTTPStatus(error.status_code).phrase.lower()
        what = f"{request.method} of this address: {phrase}"
        problem = Problem("", what, _REMEDIES.get(error.status_code, ""))
        return self._told(request, error.status_code, (problem,), dict(error.headers or {}))

    async def broken(self, request: Request, error: Exception) -> Response:
        """We failed: the log tells how, the client only that it was us."""
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        problem = Problem("", "the answer could not be made", "see the log of the service")
        # This answer is made outside of the guard.
        return self._told(request, 500, (problem,), dict(HEADERS))

    def _told(self, request: Request, status: int, problems: tuple[Problem, ...], headers: dict[str, str]) -> Response:
        path = request.url.path
        if path.startswith("/api/") or path == "/health" or wants_json(request):
            return json_answer(request, problem_document(status, problems), status=status, headers=headers)
        html = "text/html" in request.headers.get("accept", "")
        if html or path in _PAGES or path.startswith(("/agents/", "/alerts/", "/runbooks/")):
            response = self._pages.refusal(request, status, problems)
            response.headers.update(headers)
            return response
        text = "\n".join(map(str, problems)) + "\n"
        return answer(request, text.encode(), TEXT, status=status, headers=headers)


def _changing(service: Watched) -> list[Route]:
    """The addresses where something can be changed, or where an agent's gate listens."""
    control = service.control
    return (
        []
        if control is None
        else [*Leases(service, control).routes(), *Acts(control).routes(), *Desk(control).routes()]
    )


def create_app(service: Watched) -> Starlette:
    """The application over a service. It owns nothing: the service is started and stopped by whoever made it."""
    templates = Templates()
    pages = Pages(service, templates)
    refusals = _Refusals(pages)
    return Starlette(
        routes=[
            *Metrics(service).routes(),
            *Health(service).routes(),
            *Api(service).routes(),
            *Lookback(service).routes(),
            *_changing(service),
            Route("/api/v1/stream", Live(service), methods=["GET"], name="stream"),
            *pages.routes(),
            *AlertPages(service, templates).routes(),
            *ControlPages(service, templates).routes(),
            *RunbookPages(templates).routes(),
            Mount("/static", StaticFiles(directory=_STATIC), name="static"),
        ],
        middleware=[Middleware(Guard)],
        exception_handlers={RequestError: refusals.refused, HTTPException: refusals.routed, Exception: refusals.broken},
    )
