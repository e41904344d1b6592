"""The reference page of an agent's telemetry: each setting, and where it is found, generated from what reads it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Final

from fleawatch.cli.reference import HEADER
from fleawatch.sdk.telemetry.environment import NAMES
from fleawatch.sdk.telemetry.settings import Settings

_ENTRY: Final = re.compile(r"    ([a-z_]+(?:, [a-z_]+)*): (.+)")
_KINDS: Final[Mapping[str, str]] = {"resource": " in `OTEL_RESOURCE_ATTRIBUTES`", "tag": " in `DD_TAGS`"}
_PUT_TOGETHER: Final[Mapping[str, str]] = {
    "statsd": "`DD_AGENT_HOST` with `DD_DOGSTATSD_PORT`",
    "sample": "`OTEL_TRACES_SAMPLER` with `OTEL_TRACES_SAMPLER_ARG`",
}
_RULES: Final = """\
Precedence: argument of `Telemetry`, then environment, then TOML file (`file=`, or `PF_CONFIG`), then default. Of the variables
in one row the first that is set and not empty counts (of those of others, not blank): those of our own (`PF_*`, `AGENT_ID`) before those of Datadog and OpenTelemetry.

## Variables of others

Variables that begin with `DD_` or `OTEL_` are *ambient*: somebody sets them for whatever is deployed, such as a cluster's
admission controller. They never stop an agent. When only they ask for a backend whose library is not installed, or when what they
say cannot be used, one warning in the log `fleawatch` names variable, reason and remedy, and the agent goes on without it. What you ask
for yourself, by argument, file or `PF_*`, is refused at the start with `BadConfig`.

- `DD_ENV`, `DD_SERVICE` and `DD_VERSION` win over `env:`, `service:` and `version:` in `DD_TAGS`, whose tags stand between commas,
  or between blanks where there is no comma. Other tags of `DD_TAGS` are not read.
- `DD_DOGSTATSD_URL` wins over `DD_AGENT_HOST`. `udp://`, `unix://`, `unixgram://` and `unixstream://` are understood.
- `DD_TRACE_SAMPLE_RATE` wins over `OTEL_TRACES_SAMPLER`, whose values are `always_on`, `always_off` and `traceidratio`, each also with
  `parentbased_`; others are told and ignored. A span within a trace always follows its parent, whichever of the two forms is written.
  `DD_TRACE_SAMPLING_RULES` is for Datadog's tracer, which decides by itself where it runs.
- `OTEL_SDK_DISABLED=true` (no other word is yes) and `OTEL_TRACES_EXPORTER=none` switch the export of spans off, unless it was
  asked for by `otlp=` or `PF_OTLP`. Metrics, logs and facts go on: they are none of OpenTelemetry's.
- `OTEL_EXPORTER_OTLP_PROTOCOL` is `http/protobuf` or `grpc`; `http/json` is not spoken. Over gRPC an address may be `host:port`: then
  `OTEL_EXPORTER_OTLP_INSECURE=true` says that it is not encrypted. Time-out, compression and certificates are read by the exporter.
- `OTEL_PROPAGATORS` names the headers that carry trace context: `tracecontext`, `b3`, `b3multi`, `baggage` or `none`.
"""


def telemetry_page() -> str:
    """Every setting of an agent's telemetry with default, variables and meaning, as Markdown."""
    meanings = _meanings()
    lines = [
        HEADER + "# Settings of an agent's telemetry\n",
        _RULES,
        "## Settings\n",
        "| setting | default | variables, the first that is set | meaning |",
        "|---|---|---|---|",
    ]
    for field in fields(Settings):
        if field.name in NAMES:
            default = "required" if field.default is MISSING else _default(field.default)
            lines.append(f"| `{field.name}` | {default} | {_places(field.name)} | {meanings[field.name]} |")
    return "\n".join(lines) + "\n"


def _default(value: object) -> str:
    if not value and not isinstance(value, bool):
        return "none"
    return ", ".join(f"`{one}`" for one in value) if isinstance(value, tuple) else f"`{value}`"


def _places(name: str) -> str:
    found = []
    for place in NAMES[name]:
        kind, colon, key = place.partition(":")
        found.append(f"`{key}`{_KINDS[kind]}" if colon else f"`{place}`")
    return ", ".join([*found, *([_PUT_TOGETHER[name]] if name in _PUT_TOGETHER else [])])


def _meanings() -> dict[str, str]:
    """What the attributes of `Settings` are said to be, by name; what is told with another one names that."""
    found: dict[str, str] = {}
    last = ""
    for line in inspect.getdoc(Settings).partition("Attributes:\n")[2].splitlines():  # type: ignore[union-attr]
        entry = _ENTRY.fullmatch(line)
        if entry is not None:
            last = entry[1].split(", ")[0]
            found |= dict.fromkeys(entry[1].split(", "), f"as of `{last}`") | {last: entry[2]}
        elif line.strip():
            found[last] += f" {line.strip()}"
    for name in NAMES.keys() - found.keys():
        found[name] = next(f"as of `{one}`" for one, text in found.items() if f"`{name}`" in text)
    return found
