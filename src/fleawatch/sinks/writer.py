"""Lines to a file or a standard stream, from a thread of its own: a reader that stops reading holds up nobody but the log.

What waits is bounded in bytes; what does not fit is counted. A file is opened anew when something has moved it away, so
that log rotation needs no signal, and appended to, so that several processes can share it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

_encode: Final = msgspec.json.Encoder().encode
_OTHER_LINE_ENDS: Final = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))
"""What JSON leaves as it is and some readers take for the end of a line, in UTF-8."""

MOST_BYTES: Final = 4 << 20
"""Bytes that wait at most: some ten thousand lines."""


def encoded(line: Mapping[str, Any]) -> bytes:
    """A line of JSON without its line feed; it has no other either. NaN and infinity are null, what no UTF-8 holds is replaced."""
    try:
        body = _encode(line)
    except UnicodeEncodeError:
        body = _encode({_utf8(name): _utf8(value) for name, value in line.items()})
    if not body.isascii():
        for found, written in _OTHER_LINE_ENDS:
            body = body.replace(found, written)
    return body


def _utf8(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_utf8(name): _utf8(one) for name, one in value.items()}
    return [_utf8(one) for one in value] if isinstance(value, list | tuple) else value


class _Stream(Protocol):
    def write(self, body: bytes, /) -> int | None: ...

    def flush(self) -> None: ...


class Writer:
    """Writes lines.

    Args:
        where: `stdout`, `stderr` or the path of a file.
        size: bytes that wait at most.

    Attributes:
        dropped: lines that had no room, or could not be written.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, where: str, *, size: int = MOST_BYTES) -> None:
        self.dropped = 0
        self.error: Exception | None = None
        self._size = size
        self._standard = where if where in ("stdout", "stderr") else ""
        self._path = Path(where)
        self._file: IO[bytes] | None = None
        self._identity = (0, 0)
        if not self._standard:
            self._open()
        self._begin()

    def put(self, lines: list[bytes]) -> None:
        """Write these whole lines, in order."""
        body = b"".join(lines)
        if self._held + len(body) > self._size or self._ended.is_set():
            self.dropped += len(lines)
            return
        self._held += len(body)
        self._waiting.append((body, len(lines)))
        self._wanted.set()

    def renew(self) -> None:
        """Have the thread look whether the file is still the one of that name."""
        self._look = True
        self._wanted.set()

    def flush(self, within_s: float) -> bool:
        """Wait until everything is written; whether it was within the time."""
        deadline = time.monotonic() + within_s
        while self._held and time.monotonic() < deadline and self._thread.is_alive():
            self._wanted.set()
            time.sleep(0.001)
        return not self._held

    def close(self, within_s: float) -> None:
        """Write what waits, end the thread, close a file; a standard stream stays open. May be called twice."""
        if self._ended.is_set():
            return
        self.flush(within_s)
        self._ended.set()
        self._wanted.set()
        self._thread.join(0.2)
        self.dropped += sum(count for _, count in list(self._waiting))

    def after_fork(self) -> None:
        """This is the child: what waits is the parent's to write."""
        self._begin()

    def _begin(self) -> None:
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._held = 0
        self._look = False
        self._wanted, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleawatch-log", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        waiting, ended = self._waiting, self._ended
        while True:
            self._wanted.wait()
            self._wanted.clear()
            self._renewed()
            while waiting:
                body, count = waiting[0]
                self._written(body, count)
                waiting.popleft()
                self._held -= len(body)
            if ended.is_set():
                # Here and not where it is closed: a write that hangs still has the file.
                if self._file is not None:
                    self._file.close()
                return

    def _written(self, body: bytes, count: int) -> None:
        try:
            self._write(body)
        except (OSError, ValueError) as error:
            self.dropped += count
            self.error = error

    def _write(self, body: bytes) -> None:
        if self._standard:
            stream: _Stream = _binary(self._standard)
        elif self._file is None:
            raise ValueError("the log has no file")
        else:
            stream = self._file
        rest = memoryview(body)
        # One write, so that lines of several processes do not mix; a short one is gone on with.
        while rest:
            rest = rest[stream.write(bytes(rest)) or 0 :]
        stream.flush()

    def _renewed(self) -> None:
        if not self._look or self._standard:
            return
        self._look = False
        try:
            if self._moved():
                self._open()
        except OSError as error:
            self.error = error

    def _moved(self) -> bool:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return True
        return (status.st_dev, status.st_ino) != self._identity

    def _open(self) -> None:
        new = self._path.open("ab", buffering=0)
        if self._file is not None:
            self._file.close()
        self._file = new
        status = os.fstat(new.fileno())
        self._identity = (status.st_dev, status.st_ino)


def _binary(name: str) -> _Stream:
    """The stream as it is now, for a program may put another in its place."""
    stream = sys.stdout if name == "stdout" else sys.stderr
    return getattr(stream, "buffer", None) or _Text(stream)


class _Text:
    """A text stream that stands for a binary one, as a test puts in the place of standard output."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, body: bytes, /) -> int:
        self._stream.write(body.decode())
        return len(body)

    def flush(self) -> None:
        self._stream.flush()
