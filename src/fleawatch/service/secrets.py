"""Find the secrets that a configuration names, and say which of them are not there, without repeating what it says."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from fleawatch.errors import BadConfig, Problem
from fleawatch.service.config import ServiceName
from fleawatch.service.config_notify import NAME, SECRETS
from fleawatch.service.config_secret import Secret
from fleawatch.service.places import control_places
from fleawatch.units import AGENT_ID, looks_like_key

_LONGEST_NAME: Final = 24
"""A longer name of a channel could be a key in the wrong place."""


def secret(place: Secret, environment: Mapping[str, str] | None = None) -> str:
    """The key that a configuration names. Its text must go nowhere but to the one it is meant for.

    Raises:
        BadConfig: it is not there. What the configuration says is not repeated.
    """
    variables = os.environ if environment is None else environment
    problem = _problem("keys", place, Path(), variables)
    if problem is not None:
        raise BadConfig("a key was not found", (problem,))
    return (place.file.read_text(encoding="utf-8") if place.file else variables[place.env or ""]).strip()


def places(document: Mapping[str, Any]) -> Iterator[tuple[str, Secret]]:
    """Where each secret of a raw document stands, and its place, as far as they are sound by themselves."""
    for index, agent in agents(document):
        name, keys = agent.get("id"), agent.get("keys")
        sound = isinstance(name, str) and AGENT_ID.fullmatch(name) is not None and not looks_like_key(name)
        where = f"agents.{name}" if sound else f"agents[{index}]"
        for service, raw in keys.items() if isinstance(keys, Mapping) else ():
            if service in get_args(ServiceName):
                yield from _sound(f"{where}.keys.{service}", raw)
    notify = document.get("notify")
    channels = notify.get("channels") if isinstance(notify, Mapping) else None
    for name, channel in channels.items() if isinstance(channels, Mapping) else ():
        shown = name if isinstance(name, str) and NAME.match(name) and len(name) <= _LONGEST_NAME else "(hidden)"
        for key in SECRETS:
            if isinstance(channel, Mapping) and key in channel:
                yield from _sound(f"notify.channels.{shown}.{key}", channel[key])
    grafana = document.get("grafana")
    if isinstance(grafana, Mapping) and "token" in grafana:
        yield from _sound("grafana.token", grafana["token"])
    for place, raw in control_places(document):
        yield from _sound(place, raw)


def agents(document: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The agents of a raw document that are mappings, with their places in the list."""
    listed = document.get("agents")
    for index, agent in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(agent, Mapping):
            yield index, agent


def named_variables(document: Mapping[str, Any]) -> set[str]:
    """Variables that hold a secret: no settings, whatever their names begin with."""
    return {place.env for _, place in places(document) if place.env}


def problems(document: Mapping[str, Any], base: Path, variables: Mapping[str, str]) -> list[Problem]:
    """Every secret that is named and not there."""
    found = (_problem(where, place, base, variables) for where, place in places(document))
    return [problem for problem in found if problem is not None]


def _sound(where: str, raw: object) -> Iterator[tuple[str, Secret]]:
    try:
        yield where, Secret.model_validate(raw)
    except ValidationError:
        return


def _problem(where: str, place: Secret, base: Path, variables: Mapping[str, str]) -> Problem | None:
    """Why a key is not there. The place is not repeated: it may be the key itself, written in the wrong spot."""
    if place.env is not None:
        if variables.get(place.env, "").strip():
            return None
        return Problem(f"{where}.env", "names a variable that is not set", "set it for this process")
    try:
        text = (base / (place.file or Path())).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        return Problem(
            f"{where}.file",
            f"names a file that could not be read: {reason}",
            "write the key into that file, readable by this user only",
        )
    if len(text.split()) != 1:
        return Problem(f"{where}.file", "names a file that does not hold one key", "put the key alone into that file")
    return None
