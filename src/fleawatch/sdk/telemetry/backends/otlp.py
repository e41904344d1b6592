"""Spans over OTLP: the exporter that the settings name, and what a trace says about the process it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.telemetry.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

    from fleawatch.sinks.otlp import Otlp

NAMESPACE = "purpleflea"


def sink(settings: Settings) -> Otlp:
    """The sink for the receiver that the settings name.

    Raises:
        BadConfig: the exporter is not installed, or refuses what its own variables say.
    """
    extra = "otel-grpc" if settings.otlp_protocol == "grpc" else "otel"
    try:
        from fleawatch.sinks.otlp import Otlp  # noqa: PLC0415 - an extra, loaded by those who use it

        connect = _grpc if settings.otlp_protocol == "grpc" else _http
        return Otlp(lambda: connect(settings), resource(settings))
    except ImportError:
        problem = Problem("otlp", "needs the OpenTelemetry exporter", f"pip install 'fleawatch[{extra}]'")
        raise BadConfig("the telemetry was refused", (problem,)) from None
    except Exception as error:  # noqa: BLE001 - whatever it refuses
        # The exporter reads time-outs, compression and certificates from variables of its own.
        what = f"could not be set up: {type(error).__name__}"
        problem = Problem("otlp", what, "look at OTEL_EXPORTER_OTLP_TIMEOUT, _COMPRESSION and _CERTIFICATE")
        raise BadConfig("the telemetry was refused", (problem,)) from None


def resource(settings: Settings) -> Mapping[str, Any]:
    """Resource attributes of this agent; what is not known is left out."""
    found = {
        "service.name": settings.service_name,
        "service.namespace": NAMESPACE,
        "service.version": settings.version,
        "deployment.environment.name": settings.environment,
        "cloud.region": settings.region,
        "pf.agent_id": settings.agent_id,
        "pf.services": settings.services,
    }
    return {name: value for name, value in found.items() if value}


def _http(settings: Settings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra

    return OTLPSpanExporter(
        endpoint=traces_endpoint(settings.otlp or ""), headers=_headers(settings.otlp_headers.reveal())
    )


def _grpc(settings: Settings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra

    endpoint = settings.otlp or ""
    # Of an address without a scheme OTEL_EXPORTER_OTLP_INSECURE says whether it is secure, and the exporter reads it.
    insecure = True if endpoint.startswith("http://") else None
    return OTLPSpanExporter(endpoint=endpoint, insecure=insecure, headers=_headers(settings.otlp_headers.reveal()))


def traces_endpoint(address: str) -> str:
    """Where spans are posted: an address for all signals gets `/v1/traces`, one that names a path is used as it is."""
    if address and address == os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        return address
    return address if address.rstrip("/").endswith("/v1/traces") else f"{address.rstrip('/')}/v1/traces"


def _headers(text: str) -> dict[str, str] | None:
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs} or None
