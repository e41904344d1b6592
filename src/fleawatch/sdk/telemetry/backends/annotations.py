"""Marks on Grafana's charts."""

from __future__ import annotations

from fleawatch.sdk.telemetry.settings import Settings, secret_of
from fleawatch.sinks.annotations import Annotations


def sink(settings: Settings) -> Annotations:
    """The sink for the Grafana that the settings name."""
    return Annotations(
        settings.grafana or "", secret_of(settings.grafana_token_file), dashboard=settings.grafana_dashboard
    )
