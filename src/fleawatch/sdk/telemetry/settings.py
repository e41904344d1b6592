"""How an agent's telemetry is set up: by arguments, the environment, a file, in this order; every complaint at once.

The variables of OpenTelemetry and Datadog are honoured where they say the same thing, so that what is deployed already
says it once. Secrets are named by files and read when they are used; what is given as text is a `Secret`, which nothing
prints.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from fleawatch.errors import BadConfig, Problem
from fleawatch.scrub import Addresses
from fleawatch.sdk.secret import NO_SECRET, Secret, fits_header
from fleawatch.units import AGENT_ID, looks_like_key

_LAST_PORT: Final = 65_535
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
SERVICE_NAME: Final = "purpleflea-trading-agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `Telemetry` does. Everything but the agent's name has a default; what is None or empty is off.

    Attributes:
        agent_id: as the fleet calls the agent.
        strategy: name for attribution.
        environment, version, service_name, region: of the deployment; on spans, logs and metrics.
        services: of the platform that the agent uses, such as `trading` and `escrow`; on spans.
        service: address of a Fleawatch service to which facts are sent. It then exports what the platform's books say,
            and the agent only what it alone knows.
        token_file: file with the agent's token at that service.
        spool: directory where facts wait for the service.
        metrics: `host:port` of a metrics server of its own.
        metrics_dir: directory in which the workers of one program keep their metrics for each other.
        statsd: `udp://host:port` or `unix:///path` of a DogStatsD server.
        otlp: address of an OTLP receiver for spans.
        otlp_protocol: how it is spoken to.
        otlp_headers: sent with it, as `name=value,...`; a secret.
        traces: `own` spans are made by the worker thread; `provider` hands each to the OpenTelemetry tracer provider of
            the program, as ddtrace has one, in the caller's thread.
        sample: share of new traces that is exported, 0..1.
        logs: `stdout`, `stderr` or a file for lines of JSON; every fact is one.
        pushgateway: address of a Pushgateway, for programs that end; never beside `metrics`, or all is counted twice.
        pushgateway_keep: leave the metrics there when the program ends, instead of deleting them.
        pushgateway_user: who it is pushed as, with a password: `pushgateway_password_file` names its file, or
            `pushgateway_password` is it.
        pushgateway_token_file: file with a bearer token in their place; `pushgateway_token` is it.
        pushgateway_ca_file: PEM with the authorities that its certificate is checked against, in place of the system's.
        pushgateway_cert_file, pushgateway_key_file: PEM with the certificate that is shown to it, and its key.
        grafana: address of Grafana for annotations; `grafana_token_file` with its token, `grafana_dashboard` the uid of the
            only dashboard that shows them.
        propagate_hosts: hosts that trace context is sent to.
        trust_remote: agents whose trace context becomes a parent and not only a link.
        handoff_key_file: file with the key that signs trace context for other agents.
        handoff_replay_dir: directory in which the agent's processes remember whose context they believed.
        private: attributes that are never recorded.
        addresses: whether addresses of wallets in texts are kept, hashed or cut; secrets are always cut.
    """

    agent_id: str
    strategy: str = ""
    environment: str = ""
    version: str = ""
    service_name: str = SERVICE_NAME
    region: str = ""
    services: tuple[str, ...] = ()
    service: str | None = None
    token_file: str | None = None
    spool: str | None = None
    metrics: str | None = None
    metrics_dir: str | None = None
    statsd: str | None = None
    otlp: str | None = None
    otlp_protocol: Literal["http/protobuf", "grpc"] = "http/protobuf"
    otlp_headers: Secret = NO_SECRET
    traces: Literal["own", "provider", "off"] = "own"
    sample: float = 1.0
    logs: str | None = None
    pushgateway: str | None = None
    pushgateway_keep: bool = False
    pushgateway_user: str = ""
    pushgateway_password: Secret = NO_SECRET
    pushgateway_password_file: str | None = None
    pushgateway_token: Secret = NO_SECRET
    pushgateway_token_file: str | None = None
    pushgateway_ca_file: str | None = None
    pushgateway_cert_file: str | None = None
    pushgateway_key_file: str | None = None
    grafana: str | None = None
    grafana_token_file: str | None = None
    grafana_dashboard: str = ""
    propagate_hosts: tuple[str, ...] = ()
    trust_remote: tuple[str, ...] = ()
    handoff_key_file: str | None = None
    handoff_replay_dir: str | None = None
    private: tuple[str, ...] = ("pf.conditions", "pf.task", "pf.release_reason")
    addresses: Addresses = "keep"


_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "agent_id": ("PF_AGENT_ID", "AGENT_ID"),
    "strategy": ("PF_STRATEGY",),
    "environment": (
        "PF_ENVIRONMENT",
        "DD_ENV",
        "resource:deployment.environment.name",
        "resource:deployment.environment",
        "resource:pf.environment",
    ),
    "version": ("PF_VERSION", "DD_VERSION", "resource:service.version"),
    "service_name": ("PF_SERVICE_NAME", "OTEL_SERVICE_NAME", "DD_SERVICE", "resource:service.name"),
    "region": ("PF_REGION", "resource:cloud.region", "resource:deployment.region"),
    "services": ("PF_SERVICES",),
    "service": ("PF_SERVICE",),
    "token_file": ("PF_TOKEN_FILE",),
    "spool": ("PF_SPOOL",),
    "metrics": ("PF_METRICS",),
    "metrics_dir": ("PF_METRICS_DIR",),
    "statsd": ("PF_STATSD", "DD_DOGSTATSD_URL"),
    "otlp": ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    "otlp_protocol": ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    "otlp_headers": ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
    "traces": ("PF_TRACES",),
    "sample": ("PF_SAMPLE",),
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
"""Where each setting is found in the environment, the first that is set; `resource:` in OTEL_RESOURCE_ATTRIBUTES."""
_LISTS: Final = frozenset({"services", "propagate_hosts", "trust_remote", "private"})
_SECRETS: Final = frozenset({"otlp_headers", "pushgateway_password", "pushgateway_token"})
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "otlp_protocol": ("http/protobuf", "grpc"),
    "traces": ("own", "provider", "off"),
    "addresses": ("keep", "hash", "cut"),
}
_ADDRESSES: Final[Mapping[str, tuple[str, ...]]] = {
    "service": ("http", "https"),
    "otlp": ("http", "https"),
    "pushgateway": ("http", "https"),
    "grafana": ("http", "https"),
    "statsd": ("udp", "unix", "unixgram"),
}


def settings(
    arguments: Mapping[str, Any], environ: Mapping[str, str] | None = None, file: str | Path | None = None
) -> Settings:
    """The settings in force: an argument over the environment over the file over the default.

    Args:
        arguments: by name; None is as good as not given.
        environ: the process's own when None.
        file: TOML with the names of `Settings`, at the top or in a table `[telemetry]`; `PF_CONFIG` names one as well.

    Raises:
        BadConfig: with every complaint.
    """
    env = os.environ if environ is None else environ
    problems: list[Problem] = []
    known = {field.name for field in fields(Settings)}
    found = _of_file(file or env.get("PF_CONFIG"), known, problems)
    found |= _of_environment(env)
    for name, value in arguments.items():
        if name not in known:
            problems.append(Problem(name, "is no setting", f"use some of {', '.join(sorted(known))}"))
        elif value is not None:
            found[name] = value
    checked = {name: _checked(name, value, problems) for name, value in found.items()}
    _complete(checked, problems)
    if problems:
        raise BadConfig("the telemetry was refused", tuple(problems))
    return Settings(**checked)


def _of_file(file: str | Path | None, known: set[str], problems: list[Problem]) -> dict[str, Any]:
    if not file:
        return {}
    try:
        document = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        problems.append(Problem(str(file), f"could not be read: {error}", "name a TOML file"))
        return {}
    table = document.get("telemetry", document)
    if not isinstance(table, dict):
        problems.append(Problem(f"{file}: telemetry", "was no table", "write its settings below [telemetry]"))
        return {}
    remedy = f"use some of {', '.join(sorted(known))}"
    problems += [Problem(f"{file}: {name}", "is no setting", remedy) for name in sorted(table.keys() - known)]
    return {name: value for name, value in table.items() if name in known}


def _of_environment(env: Mapping[str, str]) -> dict[str, Any]:
    resource = _pairs(env.get("OTEL_RESOURCE_ATTRIBUTES", ""))
    found: dict[str, Any] = {}
    for name, places in _NAMES.items():
        for place in places:
            value = resource.get(place.removeprefix("resource:")) if ":" in place else env.get(place)
            if value:
                found[name] = value
                break
    if "statsd" not in found and env.get("DD_AGENT_HOST"):
        host = env["DD_AGENT_HOST"]
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        found["statsd"] = f"udp://{host}:{env.get('DD_DOGSTATSD_PORT') or 8125}"
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER") == "none":
        found["otlp"] = None
    sampler = env.get("OTEL_TRACES_SAMPLER", "")
    if "sample" not in found and sampler:
        found["sample"] = {"always_off": 0.0, "parentbased_always_off": 0.0}.get(sampler, 1.0)
        if sampler.endswith("traceidratio"):
            found["sample"] = env.get("OTEL_TRACES_SAMPLER_ARG") or 1.0
    return found


def _pairs(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(","))
    return {name.strip(): unquote(value.strip()) for name, _, value in parts if name}


def _checked(name: str, value: Any, problems: list[Problem]) -> Any:
    if value is None:
        return None
    if name in _LISTS:
        return _list(name, value, problems)
    if name == "sample":
        return _share(value, problems)
    if name == "pushgateway_keep":
        return _switch(name, value, problems)
    if name in _SECRETS:
        return value if isinstance(value, Secret) else Secret(str(value))
    text = str(value)
    choices, schemes = _CHOICES.get(name), _ADDRESSES.get(name)
    if choices and text not in choices:
        problems.append(Problem(name, f"was {text[:40]!r}", f"write {' or '.join(choices)}"))
    if schemes and text and not _is_address(text, schemes):
        problems.append(Problem(name, "was no address", f"write it as {schemes[0]}://host:port, without a password"))
    if name == "metrics" and not _is_port(text.rpartition(":")[2]):
        problems.append(Problem(name, f"was {text[:40]!r}", "write host:port, such as 127.0.0.1:8000"))
    return text


def _list(name: str, value: Any, problems: list[Problem]) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Iterable):
        problems.append(Problem(name, f"was {str(value)[:40]!r}", "write a list, or names between commas"))
        return ()
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _share(value: Any, problems: list[Problem]) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0.0 <= share <= 1.0:
        problems.append(Problem("sample", f"was {str(value)[:40]!r}", "write a share from 0 to 1"))
    return share


def _switch(name: str, value: Any, problems: list[Problem]) -> bool:
    text = str(value).lower()
    if text not in ("true", "false", "1", "0"):
        problems.append(Problem(name, f"was {text[:40]!r}", "write true or false"))
    return text in ("true", "1")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= _LAST_PORT


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    host = parts.path if parts.scheme.startswith("unix") else parts.hostname
    return parts.scheme in schemes and bool(host) and parts.password is None


def _complete(found: dict[str, Any], problems: list[Problem]) -> None:
    agent = found.get("agent_id", "")
    if not agent:
        problems.append(Problem("agent_id", "was not given", "pass it, or set PF_AGENT_ID"))
    elif looks_like_key(agent) or AGENT_ID.fullmatch(agent) is None:
        remedy = "use the fleet's own name of the agent: lower-case letters, digits, _ and -, at most 63"
        problems.append(Problem("agent_id", "was no name of an agent", remedy))
    if found.get("otlp") and not _are_headers(found.get("otlp_headers", NO_SECRET).reveal()):
        remedy = "write name=value,name=value, the values percent-encoded"
        problems.append(Problem("otlp_headers", "were no headers of a request", remedy))
    if found.get("pushgateway"):
        _complete_push(found, problems)


def _given(found: dict[str, Any], name: str, problems: list[Problem]) -> bool:
    """Whether a secret was given, by a file or by itself."""
    text, file = bool(found.get(f"pushgateway_{name}")), bool(found.get(f"pushgateway_{name}_file"))
    if text and file:
        problem = Problem(f"pushgateway_{name}", "was set beside its file", f"keep pushgateway_{name}_file alone")
        problems.append(problem)
    return text or file


def _are_headers(text: str) -> bool:
    """Whether an exporter can send them: one that cannot tells its log what it was given."""
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    return all(
        found and _HEADER_NAME.fullmatch(name.strip()) and fits_header(unquote(value.strip()))
        for name, found, value in parts
    )


def _complete_push(found: dict[str, Any], problems: list[Problem]) -> None:
    """What is said of a Pushgateway goes together; what is wrong is told without secrets."""
    user, certificate, key = (found.get(f"pushgateway_{name}") for name in ("user", "cert_file", "key_file"))
    password, token = (_given(found, name, problems) for name in ("password", "token"))
    if token and (user or password):
        problems.append(Problem("pushgateway_token", "was set beside a user or a password", "set one of the two"))
    elif bool(user) != password:
        remedy = "set pushgateway_user and pushgateway_password_file, or neither"
        problems.append(Problem("pushgateway_user", "and its password were not both set", remedy))
    if user and (":" in user or not user.isprintable()):
        problems.append(Problem("pushgateway_user", "had a colon or what is not printed", "such a name cannot be sent"))
    if not fits_header(found.get("pushgateway_token", NO_SECRET).reveal()):
        problems.append(Problem("pushgateway_token", "had characters that no header can hold", "write it in one line"))
    if key and not certificate:
        problems.append(Problem("pushgateway_key_file", "was set without a certificate", "set pushgateway_cert_file"))
    if (certificate or found.get("pushgateway_ca_file")) and not found["pushgateway"].startswith("https"):
        remedy = "write pushgateway as https://host:port"
        problems.append(Problem("pushgateway", "was no address of TLS, and certificates were set", remedy))
    if found.get("metrics") or found.get("metrics_dir"):
        remedy = "push what ends, scrape what stays: set one of the two"
        problems.append(Problem("pushgateway", "was set beside a scrape, so everything would be counted twice", remedy))
