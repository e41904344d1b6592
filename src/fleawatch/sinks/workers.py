"""The files in which the processes of one program keep their metrics for each other.

Each process writes one file, after every batch, into two places in turn, each with a number and a checksum: whatever
moment it is killed at, the place written before is whole. It holds a lock on its file as long as it lives, which the
kernel lets go of however it ends; a number of a process that is given again confuses nobody. Who is asked for the
metrics reads all files. What an ended process did is added to one sum before its file is removed, and the sum names whom
it holds, so that a kill between the two counts nobody twice. Where nobody asks, a process that begins does the same once
there are many files, so that workers that are replaced for weeks do not fill the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from fleawatch.sinks.merging import Ended, Sheet, ended

PLACE: Final = 4 << 20
"""Bytes of one of the two places; the file is sparse, so only what is written takes room on the disk."""
PATIENCE_S: Final = 1.0
"""Seconds that a reader waits for another one."""
MANY: Final = 64
"""Files from which on a process that begins clears away those of ended ones."""
_ABANDONED_S: Final = 60.0
"""Age of a file that nobody has made visible: whoever began it was killed in that moment."""
_HEAD: Final = struct.Struct("<4sQII")
_MAGIC: Final = b"FLW1"
_WORKER: Final = ".worker"
_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW


class WorkerFiles:
    """The file of this process, and those of the others in the same folder.

    Args:
        folder: made when it is not there; on a disk of this machine, for locks of network disks are not to be trusted.
        agent_id: whose process this is; a word that can be part of a file's name.
    """

    def __init__(self, folder: Path, agent_id: str) -> None:
        self._folder = folder
        self._agent_id = agent_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Sheet).decode
        self._held: set[int] = set()
        self._own = -1
        self._name = ""
        self._number = 0

    def write(self, sheet: Sheet) -> None:
        """Say what this process knows now.

        Raises:
            OSError: it could not be written; what was written before stands.
        """
        if self._own < 0:
            self._create()
        body = self._encode(sheet)
        number = self._number + 1
        head = _HEAD.pack(_MAGIC, number, len(body), _sum(number, body))
        if len(head) + len(body) > PLACE:
            raise OSError(f"the metrics take {len(body)} bytes, more than {PLACE}")
        if os.pwrite(self._own, head + body, PLACE * (number & 1)) != len(head) + len(body):
            raise OSError("the metrics were written in part: the disk is full")
        self._number = number

    def read(self) -> tuple[list[Sheet], Ended]:
        """What every process says that lives, and the sum over those that have ended.

        Raises:
            OSError: the folder cannot be read.
            TimeoutError: another reader did not finish in time.
        """
        with self._alone():
            gone = self._gone()
            living: list[Sheet] = []
            dead: list[tuple[str, Sheet | None]] = []
            for path in sorted(self._folder.glob(f"*{_WORKER}")):
                with self._opened(path, os.O_RDONLY) as file:
                    if file is None:
                        continue
                    if path.name != self._name and _locked(file):
                        dead.append((path.name, self._sheet(file)))
                    elif (sheet := self._sheet(file)) is not None:
                        living.append(sheet)
            self._forget_unborn()
            return living, self._bury(gone, dead)

    def close(self) -> None:
        """Let go of the file; what it says is the word of one that has ended. May be called twice."""
        own, self._own, self._name = self._own, -1, ""
        if own >= 0:
            self._held.discard(own)
            os.close(own)

    def after_fork(self) -> None:
        """The child holds none of its parent's files and locks; the parent goes on holding them."""
        for file in self._held:
            with contextlib.suppress(OSError):
                os.close(file)
        self._held.clear()
        self._own, self._name, self._number = -1, "", 0

    def _create(self) -> None:
        """Make the file under another name, lock it, and only then let others see it."""
        name = f"{self._agent_id}.{os.getpid()}.{time.time_ns()}{_WORKER}"
        path = self._folder / f"{name}.new"
        own = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        self._held.add(own)
        try:
            fcntl.flock(own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.rename(self._folder / name)
        except OSError:
            self._held.discard(own)
            os.close(own)
            raise
        self._own, self._name, self._number = own, name, 0
        if len(list(self._folder.glob(f"*{_WORKER}*"))) > MANY:
            with contextlib.suppress(OSError):
                self.read()

    def _sheet(self, file: int) -> Sheet | None:
        """The newest whole sheet of a file; None while there is none."""
        best, found = 0, None
        for place in (0, PLACE):
            head = os.pread(file, _HEAD.size, place)
            if len(head) < _HEAD.size:
                continue
            magic, number, size, check = _HEAD.unpack(head)
            if magic != _MAGIC or number <= best or size > PLACE:
                continue
            body = os.pread(file, size, place + _HEAD.size)
            if len(body) != size or _sum(number, body) != check:
                continue
            with contextlib.suppress(msgspec.MsgspecError):
                best, found = number, self._decode(body)
        return found

    def _forget_unborn(self) -> None:
        """Remove files whose maker was killed before it showed them; they say nothing."""
        for path in self._folder.glob(f"*{_WORKER}.new"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_S:
                    path.unlink()

    def _gone(self) -> Ended:
        try:
            return msgspec.msgpack.decode((self._folder / "ended").read_bytes(), type=Ended)
        except (FileNotFoundError, msgspec.MsgspecError):
            return Ended()

    def _bury(self, gone: Ended, dead: list[tuple[str, Sheet | None]]) -> Ended:
        """Add those that have ended to the sum, once each, and only then remove their files."""
        if not dead:
            return gone
        new = [(name, sheet) for name, sheet in dead if name not in gone.names]
        there = {name for name, _ in dead}
        before = Ended([name for name in gone.names if name in there], gone.series)
        after = ended(before, [name for name, _ in new], [sheet for _, sheet in new if sheet is not None])
        path = self._folder / "ended.new"
        path.write_bytes(self._encode(after))
        path.replace(self._folder / "ended")
        for name in there:
            (self._folder / name).unlink(missing_ok=True)
        return after

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One reader at a time, so that nobody misses the file that another one is adding to the sum."""
        deadline = time.monotonic() + PATIENCE_S
        with self._opened(self._folder / "lock", os.O_RDWR | os.O_CREAT) as file:
            while file is None or not _locked(file):
                if time.monotonic() >= deadline:
                    raise TimeoutError("another process is reading the metrics of all")
                time.sleep(0.005)
            yield

    @contextmanager
    def _opened(self, path: Path, flags: int) -> Iterator[int | None]:
        """The open file, held until the end of the block; None when it is gone."""
        try:
            file = os.open(path, flags | _FLAGS, 0o600)
        except FileNotFoundError:
            yield None
            return
        self._held.add(file)
        try:
            yield file
        finally:
            self._held.discard(file)
            os.close(file)


def _locked(file: int) -> bool:
    """Whether the lock was to be had: then nobody else holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sum(number: int, body: bytes) -> int:
    return zlib.crc32(body, number & 0xFFFFFFFF)
