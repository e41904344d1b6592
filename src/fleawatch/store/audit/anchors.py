"""Anchors: what the chain had come to, kept outside the database, so that an end that was cut off shows.

One line of fixed width an anchor, each with a MAC of its own. The last line moves with the end of the chain: it is
overwritten in place after every commit, which needs no space on the disk; after some entries or an hour, and whenever a
service starts, it stays where it is and a new one begins. An anchor is written after its commit: a crash in between leaves the chain longer than
its anchor, never shorter.
"""

from __future__ import annotations

import hmac
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from fleawatch.errors import StoreError
from fleawatch.store.audit.chain import mac

WIDTH: Final = 256
"""Bytes of a line, with its end."""
EVERY_ENTRIES: Final = 64
EVERY_S: Final = 3_600.0
_LOOKS: Final = 4
_LOOK_S: Final = 0.02


class Anchor(NamedTuple):
    """The log had that many entries, the last of them number `seq`, of the time `at`, with this chain value."""

    seq: int
    chain: str
    entries: int
    at: float


def encode(key: bytes, anchor: Anchor) -> bytes:
    """An anchor as a line of `WIDTH` bytes."""
    text = json.dumps({**anchor._asdict(), "mac": _seal(key, anchor)}, separators=(",", ":"))
    return text.encode().ljust(WIDTH - 1) + b"\n"


def decode(line: bytes, key: bytes | None) -> Anchor | None:
    """The anchor of a line; None when it is none, or its MAC is not of this key. Without a key the MAC is not looked at."""
    try:
        document = json.loads(line)
        anchor = Anchor(*(document[name] for name in Anchor._fields))
        sealed = document["mac"]
    except (ValueError, KeyError, TypeError):
        return None
    if tuple(map(type, anchor)) != (int, str, int, float) or not isinstance(sealed, str):
        return None
    if key is not None and not hmac.compare_digest(sealed.encode(), _seal(key, anchor).encode()):
        return None
    return anchor


def _seal(key: bytes, anchor: Anchor) -> str:
    return mac(key, b"fleawatch audit anchor 1" + json.dumps(anchor).encode()).hex()


def read(path: Path, key: bytes) -> list[Anchor | None] | None:
    """The anchors of a file in order, None for every line that is none; None when there is no file.

    A line that does not fit is read again: the service may be writing it.

    Raises:
        StoreError: the file cannot be read.
    """
    found: list[Anchor | None] = []
    for look in range(_LOOKS):
        if look:
            time.sleep(_LOOK_S)
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(
                f"{path}: could not read the anchors: {error.strerror}. Remedy: make it readable for this user."
            ) from error
        found = [decode(line, key) for line in _lines(text)]
        if None not in found[-1:]:
            break
    return found


def _lines(text: bytes) -> Iterator[bytes]:
    yield from text.splitlines()


class AnchorFile:
    """The anchors of the one service that writes them.

    Attributes:
        last: the newest anchor; None when the file had none or its last line was not ours.

    Raises:
        StoreError: the file cannot be opened for writing.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            size = os.fstat(self._descriptor).st_size
            self._place = max(0, -(-size // WIDTH) - 1) * WIDTH
            line = os.pread(self._descriptor, WIDTH, self._place)
        except OSError as error:
            raise StoreError(
                f"{path}: could not open the anchors of the audit log: {error.strerror}. "
                "Remedy: check that its directory exists and that this user may write there."
            ) from error
        self.empty = size == 0
        self.last = decode(line, key)
        self._began: Anchor | None = None
        if self.last is None and size:
            self._place += WIDTH

    def write(self, anchor: Anchor) -> None:
        """Move the last anchor, or begin a new one.

        Raises:
            OSError: the disk refuses; the anchors before are whole, and the next write tries again.
        """
        began = self._began
        fresh = began is None or anchor.seq - began.seq >= EVERY_ENTRIES or abs(anchor.at - began.at) >= EVERY_S
        place = self._place + WIDTH if fresh and self.last is not None else self._place
        line = encode(self._key, anchor)
        written = os.pwrite(self._descriptor, line, place)
        if written != len(line):
            os.ftruncate(self._descriptor, place)
            raise OSError(f"only {written} of {len(line)} bytes could be written")
        self._place, self.last = place, anchor
        if fresh:
            self._began = anchor

    def close(self) -> None:
        """Let go of the file. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
