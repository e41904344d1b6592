"""Marks on Grafana's charts."""

from __future__ import annotations

from fleawatch.sdk.secret import token_of
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.annotations import Annotations


def sink(settings: Settings) -> Annotations:
    """The sink for the Grafana that the settings name."""
    return Annotations(
        settings.grafana or "", token_of(settings.grafana_token_file), dashboard=settings.grafana_dashboard
    )
