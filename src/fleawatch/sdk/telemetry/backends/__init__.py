"""From settings to sinks: each backend that is set is imported, and no other."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from fleawatch.ports import TelemetrySink
from fleawatch.sdk.telemetry.settings import Settings


def sinks_for(settings: Settings) -> list[TelemetrySink]:
    """The sinks that the settings ask for, in the order in which they are given things.

    Raises:
        BadConfig: a backend's library is not installed, or its address cannot be used.
    """
    found: list[TelemetrySink] = []
    for backend, is_set in _SET.items():
        if is_set(settings):
            module = import_module(f"fleawatch.sdk.telemetry.backends.{backend}")
            found.append(module.sink(settings))
    return found


_SET: Final[dict[str, Callable[[Settings], object]]] = {
    "jsonlog": lambda settings: settings.logs,
    "dogstatsd": lambda settings: settings.statsd,
    "otlp": lambda settings: settings.otlp and settings.traces == "own",
    "pushgateway": lambda settings: settings.pushgateway,
    "ship": lambda settings: settings.service,
    "annotations": lambda settings: settings.grafana,
}
"""By backend: whether it is asked for."""
