"""DogStatsD through the official client, with what it does not do by default: buffering, and no threads of its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.dogstatsd import OWN_TAGS, Client, DogStatsD

if TYPE_CHECKING:
    from datadog.dogstatsd.base import DogStatsd

_PORT: Final = 8125
_NEVER_S: Final = 10**9
_LONGEST_TAG: Final = 200
"""Bytes: Datadog keeps as many characters of a tag, and what is longer may not fit a datagram."""
_SIZES: Final = {False: 1_432, True: 8_192}
"""Bytes of a datagram, by whether it goes to a Unix socket."""
_WIDEST: Final = 4
"""Bytes of a character of UTF-8, at most."""


def sink(settings: Settings) -> DogStatsD:
    """The sink for the server that the settings name.

    Raises:
        BadConfig: the client is not installed.
    """
    try:
        from datadog.dogstatsd.base import DogStatsd  # noqa: PLC0415 - an extra, loaded by those who use it
    except ImportError:
        problem = Problem("statsd", "needs the Datadog client", "pip install 'fleawatch[datadog]'")
        raise BadConfig("the telemetry was refused", (problem,)) from None
    owners = ("agent",) if settings.service else ("agent", "monitor")
    return DogStatsD(opener(settings, DogStatsd), settings.agent_id, settings.strategy, owners)  # type: ignore[arg-type]


def opener(settings: Settings, kind: type[DogStatsd]) -> Callable[[], Client]:
    """Makes clients: one now, and one in every child of a fork, where locks and numbers of the old one are the parent's."""
    parts = urlsplit(settings.statsd or "")
    unix = parts.scheme.startswith("unix")
    # Distributions are sent value by value; counts and gauges are added up until they are sent.
    # The client counts what it cannot send only where it reports on itself: that report is put off for ever.
    # The client's hook at a fork would find the new one of a child, and stop at it before it came to those of the program.
    given: dict[str, Any] = {
        "host": None if unix else parts.hostname,
        "port": None if unix else parts.port or _PORT,
        # A scheme that says which kind of socket it is goes along; the client tries both kinds without one.
        "socket_path": (parts.path if parts.scheme == "unix" else settings.statsd) if unix else None,
        "disable_buffering": False,
        "disable_aggregation": False,
        "max_metric_samples_per_context": 0,
        "flush_interval": 0,
        "disable_telemetry": False,
        "telemetry_min_flush_interval": _NEVER_S,
        "track_instance": False,
    }
    own = _deployment(settings)

    def opened() -> Client:
        tags = (*own, *(value for name, value in os.environ.items() if name.startswith(("DD_", "DATADOG_"))))
        # The client counts characters, and would put more bytes into a datagram than its transport carries.
        largest = 0 if "".join(tags).isascii() else _SIZES[unix] // _WIDEST
        client = kind(**given, constant_tags=own, max_buffer_len=largest)
        # The client adds what DD_* and DATADOG_TAGS say, and would say env, service and version twice.
        client.constant_tags = once(client.constant_tags)
        if largest and not unix:
            # The size holds from the first socket on, and that of a Unix socket is large enough before.
            with contextlib.suppress(OSError):
                client.get_socket()
        return cast("Client", client)

    return opened


def _deployment(settings: Settings) -> list[str]:
    """What the settings say of all values."""
    said = (("env", settings.environment), ("service", settings.service_name), ("version", settings.version))
    return [f"{name}:{value.lower()}" for name, value in said if value]


def once(tags: Sequence[str]) -> list[str]:
    """Tags for all values: each key once, and no key that says what a value is about; too long ones are cut.

    The first of a key counts. The settings come first, for every backend says what they say.
    """
    found: dict[str, str] = {}
    for tag in tags:
        key = tag.partition(":")[0].strip().lower()
        if key not in OWN_TAGS:
            found.setdefault(key, tag.encode("utf-8", "replace")[:_LONGEST_TAG].decode("utf-8", "ignore"))
    return list(found.values())
