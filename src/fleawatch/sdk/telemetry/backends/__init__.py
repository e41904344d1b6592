"""From settings to sinks: each backend that is set is imported, and no other.

A backend that only an ambient variable asks for is done without when it cannot be had; one that was meant is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from fleawatch.errors import BadConfig, Problem
from fleawatch.ports import TelemetrySink
from fleawatch.sdk.telemetry.environment import leave_out
from fleawatch.sdk.telemetry.settings import Settings


def sinks_for(settings: Settings) -> list[TelemetrySink]:
    """The sinks that the settings ask for, in the order in which they are given things.

    Raises:
        BadConfig: a backend's library is not installed, or its address cannot be used, and it was asked for.
    """
    found: list[TelemetrySink] = []
    for backend, is_set in _SET.items():
        if not is_set(settings):
            continue
        try:
            module = import_module(f"fleawatch.sdk.telemetry.backends.{backend}")
            found.append(module.sink(settings))
        except Exception as error:
            names = _BY.get(backend, ())
            variable = next((settings.ambient[name] for name in names if name in settings.ambient), None)
            if variable is None:
                raise
            leave_out(variable, f"{names[0]} is left out", _problem(names[0], error))
    return found


def _problem(name: str, error: Exception) -> Problem:
    """What went wrong, without what a library says of it: a secret may be in that."""
    if isinstance(error, BadConfig):
        return error.problems[0]
    return Problem(name, f"could not be set up: {type(error).__name__}", "look at the variables of its library")


_SET: Final[dict[str, Callable[[Settings], object]]] = {
    "jsonlog": lambda settings: settings.logs,
    "dogstatsd": lambda settings: settings.statsd,
    "otlp": lambda settings: settings.otlp and settings.traces == "own",
    "pushgateway": lambda settings: settings.pushgateway,
    "ship": lambda settings: settings.service,
    "annotations": lambda settings: settings.grafana,
}
"""By backend: whether it is asked for."""
_BY: Final[dict[str, tuple[str, ...]]] = {"dogstatsd": ("statsd",), "otlp": ("otlp", "otlp_protocol")}
"""The settings by which variables of others bring a backend about."""
