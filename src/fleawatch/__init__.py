"""Fleawatch: see every agent's money, stop the one that is losing it, and prove what happened.

pytest leaves this module as it is (PYTEST_DONT_REWRITE): it brings fixtures, and a program that imports it before it starts
pytest would otherwise be warned that it came too late to be rewritten.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from fleawatch import ending as _ending  # noqa: F401 - its hook must be older than those of the program
from fleawatch._version import __version__

if TYPE_CHECKING:
    from fleawatch import events
    from fleawatch.errors import TradingHalted
    from fleawatch.sdk.client.retries import Retries
    from fleawatch.sdk.gate.answer import Order
    from fleawatch.sdk.gate.gate import Gate
    from fleawatch.sdk.handoff.handoff import Handoff
    from fleawatch.sdk.health.health import Health
    from fleawatch.sdk.telemetry.telemetry import Telemetry

__all__ = ["Gate", "Handoff", "Health", "Order", "Retries", "Telemetry", "TradingHalted", "__version__", "events"]

_ROOMS: Final = {
    "Gate": "fleawatch.sdk.gate.gate",
    "Handoff": "fleawatch.sdk.handoff.handoff",
    "Health": "fleawatch.sdk.health.health",
    "Order": "fleawatch.sdk.gate.answer",
    "Retries": "fleawatch.sdk.client.retries",
    "Telemetry": "fleawatch.sdk.telemetry.telemetry",
    "TradingHalted": "fleawatch.errors",
}


def __getattr__(name: str) -> Any:
    """What is exported is imported when it is first asked for, so that `import fleawatch` costs an agent next to nothing."""
    if name == "events":
        return import_module("fleawatch.events")
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_ROOMS[name]), name)
    globals()[name] = value
    return value
