"""Metrics of an agent for Prometheus: the sink, and what a request for them is answered.

Only reading is possible, and only of the metrics and a sign of life. A scrape that the worker cannot answer in time
gets a 503, and the agent goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import Metric as ClientMetric
from prometheus_client.registry import Collector

from fleawatch.catalog.spec import Owner
from fleawatch.errors import BadConfig, Problem
from fleawatch.sinks.negotiation import compress, negotiate
from fleawatch.sinks.scrape import Scrape

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.settings import Settings
    from fleawatch.sdk.telemetry.telemetry import Telemetry

WITHIN_S: Final = 2.0
"""Seconds that a scrape waits for the worker."""
_PLAIN: Final = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """An answer: status, content type, body, and how that is compressed, empty when it is not."""

    status: int
    content_type: str
    body: bytes
    encoding: str = ""

    def headers(self) -> list[tuple[str, str]]:
        """Names and values, as every server sends them."""
        headers = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        headers.append(("Vary", "Accept, Accept-Encoding"))
        return [*headers, ("Content-Encoding", self.encoding)] if self.encoding else headers

    def packed(self, accept_encoding: str) -> Page:
        """The same answer, compressed when that is worth it and the client can read it."""
        body, encoding = compress(self.body, accept_encoding)
        return self._replace(body=body, encoding=encoding or "")


def sink(settings: Settings) -> Scrape:
    """The metrics of an agent. With a service, that service exports what it reads itself.

    Raises:
        BadConfig: the folder for several processes cannot be used.
    """
    owners = owners_of(settings)
    if not settings.metrics_dir:
        return Scrape(owners)
    try:
        from fleawatch.sinks.workers import WorkerFiles  # noqa: PLC0415 - needs locks that not every system has

        return Scrape(owners, files=WorkerFiles(Path(settings.metrics_dir), settings.agent_id))
    except (ImportError, OSError) as error:
        problem = Problem("metrics_dir", f"cannot be used: {error}", "name a folder on a disk of this machine")
        raise BadConfig("the telemetry was refused", (problem,)) from None


def owners_of(settings: Settings) -> tuple[Owner, ...]:
    """Whose metrics the agent tells."""
    return ("agent",) if settings.service else ("agent", "monitor")


def refuse_beside_push(settings: Settings) -> None:
    """Whoever is scraped does not push as well: every sum would have it twice.

    Raises:
        BadConfig: a Pushgateway is set.
    """
    if settings.pushgateway:
        problem = Problem("pushgateway", "was set, and metrics are served too", "push what ends, scrape what stays")
        raise BadConfig("the telemetry was refused", (problem,))


def fixed_page(method: str, path: str) -> Page | None:
    """The answer to a request that needs no metrics; None when it does."""
    if method not in ("GET", "HEAD"):
        return Page(405, _PLAIN, b"only GET\n")
    if path == "/-/healthy":
        return Page(200, _PLAIN, b"ok\n")
    return None if path in ("/metrics", "/") else Page(404, _PLAIN, b"/metrics\n")


def page(telemetry: Telemetry, method: str, path: str, accept: str, accept_encoding: str) -> Page:
    """The answer to a request with the values of these two headers; waits for the worker."""
    found = fixed_page(method, path)
    if found is not None:
        return found
    content_type, openmetrics = negotiate(accept)
    try:
        body = telemetry.ask_metrics(openmetrics=openmetrics).result(WITHIN_S)
        return Page(200, content_type, body).packed(accept_encoding)
    except Exception as error:  # noqa: BLE001 - the scraper is told, it is counted, and nobody else's work ends
        return failed_page(telemetry, error)


def failed_page(telemetry: Telemetry, error: Exception) -> Page:
    """The answer when there are no metrics."""
    if isinstance(error, TimeoutError):
        return Page(503, _PLAIN, b"busy; try again\n")
    telemetry.shield.note("scrape", error)
    return Page(503, _PLAIN, b"the metrics could not be read\n")


class AgentCollector(Collector):
    """The metrics for a registry of the official client: `registry.register(telemetry.collector())`.

    Made anew for every scrape of that registry, exemplars included; nothing is read when it is registered.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def describe(self) -> Iterable[ClientMetric]:
        return ()

    def collect(self) -> Iterable[ClientMetric]:
        from prometheus_client.openmetrics import parser  # noqa: PLC0415 - seldom used

        body = self._telemetry.ask_metrics(openmetrics=True).result(WITHIN_S).decode()
        yield from parser.text_string_to_metric_families(body)  # type: ignore[no-untyped-call]
