"""The pages of alerts: all of them with what keeps them quiet and what was never delivered, and the story of one."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.errors import Problem
from fleawatch.web.alertrows import AlertRow, firing_rows, pending_rows, resolved_rows
from fleawatch.web.lookback import dead_line, halts_of
from fleawatch.web.problems import RequestError
from fleawatch.web.query import Query
from fleawatch.web.record import dead_letters, read_record
from fleawatch.web.templating import Templates
from fleawatch.web.timeline import alert_moments
from fleawatch.web.watch import Watched
from fleawatch.web.whatholds import silence_lines, window_lines

DEAD: Final = 50
PENDING: Final = 60
"""Pending alerts that the page lists; the API has all."""


class AlertPages:
    """Handlers of the pages of alerts."""

    def __init__(self, watched: Watched, templates: Templates) -> None:
        self._watched = watched
        self._page = templates.page

    def routes(self) -> list[Route]:
        """Their addresses."""
        return [
            Route("/alerts", self.alerts, methods=["GET"]),
            Route("/alerts/{fingerprint}", self.alert, methods=["GET"]),
        ]

    async def alerts(self, request: Request) -> Response:
        """Everything that fires, is pending or ended lately, silences, windows, halts and dead letters."""
        Query(request, ()).done()
        monitor, at = self._watched.monitor, self._watched.clock.now()
        record = await read_record(self._watched)
        pending = pending_rows(monitor.state, monitor.policy)
        return self._page(
            request,
            "alerts.html",
            at=at,
            judged=len(monitor.policy.alerts),
            firing=firing_rows(monitor.state, monitor.policy),
            pending=pending[:PENDING],
            more_pending=max(0, len(pending) - PENDING),
            resolved=resolved_rows(record, monitor.policy),
            silences=silence_lines(monitor.state, at),
            windows=window_lines(monitor.policy, at),
            dead=[dead_line(one) for one in await dead_letters(self._watched, DEAD)],
            **can_act(self._watched),
            **await halts_of(self._watched),
        )

    async def alert(self, request: Request) -> Response:
        """The story of one alert."""
        Query(request, ()).done()
        monitor, fingerprint = self._watched.monitor, request.path_params["fingerprint"]
        record = await read_record(self._watched)
        found = [
            *firing_rows(monitor.state, monitor.policy),
            *pending_rows(monitor.state, monitor.policy),
            *resolved_rows(record, monitor.policy, limit=len(record.changes)),
        ]
        row: AlertRow | None = next((one for one in found if one.fingerprint == fingerprint), None)
        if row is None:
            problem = Problem("fingerprint", "names no alert that fires, is pending or is remembered", "see /alerts")
            raise RequestError(404, (problem,))
        return self._page(
            request,
            "alert.html",
            at=self._watched.clock.now(),
            row=row,
            moments=alert_moments(record, fingerprint),
            whole=record.whole,
            **can_act(self._watched),
        )


def can_act(watched: Watched) -> dict[str, Any]:
    """`acting`: whether anything can be changed here; a page that cannot says what to configure."""
    return {"acting": watched.control is not None and bool(watched.control.tokens)}
