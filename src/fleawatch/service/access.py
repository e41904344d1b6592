"""Whose token it is. Tokens are found by their digests under a key of this process, which nobody outside can compute.

So the time it takes tells nothing of which token was near, and a thousand agents cost no more than one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fleawatch.errors import BadConfig, Problem
from fleawatch.service.config import Config
from fleawatch.service.config_access import Role
from fleawatch.service.config_secret import Secret

LEAST: Final = 16
"""Characters of the shortest token: a guess must not be worth trying."""
LONGEST: Final = 512
_SCHEME: Final = "bearer "


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks: the name that acts are recorded under, the role, and the agent a token of role agent belongs to."""

    name: str
    role: Role
    agent_id: str = ""


class Tokens:
    """The tokens of a configuration. Their text is not kept."""

    def __init__(self, known: Sequence[tuple[str, Identity]] = ()) -> None:
        self._key = secrets.token_bytes(32)
        self._known = {self._digest(token): (self._digest(token), identity) for token, identity in known}

    def __repr__(self) -> str:
        return f"Tokens({len(self._known)})"

    def __bool__(self) -> bool:
        return bool(self._known)

    @property
    def agents(self) -> frozenset[str]:
        """The agents that have a token."""
        return frozenset(identity.agent_id for _, identity in self._known.values() if identity.agent_id)

    def identify(self, header: str) -> Identity | None:
        """Whose `Authorization` header it is; None when nobody's."""
        if header[: len(_SCHEME)].lower() != _SCHEME or len(header) > LONGEST + len(_SCHEME):
            return None
        given = self._digest(header[len(_SCHEME) :].strip())
        digest, identity = self._known.get(given, ("", None))
        return identity if hmac.compare_digest(given, digest) else None

    def _digest(self, token: str) -> str:
        return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), key=self._key).hexdigest()


def tokens_of(config: Config, secret: Callable[[Secret], str]) -> Tokens:
    """The tokens of a configuration, read from where it says.

    Raises:
        BadConfig: one is not there, is too short, or stands twice; an agent is not listed.
    """
    listed = {agent.id for agent in config.agents}
    problems: list[Problem] = []
    known: list[tuple[str, Identity]] = []
    seen: dict[str, int] = {}
    for index, one in enumerate(config.access.tokens):
        where, text = f"access.tokens[{index}]", secret(one.token)
        if not LEAST <= len(text) <= LONGEST:
            problems.append(
                Problem(
                    f"{where}.token",
                    f"had {len(text)} characters",
                    f"use {LEAST} to {LONGEST}, as from `openssl rand -hex 32`",
                )
            )
        if seen.setdefault(text, index) != index:
            problems.append(
                Problem(f"{where}.token", f"is that of access.tokens[{seen[text]}] too", "give each its own")
            )
        if one.agent is not None and one.agent not in listed:
            problems.append(
                Problem(f"{where}.agent", f"was {one.agent}, which is not listed under agents", "name one that is")
            )
        known.append((text, Identity(one.name, one.role, one.agent or "")))
    if problems:
        raise BadConfig("access was refused", tuple(problems))
    return Tokens(known)
