"""The runbooks as pages of the service, so that whoever is woken up has them where the alert is."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.runbook import sections, text_name
from fleawatch.errors import Problem
from fleawatch.render.runbooks import filled
from fleawatch.service.runbooks import runbook_texts
from fleawatch.web.problems import RequestError, shortened
from fleawatch.web.query import Query
from fleawatch.web.templating import Templates


class RunbookPages:
    """Handler of the pages. The texts are read once."""

    def __init__(self, templates: Templates) -> None:
        self._page = templates.page
        self._texts = runbook_texts()

    def routes(self) -> list[Route]:
        """Their address."""
        return [Route("/runbooks/{name}", self.runbook, methods=["GET"])]

    async def runbook(self, request: Request) -> Response:
        """The runbook of an alert of the catalog."""
        Query(request, ()).done()
        name = request.path_params["name"]
        alert = CATALOG.alerts.get(name)
        if alert is None:
            problem = Problem("name", f"was {shortened(name)}, which is no alert", "list them with `fleawatch runbook`")
            raise RequestError(404, (problem,))
        written = sections(self._texts[text_name(alert)])
        parts = [(title, filled(body, CATALOG.limits)) for title, body in written.items()]
        return self._page(request, "runbook.html", alert=alert, parts=parts)
