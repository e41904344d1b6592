"""The page on which an operator halts and resumes: who and how, what it would mean, a confirmation, and then its life.

The page itself changes nothing and shows nothing that the others do not. Its script asks for the preflight and sends the
act, both with the operator's token in a header; the server judges them as it judges any program.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.web.acts import MODES, SCOPES
from fleawatch.web.alertpages import can_act
from fleawatch.web.lookback import halts_of
from fleawatch.web.query import Query
from fleawatch.web.templating import Templates
from fleawatch.web.watch import Watched

_LONGEST = 63


class ControlPages:
    """Handler of the page."""

    def __init__(self, watched: Watched, templates: Templates) -> None:
        self._watched = watched
        self._page = templates.page

    def routes(self) -> list[Route]:
        """Its address."""
        return [Route("/control", self.control, methods=["GET"])]

    async def control(self, request: Request) -> Response:
        """Halt or resume an agent, a strategy or the fleet; `scope` and `target` fill the choice in."""
        query = Query(request, ("scope", "target"))
        scope = query.choice("scope", "agent", SCOPES)
        target = query.text("target", most=_LONGEST)
        query.done()
        agents = self._watched.monitor.state.agents
        return self._page(
            request,
            "control.html",
            at=self._watched.clock.now(),
            scope=scope,
            target=target,
            scopes=SCOPES,
            modes=MODES,
            agents=sorted(agents),
            strategies=sorted({agent.profile.strategy for agent in agents.values()}),
            **can_act(self._watched),
            **await halts_of(self._watched),
        )
