"""One service a database file: a lock that the operating system drops with the process that held it.

The lock file is never deleted: a process that waits on a deleted file would hold a lock that nobody else sees.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from fleawatch.errors import StoreError


class WriterLock:
    """The right to write facts to `path`, held from construction to `release`.

    Raises:
        StoreError: another process holds it (its pid is named), or the lock file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        try:
            self._descriptor: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{self.path}: could not open the lock file: {error.strerror}. "
                "Remedy: check that the directory exists and that this user may write there."
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())
        except OSError as error:
            refusal = self._refusal(self._descriptor, error)
            os.close(self._descriptor)
            raise refusal from error

    def release(self) -> None:
        """Let the next service in. May be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _refusal(self, descriptor: int, error: OSError) -> StoreError:
        if not isinstance(error, BlockingIOError):
            return StoreError(
                f"{self.path}: could not take the lock: {error.strerror}. "
                "Remedy: free space on its disk, and keep the store on a local one."
            )
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        holder = f"process {pid}" if pid else "another process"
        return StoreError(
            f"{self.path}: {holder} already runs a service on this store. "
            "Remedy: stop it, or give this service a state directory of its own."
        )
