"""Facts for a Fleawatch service."""

from __future__ import annotations

from pathlib import Path

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.secret import token_of
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sdk.telemetry.ship import Ship, precious
from fleawatch.sdk.telemetry.spool import Spool


def sink(settings: Settings) -> Ship:
    """The sink for the service that the settings name.

    Raises:
        BadConfig: the spool cannot be used.
    """
    directory = Path(settings.spool) if settings.spool else None
    try:
        spool = Spool(directory, settings.agent_id, precious=precious)
    except OSError as error:
        problem = Problem(
            "spool", f"{directory} cannot be used: {error.strerror}", "name a directory that may be written"
        )
        raise BadConfig("the telemetry was refused", (problem,)) from None
    return Ship(settings.service or "", token_of(settings.token_file), spool)
