"""The two files beside a database that its audit log needs: the key, and the anchors.

Whoever can write the database must not be able to write a fitting chain: the key is outside it, readable by the service
only. Both files may be put elsewhere, the anchors best on another machine's disk.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final, NamedTuple

from fleawatch.errors import StoreError

log = logging.getLogger("fleawatch.audit")

DATABASE: Final = "fleawatch.db"
_KEY: Final = re.compile(rb"[0-9a-f]{64}\n?\Z")
_KEY_BYTES: Final = 32


class AuditFiles(NamedTuple):
    """Where the key and the anchors of one audit log are."""

    key: Path
    anchors: Path


def beside(database: Path, key: Path | None = None, anchors: Path | None = None) -> AuditFiles:
    """The files of the log in `database`: where they are said to be, else in its directory."""
    prefix = "" if database.name == DATABASE else f"{database.name}-"
    return AuditFiles(
        key or database.with_name(f"{prefix}audit.key"), anchors or database.with_name(f"{prefix}audit-anchors.jsonl")
    )


def read_key(path: Path) -> bytes:
    """The key in a file.

    Raises:
        StoreError: it is not there, cannot be read, or is no key.
    """
    try:
        text = path.read_bytes()
        mode = path.stat().st_mode
    except OSError as error:
        raise StoreError(
            f"{path}: could not read the key of the audit log: {error.strerror}. "
            "Remedy: restore it from its backup, or name it with --key; without it no entry can be verified or added."
        ) from error
    if not _KEY.match(text):
        raise StoreError(
            f"{path}: is no key of an audit log (64 hexadecimal digits). Remedy: restore it from its backup."
        )
    if stat.S_IMODE(mode) & 0o077:
        log.warning("%s: others may read the key of the audit log. Remedy: chmod 600 it", path)
    return bytes.fromhex(text.decode())


def make_key(path: Path) -> bytes:
    """A new key, in a file of mode 0600 that is there whole or not at all.

    Raises:
        StoreError: the file cannot be written.
    """
    key = secrets.token_bytes(_KEY_BYTES)
    fresh = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, key.hex().encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(path)
    except OSError as error:
        raise StoreError(
            f"{path}: could not make the key of the audit log: {error.strerror}. "
            "Remedy: check that its directory exists and that this user may write there."
        ) from error
    return key
