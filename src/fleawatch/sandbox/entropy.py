"""Where chance comes from: independent streams and identifiers, each derived from the seed by hashing its names.

Two agents never share a stream, so what one does cannot change what another draws.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from random import Random


def digest(seed: int, *names: object) -> str:
    """64 hex digits that depend on the seed and the names alone."""
    return hashlib.sha256("|".join([str(seed), *map(str, names)]).encode()).hexdigest()


def stream(seed: int, *names: object) -> Random:
    """A generator of its own for `names`."""
    return Random(int(digest(seed, "stream", *names)[:16], 16))


@dataclass(slots=True)
class Ids:
    """Identifiers that are a function of the seed, the kind, the owner and how many came before."""

    seed: int
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def hex(self, kind: str, owner: str, digits: int) -> str:
        """The next `digits` hex digits (at most 64) for this kind and owner."""
        count = self._counts.get((kind, owner), 0)
        self._counts[kind, owner] = count + 1
        return digest(self.seed, kind, owner, count)[:digits]

    def uuid(self, kind: str, owner: str) -> str:
        """The next identifier in the form of a version 4 UUID."""
        text = self.hex(kind, owner, 32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
