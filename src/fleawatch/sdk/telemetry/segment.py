"""A file of facts that wait for the service, with a mark beside it: how many of its bytes the service has.

Its process holds a lock on it, so that nobody else sends what is in it; when the process has died the lock is gone and
the next one takes it over. A segment that waits behind others keeps only its length in memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path


class Segment:
    """Lines in the order in which they were told.

    Args:
        path: of its file; None keeps it in memory.
        own: made by this process, and still written to.

    Attributes:
        size: bytes of the file.
        left: lines that the service does not have.

    Raises:
        OSError: it cannot be made or read, or another process holds it.
    """

    def __init__(self, path: Path | None, *, own: bool) -> None:
        self.own = own
        self.size = self.left = 0
        self._path = path
        self._file: int | None = None
        self._lines: deque[bytes] | None = deque()
        self._sent = 0
        if path is None:
            return
        self._file = _locked(path, new=own)
        if not own:
            self.size = os.fstat(self._file).st_size
            with contextlib.suppress(OSError, ValueError):
                self._sent = int(self._mark(path).read_text())
            self._lines = None
            self.left = len(self._waiting())
            self._lines = None

    @property
    def in_memory(self) -> bool:
        """Whether no file holds it."""
        return self._path is None

    def append(self, lines: list[bytes]) -> None:
        """Keep lines, all or none.

        Raises:
            OSError: the disk does not take them.
        """
        body = b"\n".join(lines) + b"\n"
        if self._file is not None:
            try:
                _write(self._file, body)
            except OSError:
                os.ftruncate(self._file, self.size)
                raise
        self.size += len(body)
        self.left += len(lines)
        if self._lines is not None:
            self._lines += lines

    def batch(self, most: int, largest: int) -> list[bytes]:
        """The first lines: at most `most` and `largest` bytes, but one at least where there is one."""
        found: list[bytes] = []
        total = 0
        for line in self._waiting():
            total += len(line) + 1
            if found and (len(found) >= most or total > largest):
                break
            found.append(line)
        return found

    def done(self, count: int) -> None:
        """The service has the first `count` lines."""
        lines = self._waiting()
        for _ in range(count):
            self._sent += len(lines.popleft()) + 1
        self.left = len(lines)
        if self._path is not None and lines:
            mark = self._mark(self._path)
            # What cannot be marked is sent again after a restart, under the ids that it had.
            with contextlib.suppress(OSError):
                mark.with_suffix(".new").write_text(str(self._sent))
                mark.with_suffix(".new").replace(mark)

    def rest(self) -> None:
        """Nothing is added any more and others go first: let the memory go."""
        self.own = False
        if self._path is not None:
            self._lines = None

    def chosen(self, keep: Callable[[bytes], bool]) -> list[bytes]:
        """Those waiting lines that `keep` wants."""
        return [line for line in self._waiting() if keep(line)]

    def remove(self) -> None:
        """It is no longer needed: away with its file."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._mark(self._path).unlink(missing_ok=True)
        self.left = 0
        self.abandon()

    def close(self) -> None:
        """Let go of the file; it stays where lines wait in it."""
        if self.left:
            self.abandon()
        else:
            self.remove()

    def abandon(self) -> None:
        """Let go of the file and leave it as it is."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _waiting(self) -> deque[bytes]:
        if self._lines is None and self._file is not None:
            body = os.pread(self._file, self.size - self._sent, self._sent)
            # A line that was being written when its process was killed has no end, and its fact was told to nobody.
            self._lines = deque(line for line in body.split(b"\n")[:-1] if line)
        return self._lines if self._lines is not None else deque()

    @staticmethod
    def _mark(path: Path) -> Path:
        return path.with_suffix(".sent")


def _locked(path: Path, *, new: bool) -> int:
    file = os.open(path, os.O_RDWR | os.O_APPEND | (os.O_CREAT | os.O_EXCL if new else 0), 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(file).st_nlink:
            raise FileNotFoundError(f"{path} was sent and removed meanwhile")
    except OSError:
        os.close(file)
        raise
    return file


def _write(file: int, body: bytes) -> None:
    view = memoryview(body)
    while view:
        view = view[os.write(file, view) :]
