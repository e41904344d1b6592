"""Facts that wait for the service: segment files in a directory, bounded, and adopted when their process has died.

A fact is in a file before anybody tries to send it, and the file goes when the service has it. Every process writes
segments of its own and holds a lock on them; a later process takes over what nobody holds. A power cut can lose what the
kernel had not written yet, a killed process loses nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SEGMENT: Final = 1 << 20
"""Bytes from which a segment is closed and a new one begun."""
LARGEST: Final = 64 << 20
"""Bytes of one agent's spool at most; beyond them the oldest segment goes."""


class Spool:
    """The waiting facts of one agent, one JSON object a line, oldest first.

    Args:
        directory: where segments lie; made when it is missing. None keeps them in memory.
        agent_id: whose facts they are.
        size: bytes at most.

    Attributes:
        dropped: lines that had to go for want of room.

    Raises:
        OSError: the directory cannot be used.
    """

    def __init__(self, directory: Path | None, agent_id: str, *, size: int = LARGEST) -> None:
        self.dropped = 0
        self._directory = directory
        self._agent_id = agent_id
        self._size = size
        self._segments: deque[_Segment] = deque()
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._adopt(directory)

    def append(self, lines: list[bytes]) -> None:
        """Keep lines, which end without a line feed. Raises OSError when the disk does not take them."""
        if not lines:
            return
        last = self._segments[-1] if self._segments else None
        if last is None or not last.own or last.size >= SEGMENT:
            last = self._begin()
        last.append(lines)
        while len(self._segments) > 1 and sum(one.size for one in self._segments) > self._size:
            oldest = self._segments.popleft()
            self.dropped += oldest.left
            oldest.remove()

    def batch(self, most: int, largest: int) -> list[bytes]:
        """The oldest lines: at most `most`, and `largest` bytes together, but at least one; empty when nothing waits."""
        while self._segments and not self._segments[0].left:
            if len(self._segments) == 1 and self._segments[0].own and self._segments[0].size < SEGMENT:
                return []
            self._segments.popleft().remove()
        return self._segments[0].batch(most, largest) if self._segments else []

    def done(self, count: int) -> None:
        """The first `count` lines of the last batch are the service's."""
        self._segments[0].done(count)

    def __len__(self) -> int:
        return sum(segment.left for segment in self._segments)

    def close(self) -> None:
        """Let go of the files; what waits stays in them."""
        for segment in self._segments:
            segment.close()
        self._segments.clear()

    def after_fork(self) -> None:
        """The segments are the parent's; the child begins its own."""
        for segment in self._segments:
            segment.abandon()
        self._segments.clear()

    def _begin(self) -> _Segment:
        path = None
        if self._directory is not None:
            path = self._directory / f"{self._agent_id}.{os.getpid()}.{secrets.token_hex(6)}.facts"
        segment = _Segment(path, own=True)
        self._segments.append(segment)
        return segment

    def _adopt(self, directory: Path) -> None:
        found = sorted(directory.glob(f"{self._agent_id}.*.facts"), key=lambda path: path.stat().st_mtime)
        for path in found:
            with contextlib.suppress(OSError):
                self._segments.append(_Segment(path, own=False))


class _Segment:
    """A file of lines with a mark beside it: how many of its bytes the service has.

    Raises:
        OSError: another process holds it.
    """

    def __init__(self, path: Path | None, *, own: bool) -> None:
        self.own = own
        self._path = path
        self._file: int | None = None
        self._lines: deque[bytes] = deque()
        self.size = 0
        self._sent = 0
        if path is None:
            return
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise
        if not own:
            self._read(path)

    @property
    def left(self) -> int:
        """Lines that the service does not have."""
        return len(self._lines)

    def append(self, lines: list[bytes]) -> None:
        body = b"\n".join(lines) + b"\n"
        if self._file is not None:
            os.write(self._file, body)
        self.size += len(body)
        self._lines += lines

    def batch(self, most: int, largest: int) -> list[bytes]:
        return list(_up_to(self._lines, most, largest))

    def done(self, count: int) -> None:
        for _ in range(count):
            self._sent += len(self._lines.popleft()) + 1
        if self._path is not None and self._lines:
            mark = self._mark(self._path)
            mark.with_suffix(".new").write_text(str(self._sent))
            mark.with_suffix(".new").replace(mark)

    def remove(self) -> None:
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._mark(self._path).unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        if self._path is not None and not self._lines:
            self._path.unlink(missing_ok=True)
            self._mark(self._path).unlink(missing_ok=True)
        self.abandon()

    def abandon(self) -> None:
        """Let go of the file and leave it as it is."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _read(self, path: Path) -> None:
        body = path.read_bytes()
        self.size = len(body)
        with contextlib.suppress(OSError, ValueError):
            self._sent = int(self._mark(path).read_text())
        # A line that was being written when its process was killed has no end, and its fact was told to nobody.
        self._lines = deque(line for line in body[self._sent :].split(b"\n")[:-1] if line)

    @staticmethod
    def _mark(path: Path) -> Path:
        return path.with_suffix(".sent")


def _up_to(lines: deque[bytes], most: int, largest: int) -> Iterator[bytes]:
    total = 0
    for number, line in enumerate(lines):
        total += len(line) + 1
        if number and (number >= most or total > largest):
            return
        yield line
