"""Keep secrets out of what leaves the process: keys of the platform, bearer tokens, and fields that are named like one.

A pattern finds what was pasted into a message; a name finds what no pattern can know. What is cut is replaced, so that a
reader sees that something was there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from fleawatch.units import looks_like_key

REDACTED: Final = "[redacted]"

_KEY: Final = re.compile(r"[\w-]*(?:sk|pk|pf)_(?:live|test|trade|domains)_[\w-]*", re.IGNORECASE)
_BEARER: Final = re.compile(r"\b(bearer|basic)([\s:=]+|%20)[^\s,;\"']+", re.IGNORECASE)
_HINT: Final = re.compile(r"(?:sk|pk|pf)_|bearer|basic", re.IGNORECASE)
"""What both patterns above need: most text has none of it, and is told so in one look."""
_SECRET_NAME: Final = re.compile(
    r"authorization|cookie|password|passphrase|secret|private_?key|api_?key|mnemonic|(?:access|auth|bearer|refresh)_?token",
    re.IGNORECASE,
)

Plain = str | float | int | bool | None
"""What a field of a line may hold."""


def scrub(text: str) -> str:
    """`text` without platform keys and bearer tokens."""
    clean = text
    if _HINT.search(text):
        clean = _KEY.sub(REDACTED, _BEARER.sub(rf"\1 {REDACTED}", text))
    # The patterns here are at least as wide as the one the door refuses facts by; should that one grow, fail closed.
    return REDACTED if looks_like_key(clean) else clean


def scrub_fields(fields: Mapping[str, Plain]) -> dict[str, Plain]:
    """The fields with scrubbed names and values; a field named like a secret loses its whole value."""
    found: dict[str, Plain] = {}
    for name, value in fields.items():
        if _SECRET_NAME.search(name):
            found[scrub(name)] = REDACTED
        else:
            found[scrub(name)] = scrub(value) if isinstance(value, str) else value
    return found


def scrub_tree(value: Any) -> Any:
    """A JSON document with every text in it scrubbed; what stands under a name like a secret's is cut whole."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrub(name): REDACTED if _SECRET_NAME.search(name) else scrub_tree(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_tree(one) for one in value]
    return value
