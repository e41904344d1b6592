"""A Pushgateway for a program that ends: its group is the job, which is the service's name, and the agent."""

from __future__ import annotations

from fleawatch.sdk.telemetry.backends.prometheus import owners_of
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.pushgateway import HttpGateway, Pushgateway


def sink(settings: Settings) -> Pushgateway:
    """The sink for the gateway that the settings name."""
    gateway = HttpGateway(settings.pushgateway or "", settings.service_name, settings.agent_id)
    return Pushgateway(gateway, owners_of(settings), keep=settings.pushgateway_keep)
