"""/metrics: the state as Prometheus reads it. From memory alone: a slow disk or platform never makes a scrape late."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.sinks.negotiation import negotiate
from fleawatch.web.answer import answer
from fleawatch.web.watch import Watched


class Metrics:
    """Handler of the scrape."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def routes(self) -> list[Route]:
        """Its address. Query parameters are ignored, as scrapers send their own."""
        return [Route("/metrics", self.metrics, name="metrics")]

    async def metrics(self, request: Request) -> Response:
        """The whole exposition in the format that the scraper prefers."""
        content_type, openmetrics = negotiate(request.headers.get("accept", ""))
        at = self._watched.clock.now()
        body = self._watched.exposition.render(self._watched.monitor.state, at, openmetrics=openmetrics)
        return answer(request, body, content_type)
