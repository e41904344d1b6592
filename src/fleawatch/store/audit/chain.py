"""How entries hold on to one another: a keyed chain, as pure functions.

    digest(k) = SHA-256(JSON of everything in entry k but its chain value)
    chain(k)  = HMAC-SHA256(key, chain(k - 1) + digest(k))

Without the key nobody can write a value that fits, so that an edit, a deletion, a move or an insertion breaks the chain
at the first entry it touches. The chain runs over digests, so that a piece of it can be shown without what it says.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from fleawatch.ports import AuditEntry
from fleawatch.store.audit.declared import Draft

COLUMNS: Final = AuditEntry._fields
TYPES: Final = (int, float, str, str, str, str, int, str, str, str)
"""What each column of an entry holds; a value of another type was not written by Fleawatch."""

_ROOT: Final = b"fleawatch audit log 1"
_encode: Final = msgspec.json.Encoder().encode


class Head(NamedTuple):
    """The end of a chain: the number of its last entry, 0 before the first, and its chain value."""

    seq: int
    chain: bytes


def root(key: bytes) -> Head:
    """The end of an empty chain."""
    return Head(0, mac(key, _ROOT))


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256, RFC 2104."""
    return hmac.digest(key, message, "sha256")


def key_id(key: bytes) -> str:
    """A name for the key that tells nothing about it: 16 hex digits."""
    return mac(key, b"fleawatch audit key id").hex()[:16]


def digest(entry: AuditEntry) -> bytes:
    """SHA-256 of what an entry says.

    Raises:
        UnicodeError: a text in it is no text.
    """
    return hashlib.sha256(_encode(entry[:-1])).digest()


def link(key: bytes, previous: bytes, entry_digest: bytes) -> bytes:
    """The chain value of the entry with this digest after the one with the value `previous`."""
    return hmac.digest(key, previous + entry_digest, "sha256")


def extend(key: bytes, head: Head, drafts: Iterable[Draft]) -> tuple[list[AuditEntry], Head]:
    """The drafts as entries after `head`, and the new end."""
    entries: list[AuditEntry] = []
    for draft in drafts:
        said = (head.seq + 1, *draft)
        value = link(key, head.chain, hashlib.sha256(_encode(said)).digest())
        entries.append(AuditEntry(*said, chain=value.hex()))
        head = Head(head.seq + 1, value)
    return entries, head
