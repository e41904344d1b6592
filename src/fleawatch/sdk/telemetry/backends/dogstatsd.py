"""DogStatsD through the official client, with what it does not do by default: buffering, and no threads of its own."""

from __future__ import annotations

import os
from typing import cast
from urllib.parse import urlsplit

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.dogstatsd import Client, DogStatsD

_PORT = 8125


def sink(settings: Settings) -> DogStatsD:
    """The sink for the server that the settings name.

    Raises:
        BadConfig: the client is not installed.
    """
    try:
        from datadog.dogstatsd.base import DogStatsd  # noqa: PLC0415 - an extra, loaded by those who use it
    except ImportError:
        problem = Problem("statsd", "needs the Datadog client", "pip install 'fleawatch[datadog]'")
        raise BadConfig("the telemetry was refused", (problem,)) from None
    parts = urlsplit(settings.statsd or "")
    unix = parts.scheme.startswith("unix")
    # The client adds env, service and version from DD_* by itself; what those say is not said again.
    tags = [
        f"{name}:{value}"
        for name, value, variable in (
            ("env", settings.environment, "DD_ENV"),
            ("service", settings.service_name, "DD_SERVICE"),
            ("version", settings.version, "DD_VERSION"),
        )
        if value and not _says(variable)
    ]
    client = DogStatsd(
        host=None if unix else parts.hostname,
        port=None if unix else parts.port or _PORT,
        socket_path=parts.path if unix else None,
        constant_tags=tags,
        disable_buffering=False,
        flush_interval=0,
        disable_aggregation=False,
        disable_telemetry=True,
    )
    owners = ("agent",) if settings.service else ("agent", "monitor")
    return DogStatsD(cast("Client", client), settings.agent_id, settings.strategy, owners)  # type: ignore[arg-type]


def _says(variable: str) -> bool:
    return bool(os.environ.get(variable))
