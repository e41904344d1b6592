"""What the environment says of an agent's telemetry: variables of our own, and those of OpenTelemetry and Datadog.

The latter are *ambient*: they are set once for whatever is deployed, by a cluster's admission controller say, and nobody
thought of this agent. So they say what they say elsewhere, and they never stop an agent: what cannot be done is told to
the log. Variables of our own were meant; one whose name nobody reads is told to the log too, for it may be mistyped.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from fleawatch.errors import Problem

log: Final = logging.getLogger("fleawatch")

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "agent_id": ("PF_AGENT_ID", "AGENT_ID"),
    "strategy": ("PF_STRATEGY",),
    "environment": (
        "PF_ENVIRONMENT",
        "DD_ENV",
        "tag:env",
        "resource:deployment.environment.name",
        "resource:deployment.environment",
        "resource:pf.environment",
    ),
    "version": ("PF_VERSION", "DD_VERSION", "tag:version", "resource:service.version"),
    "service_name": ("PF_SERVICE_NAME", "OTEL_SERVICE_NAME", "DD_SERVICE", "tag:service", "resource:service.name"),
    "region": ("PF_REGION", "resource:cloud.region", "resource:deployment.region"),
    "services": ("PF_SERVICES",),
    "service": ("PF_SERVICE",),
    "token_file": ("PF_TOKEN_FILE",),
    "spool": ("PF_SPOOL",),
    "metrics": ("PF_METRICS",),
    "metrics_dir": ("PF_METRICS_DIR",),
    "statsd": ("PF_STATSD", "DD_DOGSTATSD_URL"),
    "otlp": ("PF_OTLP", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "otlp_protocol": ("PF_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    "otlp_headers": ("PF_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
    "traces": ("PF_TRACES",),
    "sample": ("PF_SAMPLE", "DD_TRACE_SAMPLE_RATE"),
    "logs": ("PF_LOGS",),
    "pushgateway": ("PF_PUSHGATEWAY",),
    "pushgateway_keep": ("PF_PUSHGATEWAY_KEEP",),
    "pushgateway_user": ("PF_PUSHGATEWAY_USER",),
    "pushgateway_password": ("PF_PUSHGATEWAY_PASSWORD",),
    "pushgateway_password_file": ("PF_PUSHGATEWAY_PASSWORD_FILE",),
    "pushgateway_token": ("PF_PUSHGATEWAY_TOKEN",),
    "pushgateway_token_file": ("PF_PUSHGATEWAY_TOKEN_FILE",),
    "pushgateway_ca_file": ("PF_PUSHGATEWAY_CA_FILE",),
    "pushgateway_cert_file": ("PF_PUSHGATEWAY_CERT_FILE",),
    "pushgateway_key_file": ("PF_PUSHGATEWAY_KEY_FILE",),
    "grafana": ("PF_GRAFANA",),
    "grafana_token_file": ("PF_GRAFANA_TOKEN_FILE",),
    "grafana_dashboard": ("PF_GRAFANA_DASHBOARD",),
    "propagate_hosts": ("PF_TRACE_PROPAGATE_HOSTS",),
    "trust_remote": ("PF_TRACE_TRUST_REMOTE",),
    "handoff_key_file": ("PF_HANDOFF_KEY_FILE",),
    "handoff_replay_dir": ("PF_HANDOFF_REPLAY_DIR",),
    "private": ("PF_PRIVATE",),
    "addresses": ("PF_ADDRESSES",),
}
"""Where each setting is found, the first that is set: a variable, `resource:` in OTEL_RESOURCE_ATTRIBUTES, `tag:` in DD_TAGS."""

_AMBIENT: Final = ("DD_", "OTEL_")
_LISTED: Final[Mapping[str, str]] = {"resource": "OTEL_RESOURCE_ATTRIBUTES", "tag": "DD_TAGS"}
_SHARES: Final[Mapping[str, float]] = {
    "always_on": 1.0,
    "parentbased_always_on": 1.0,
    "always_off": 0.0,
    "parentbased_always_off": 0.0,
}
REMEDIES: Final[Mapping[str, str]] = {
    "OTEL_TRACES_SAMPLER": "write always_on, always_off or traceidratio with OTEL_TRACES_SAMPLER_ARG",
    "DD_AGENT_HOST": "write a host in DD_AGENT_HOST and a port in DD_DOGSTATSD_PORT",
}
"""What to write, by variable, where a setting's value is put together."""


class Ambient(NamedTuple):
    """What a variable of somebody else says, and its name."""

    variable: str
    value: Any


class Said(NamedTuple):
    """What an environment says, by setting.

    Attributes:
        own: by variables of our own.
        ambient: by those of others, where no variable of our own says something.
        no_spans: whether spans are not to be exported, unless somebody asks for it.
    """

    own: dict[str, Any]
    ambient: dict[str, Ambient]
    no_spans: bool


def said(env: Mapping[str, str]) -> Said:
    """What an environment says; a variable that is empty says nothing, nor does one of others that is blank."""
    listed = {
        "resource": _pairs(env.get("OTEL_RESOURCE_ATTRIBUTES", "")),
        "tag": _tags(env.get("DD_TAGS", "")),
    }
    own: dict[str, Any] = {}
    ambient: dict[str, Ambient] = {}
    for name, places in NAMES.items():
        for place in places:
            kind, colon, key = place.partition(":")
            value = listed[kind].get(key) if colon else env.get(place)
            ambient_one = bool(colon) or place.startswith(_AMBIENT)
            # A chart writes a blank where nothing was meant.
            value = value.strip() if value and ambient_one else value
            if not value:
                continue
            if ambient_one:
                ambient[name] = Ambient(_LISTED.get(kind, place), value)
            else:
                own[name] = value
            break
    host = env.get("DD_AGENT_HOST", "").strip()
    if host and "statsd" not in own and "statsd" not in ambient:
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        ambient["statsd"] = Ambient("DD_AGENT_HOST", f"udp://{host}:{env.get('DD_DOGSTATSD_PORT', '').strip() or 8125}")
    if (
        "sample" not in own
        and "sample" not in ambient
        and (sampler := env.get("OTEL_TRACES_SAMPLER", "").strip().lower())
    ):
        ambient["sample"] = _sampler(sampler, env.get("OTEL_TRACES_SAMPLER_ARG", "").strip())
    return Said(own, ambient, _no_spans(env))


def leave_out(variable: str, outcome: str, problem: Problem, remedy: str = "") -> None:
    """Tell the log that what an ambient variable says cannot be done, and what comes of that."""
    text = "%s: %s %s, so %s. Remedy: %s, or unset the variable"
    log.warning(text, variable, problem.where, problem.what, outcome, remedy or problem.remedy)


def tell_unknown(env: Iterable[str]) -> None:
    """Tell the log of each variable `PF_*` that nothing reads; never what it holds."""
    unknown = [name for name in env if name.startswith("PF_") and name not in _KNOWN and not _OTHERS.fullmatch(name)]
    if not unknown:
        return
    from difflib import get_close_matches  # noqa: PLC0415 - an environment without mistakes needs no comparison

    for name in sorted(unknown)[:_MOST_TOLD]:
        close = get_close_matches(name, _KNOWN, 1)
        hint = f"did you mean {close[0]}?" if close else "rename or unset it, if it was meant for Fleawatch"
        log.warning("%s: nothing in Fleawatch reads it; %s", name[:_LONGEST_NAME], hint)


def _sampler(name: str, argument: str) -> Ambient:
    """As the specification of OpenTelemetry has it; what is none of its names stays one, which no share is."""
    if name in ("traceidratio", "parentbased_traceidratio"):
        return Ambient("OTEL_TRACES_SAMPLER_ARG", argument or 1.0)
    return Ambient("OTEL_TRACES_SAMPLER", _SHARES.get(name, name))


def _no_spans(env: Mapping[str, str]) -> bool:
    disabled = env.get("OTEL_SDK_DISABLED", "").strip().lower()
    if disabled not in ("", "true", "false"):
        # The specification knows one word for yes, and asks for a warning where another one is read as no.
        log.warning("OTEL_SDK_DISABLED: was neither true nor false and counts as false. Remedy: write true or false")
    return disabled == "true" or env.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none"


def _pairs(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, _, value in parts if name}


def _tags(text: str) -> dict[str, str]:
    """Tags of Datadog, as its libraries read them: between commas, or between blanks where there is no comma."""
    parts = (part.partition(":") for part in text.split("," if "," in text else None))
    return {name.strip(): value.strip() for name, _, value in parts}


_MOST_TOLD: Final = 20
_LONGEST_NAME: Final = 80
_KNOWN: Final = frozenset(
    {
        "PF_CONFIG", "PF_GATE_STATE", "PF_API_KEY", "PF_BASE",
        *(place for places in NAMES.values() for place in places if place.startswith("PF_")),
    }
)  # fmt: skip
_OTHERS: Final = re.compile(
    r"PF_(?:BASE|KEY)_(?:CASINO|TRADING|WALLET|DOMAINS|ESCROW|FAUCET)"
    r"|PF_(?:CASINO|TRADING|WALLET|DOMAINS|ESCROW|FAUCET|API)_(?:KEY|KEY_FILE|BASE|URL)"
    r"|PF_(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)?)"
)
"""Addresses and keys of the platform's services, which are the agent's own, and what Kubernetes says of a service `pf-...`."""
