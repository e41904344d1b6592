"""The pages: the fleet, an agent, and the wall. Rendered whole on the server; scripts only keep them current."""

from __future__ import annotations

from typing import Any, Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.flow.history import History
from fleawatch.flow.state import AgentState
from fleawatch.web.agentview import agent_document
from fleawatch.web.alertview import alert_lines
from fleawatch.web.api import agent_of, latest_facts
from fleawatch.web.charts import Curve, chart
from fleawatch.web.fleetview import FleetView, fleet_view
from fleawatch.web.layers import agent_layers, fleet_layers
from fleawatch.web.lookback import halts_of
from fleawatch.web.number import Standing
from fleawatch.web.query import Query
from fleawatch.web.record import read_record
from fleawatch.web.row import SORTS, AgentRow, ordered
from fleawatch.web.standing import Standings
from fleawatch.web.tables import agent_tables, fact_line, pairs
from fleawatch.web.templating import Templates
from fleawatch.web.tiles import Kind
from fleawatch.web.timeline import agent_moments
from fleawatch.web.trust import doubts
from fleawatch.web.watch import Watched

WORST: Final = 7
DOUBTS: Final = 6
ALERTS: Final = 30
"""Alerts that the fleet's page lists; the API has all."""
MOMENTS: Final = 40
"""Moments of an agent's timeline that its page shows, the newest; the API has more."""

_CURVES: Final[tuple[tuple[str, str, Kind, int], ...]] = (
    ("equity", "Equity, USD", "money", 1),
    ("nav", "NAV of one unit", "factor", 2),
    ("drawdown", "Drawdown", "ratio", 3),
)
"""Charts of a history: key, title, kind, and place of the value in a point."""


class Pages:
    """Handlers of the pages."""

    def __init__(self, watched: Watched, templates: Templates) -> None:
        self._watched = watched
        self._page = templates.page

    def routes(self) -> list[Route]:
        """Their addresses."""
        return [
            Route("/", self.fleet, name="page"),
            Route("/wall", self.wall, name="wall"),
            Route("/agents/{agent_id}", self.agent, name="agent_page"),
        ]

    async def fleet(self, request: Request) -> Response:
        """The fleet at a glance; with `wall=1` for a screen across the room."""
        query = Query(request, ("sort", "dir", "wall"))
        key = query.choice("sort", "equity", SORTS)
        direction = query.choice("dir", SORTS[key], ("asc", "desc"))
        wall = query.flag("wall")
        query.done()
        view = self._view()
        if wall:
            return self._wall(request, view)
        return self._page(
            request,
            "fleet.html",
            view=view,
            rows=ordered(view.rows, key, direction),
            sort=key,
            direction=direction,
            directions=_directions(key, direction),
            charts=_charts(self._watched.monitor.state.history, view.standing, view.at),
            shown_doubts=view.doubts[:DOUBTS],
            more_doubts=len(view.doubts) - DOUBTS,
            alerts=alert_lines(self._watched.monitor.state)[:ALERTS],
            **await halts_of(self._watched),
            layers=fleet_layers(self._watched.monitor.state, view.at),
        )

    async def wall(self, request: Request) -> Response:
        """Huge tiles and the agents that do worst."""
        Query(request, ()).done()
        return self._wall(request, self._view())

    async def agent(self, request: Request) -> Response:
        """Everything about one agent."""
        Query(request, ()).done()
        agent = agent_of(self._watched, request.path_params["agent_id"])
        at = self._watched.clock.now()
        document = agent_document(agent, at, self._watched.config.collect.max_age_s)
        standing = Standings(agent, at, self._watched.config.collect.max_age_s).money
        state = self._watched.monitor.state
        layers = agent_layers(state, agent.agent_id, at)
        facts = await latest_facts(self._watched, agent.agent_id)
        return self._page(
            request,
            "agent.html",
            at=at,
            agent=document,
            row=document["row"],
            tables=agent_tables(document),
            pairs=pairs,
            charts=_charts(agent.history, _failing(agent, standing), at),
            shown_doubts=[doubt for doubt in doubts(state, [document["row"]]) if doubt.agent_id == agent.agent_id],
            more_doubts=0,
            alerts=alert_lines(state, agent.agent_id),
            moments=agent_moments(await read_record(self._watched, agent.agent_id), agent)[: -MOMENTS - 1 : -1],
            **await halts_of(self._watched, agent.agent_id),
            layers=layers,
            facts=[fact_line(fact) for fact in facts],
        )

    def refusal(self, request: Request, status: int, problems: tuple[Any, ...]) -> Response:
        """A page that says why there is none."""
        return self._page(request, "refusal.html", status=status, problems=problems, code=status)

    def _wall(self, request: Request, view: FleetView) -> Response:
        return self._page(request, "wall.html", view=view, worst=_worst(view.rows))

    def _view(self) -> FleetView:
        watched = self._watched
        return fleet_view(watched.monitor.state, watched.clock.now(), watched.config.collect.max_age_s)


def _directions(key: str, direction: str) -> dict[str, str]:
    """Which way each column is sorted when it is asked for: the one in force turns round."""
    turned = {"asc": "desc", "desc": "asc"}[direction]
    return {name: turned if name == key else first for name, first in SORTS.items()}


def _worst(rows: list[AgentRow]) -> list[AgentRow]:
    """Those of whose results nothing is known, then those that lost most within 24 h."""
    unknown = [row for row in rows if row.pnl_24h.value is None]
    known = ordered([row for row in rows if row.pnl_24h.value is not None], "pnl_24h", "asc")
    return [*unknown[: WORST // 2], *known][:WORST]


def _failing(agent: AgentState, standing: Standing) -> Standing:
    """The standing with the time since when something is not read, for the chart's end."""
    since = [
        status.failing_since or status.valid_until
        for status in agent.sources.values()
        if status.collector in agent.unknown
    ]
    if standing.freshness == "fresh" or not since:
        return standing
    return Standing(standing.source, min(since), standing.freshness, standing.reason)


def _charts(history: History, standing: Standing, at: float) -> list[tuple[str, Markup]]:
    """Equity, NAV and drawdown of a history."""
    since = None if standing.freshness == "fresh" else standing.as_of
    if standing.source == "fleet":
        since = None  # a fleet is watched on while one of its agents is not
    return [
        (title, chart(Curve(key, title, kind, [(point[0], point[place]) for point in history.points], at, since)))
        for key, title, kind, place in _CURVES
    ]
