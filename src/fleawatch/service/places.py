"""Where the secrets of access and actuation stand in a raw document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def control_places(document: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Key and raw place of each secret of the sections `access` and `actuate`."""
    access, actuate = document.get("access"), document.get("actuate")
    tokens = access.get("tokens") if isinstance(access, Mapping) else None
    for index, token in enumerate(tokens if isinstance(tokens, list | tuple) else ()):
        if isinstance(token, Mapping) and "token" in token:
            yield f"access.tokens[{index}].token", token["token"]
    means = actuate.get("agents") if isinstance(actuate, Mapping) else None
    for number, one in enumerate(means.values() if isinstance(means, Mapping) else ()):
        if isinstance(one, Mapping) and "key" in one:
            yield f"actuate.agents[{number}].key", one["key"]
