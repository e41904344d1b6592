"""Which settings of a configuration differ from another one, by their names: digests are kept, values are not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from fleawatch.service.config import Config
from fleawatch.units import looks_like_key

_DIGITS: Final = 12
_NAMES: Final = ("id", "name")
"""What an entry of a list is called by, where it has a name."""


def digests(config: Config) -> dict[str, str]:
    """A short digest of each setting that is not at its default, by dotted name, sorted.

    Entries of lists are called by their id or name (`agents.a-1.strategy`), else by their place. Secrets are no values of a
    configuration: it names where they are found.
    """
    found = _leaves("", config.model_dump(mode="json", exclude_defaults=True))
    return dict(sorted((name, _digest(value)) for name, value in found))


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the settings that differ, sorted. An agent that came or went as a whole is one name, `agents.a-1`."""
    names = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    agents = {_agent(name) for name in names if name.startswith("agents.")}
    whole = {one for one in agents if _has(before, one) != _has(after, one)}
    return tuple(sorted({_agent(name) if _agent(name) in whole else name for name in names}))


def _agent(name: str) -> str:
    return ".".join(name.split(".")[:2])


def _has(settings: Mapping[str, str], agent: str) -> bool:
    return any(_agent(name) == agent for name in settings)


def _leaves(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _leaves(_joined(where, str(key)), one)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for place, one in enumerate(value):
            yield from _leaves(_joined(where, _called(one, place)), one)
    else:
        yield where, value


def _called(entry: Any, place: int) -> str:
    names = (entry.get(key) for key in _NAMES) if isinstance(entry, Mapping) else ()
    return next((name for name in names if isinstance(name, str) and name), str(place))


def _joined(where: str, key: str) -> str:
    shown = "(key)" if looks_like_key(key) else key.replace(".", "_")
    return f"{where}.{shown}" if where else shown


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]
