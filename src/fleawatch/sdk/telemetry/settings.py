"""How an agent's telemetry is set up: by arguments, the environment, a file, in this order; every complaint at once.

The variables of OpenTelemetry and Datadog are honoured where they say the same thing, so that what is deployed already
says it once; what they say stops no agent. Secrets are named by files and read when they are used; what is given as text is a `Secret`, which nothing
prints.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from fleawatch.errors import BadConfig, Problem
from fleawatch.scrub import Addresses, scrub
from fleawatch.sdk.secret import NO_SECRET, Secret, fits_header
from fleawatch.sdk.telemetry.checks import checked
from fleawatch.sdk.telemetry.environment import REMEDIES, Ambient, leave_out, log, said, tell_unknown
from fleawatch.units import AGENT_ID, looks_like_key

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
        statsd: `udp://host:port` or `unix:///path` of a DogStatsD server; `unixgram` and `unixstream` name the kind of socket.
        otlp: address of an OTLP receiver for spans; over gRPC `host:port` is one too.
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
        ambient: settings that only variables of OpenTelemetry or Datadog brought about, and their names; it is not set.
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
    ambient: Mapping[str, str] = field(default_factory=dict, compare=False)


_SAID: Final = frozenset({"strategy", "environment", "version", "service_name", "region", "services"})
"""What is on metrics, spans and logs as it is."""
_OTLP: Final = ("otlp", "otlp_protocol", "otlp_headers")
"""What goes together: spans are not sent to an address whose protocol or headers cannot be used."""


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
    known = {field.name for field in fields(Settings)} - {"ambient"}
    tell_unknown(env)
    told = said(env)
    filed = _of_file(file or env.get("PF_CONFIG"), known, problems)
    if told.no_spans:
        filed.pop("otlp", None)
        told.ambient.pop("otlp", None)
    asked = filed | told.own
    for name, value in arguments.items():
        if name not in known:
            problems.append(Problem(name, "is no setting", f"use some of {', '.join(sorted(known))}"))
        elif value is not None:
            asked[name] = value
    ambient = _usable({name: one for name, one in told.ambient.items() if arguments.get(name) is None}, asked)
    found = asked | {name: one.value for name, one in ambient.items()}
    grpc = found.get("otlp_protocol") == "grpc"
    values = {name: checked(name, value, problems, grpc=grpc) for name, value in found.items()}
    _complete(values, problems)
    _say_cleanly(values)
    if problems:
        raise BadConfig("the telemetry was refused", tuple(problems))
    return Settings(**values, ambient={name: one.variable for name, one in ambient.items() if name not in asked})


def _say_cleanly(values: dict[str, Any]) -> None:
    """Names that are on everything have no secrets, and can be written; who put one there is told."""
    for name in _SAID & values.keys():
        given = values[name]
        texts = given if isinstance(given, tuple) else (given,)
        whole = tuple(str(text).encode("utf-8", "replace").decode() for text in texts)
        clean = tuple(map(scrub, whole))
        if clean != whole:
            log.warning("%s: held what looks like a secret, which was cut. Remedy: give it another name", name)
        values[name] = clean if isinstance(given, tuple) else clean[0]


def _usable(ambient: dict[str, Ambient], asked: Mapping[str, Any]) -> dict[str, Ambient]:
    """What ambient variables say without what cannot be used, which is told to the log."""
    grpc = ambient.get("otlp_protocol", Ambient("", asked.get("otlp_protocol"))).value == "grpc"
    sends = "otlp" in ambient or bool(asked.get("otlp"))
    left_out: set[str] = set()
    for name, (variable, value) in ambient.items():
        problems: list[Problem] = []
        checked(name, value, problems, grpc=grpc)
        if not problems:
            continue
        backend = "otlp" if name in _OTLP else "statsd" if name == "statsd" else ""
        alone = backend in ambient and backend not in asked
        left_out |= set(_OTLP) if alone and backend == "otlp" else {name}
        if sends or backend != "otlp":
            outcome = f"{backend} is left out" if alone else "it is ignored"
            leave_out(variable, outcome, problems[0], REMEDIES.get(variable, ""))
    return {name: one for name, one in ambient.items() if name not in left_out}


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


def _complete(found: dict[str, Any], problems: list[Problem]) -> None:
    agent = found.get("agent_id", "")
    if not agent:
        problems.append(Problem("agent_id", "was not given", "pass it, or set PF_AGENT_ID"))
    elif looks_like_key(agent) or AGENT_ID.fullmatch(agent) is None:
        remedy = "use the fleet's own name of the agent: lower-case letters, digits, _ and -, at most 63"
        problems.append(Problem("agent_id", "was no name of an agent", remedy))
    if found.get("pushgateway"):
        _complete_push(found, problems)


def _given(found: dict[str, Any], name: str, problems: list[Problem]) -> bool:
    """Whether a secret was given, by a file or by itself."""
    text, file = bool(found.get(f"pushgateway_{name}")), bool(found.get(f"pushgateway_{name}_file"))
    if text and file:
        problem = Problem(f"pushgateway_{name}", "was set beside its file", f"keep pushgateway_{name}_file alone")
        problems.append(problem)
    return text or file


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
