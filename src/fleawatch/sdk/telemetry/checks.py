"""What each setting of telemetry may be: made of what an argument, a variable or a file says, or complained about."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from fleawatch.errors import Problem
from fleawatch.scrub import scrub_within
from fleawatch.sdk.secret import Secret, fits_header

_LAST_PORT: Final = 65_535
_SHOWN: Final = 40
"""Characters of a value that a complaint shows."""
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TARGET: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})", re.ASCII)
"""A host and a port, as gRPC takes them too."""
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
    "statsd": ("udp", "unix", "unixgram", "unixstream"),
}


def checked(name: str, value: Any, problems: list[Problem], *, grpc: bool = False) -> Any:
    """The value of a setting, of the type that `Settings` says.

    Args:
        name: of the setting.
        value: as it was given; None is none.
        problems: complaints are added to it, without a secret and without what may be one.
        grpc: whether `otlp` is spoken over gRPC, where its address needs no scheme.
    """
    if value is None:
        return None
    if name in _LISTS:
        return _list(name, value, problems)
    if name == "sample":
        return _share(value, problems)
    if name == "pushgateway_keep":
        return _switch(name, value, problems)
    if name in _SECRETS:
        return _secret(name, value, problems)
    text = str(value)
    choices, schemes = _CHOICES.get(name), _ADDRESSES.get(name)
    if choices and text not in choices:
        problems.append(Problem(name, _was(text), f"write {' or '.join(choices)}"))
    if schemes and text and not (_is_address(text, schemes) or (name == "otlp" and grpc and _is_target(text))):
        problems.append(Problem(name, "was no address", f"write it as {schemes[0]}://host:port, without a password"))
    if name == "metrics" and not _is_port(text.rpartition(":")[2]):
        problems.append(Problem(name, _was(text), "write host:port, such as 127.0.0.1:8000"))
    return text


def _secret(name: str, value: Any, problems: list[Problem]) -> Secret:
    secret = value if isinstance(value, Secret) else Secret(str(value))
    if name == "otlp_headers" and not _are_headers(secret.reveal()):
        remedy = "write name=value,name=value, the values percent-encoded"
        problems.append(Problem(name, "were no headers of a request", remedy))
    return secret


def _list(name: str, value: Any, problems: list[Problem]) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Iterable):
        problems.append(Problem(name, _was(value), "write a list, or names between commas"))
        return ()
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _share(value: Any, problems: list[Problem]) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0.0 <= share <= 1.0:
        problems.append(Problem("sample", _was(value), "write a share from 0 to 1"))
    return share


def _switch(name: str, value: Any, problems: list[Problem]) -> bool:
    text = str(value).lower()
    if text not in ("true", "false", "1", "0"):
        problems.append(Problem(name, _was(text), "write true or false"))
    return text in ("true", "1")


def _was(value: Any) -> str:
    return f"was {scrub_within(str(value), _SHOWN)!r}"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= _LAST_PORT


def _is_target(text: str) -> bool:
    found = _TARGET.fullmatch(text)
    return found is not None and _is_port(found[1])


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    host = parts.path if parts.scheme.startswith("unix") else parts.hostname
    return parts.scheme in schemes and bool(host) and parts.password is None


def _are_headers(text: str) -> bool:
    """Whether an exporter can send them: one that cannot tells its log what it was given."""
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    return all(
        found and _HEADER_NAME.fullmatch(name.strip()) and fits_header(unquote(value.strip()))
        for name, found, value in parts
    )
