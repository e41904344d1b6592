"""Lines of JSON about what the agent does."""

from __future__ import annotations

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.factlog import FactLog, Lines


def sink(settings: Settings) -> FactLog:
    """The log that the settings name.

    Raises:
        BadConfig: its file cannot be opened.
    """
    where = settings.logs or "stdout"
    try:
        return FactLog(where, lines(settings))
    except OSError as error:
        problem = Problem("logs", f"{where} cannot be opened: {error.strerror}", "name a file that may be written")
        raise BadConfig("the telemetry was refused", (problem,)) from None


def lines(settings: Settings) -> Lines:
    """What makes lines for this deployment."""
    return Lines(
        service=settings.service_name,
        environment=settings.environment,
        version=settings.version,
        strategy=settings.strategy,
        addresses=settings.addresses,
    )
