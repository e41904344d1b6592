"""What must survive a kill: the latch, the epoch, the baselines and the belt of a gate.

Two files. `NAME` is the whole state, written beside and renamed, so that it is always one whole state or another. `NAME.latch`
is a list of closings: one short append at the moment of a breach, which is in the kernel's hands before the breaching
call returns, so that a process killed right after it is closed when it comes back; the whole state follows within a quarter
of a second. A process that shares the files sees the list grow. What cannot be read is no reason to trade.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from fleawatch.errors import FleawatchError
from fleawatch.sdk.gate.control import Control, Latch
from fleawatch.sdk.gate.guard import Baseline

_LOG: Final = logging.getLogger("fleawatch")

VERSION: Final = 1
_LONGEST_LIST: Final = 1 << 20


class StateUnreadable(FleawatchError):
    """The state file was there and could not be understood; the message names the file and the remedy."""


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Who opened the gate last, and why."""

    actor: str
    reason: str
    at: float
    epoch: int
    rebase: bool


class Saved(msgspec.Struct, kw_only=True):
    """The state as it lies in the file. `limits` and `unknown_limits` are the service's last word."""

    agent_id: str
    control: Control
    baseline: Baseline
    v: int = VERSION
    limits: dict[str, float] = {}
    unknown_limits: tuple[str, ...] = ()
    last_resume: Resume | None = None
    belt: dict[str, bytes] = {}


class StateFile:
    """The files of one gate.

    Args:
        path: of the whole state; None keeps nothing (`memory:`).
        agent_id: whose state it must be.
    """

    def __init__(self, path: Path | None, agent_id: str) -> None:
        self._path = path
        self._agent_id = agent_id
        self._seen = 0
        self._list: int | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._list = self._open_list()

    @property
    def _list_path(self) -> Path:
        path = self._path or Path()
        return path.with_name(f"{path.name}.latch")

    def load(self) -> Saved | None:
        """What the last process left, closings of the list included; None when there was none.

        Raises:
            StateUnreadable: there is something, and it is damaged, another agent's, or of a newer release.
        """
        if self._path is None:
            return None
        try:
            saved = self._read()
            for latch in self.closings():
                if latch.epoch >= (saved.control.epoch if saved else 0):
                    saved = saved or Saved(agent_id=self._agent_id, control=Control(), baseline=Baseline())
                    saved.control.merge(Control(latch=latch))
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise StateUnreadable(
                f"the state of the gate in {self._path} was unreadable ({error}), so the gate is halted: look at what "
                "happened, then move the files away or resume with rebase=True"
            ) from error
        return saved

    def _read(self) -> Saved | None:
        path = self._path or Path()
        try:
            body = path.read_bytes()
        except FileNotFoundError:
            return None
        saved = msgspec.json.decode(body, type=Saved)
        if saved.v > VERSION:
            raise ValueError(f"written by a newer release, version {saved.v}")
        if saved.agent_id != self._agent_id:
            raise ValueError(f"it belongs to {saved.agent_id!r}")
        return saved

    def closings(self) -> list[Latch]:
        """Closings that were appended since the last call, by whichever process.

        Raises:
            ValueError: one of them is damaged.
        """
        if self._list is None or os.fstat(self._list).st_size == self._seen:
            return []
        size = os.fstat(self._list).st_size
        start = self._seen if size > self._seen else 0
        body = os.pread(self._list, size - start, start)
        self._seen = size
        lines = body.split(b"\n")
        if lines.pop():
            raise ValueError("the list of closings ends in the middle of one")
        return [msgspec.json.decode(line, type=Latch) for line in lines]

    def append(self, latch: Latch) -> None:
        """Remember a closing at once. Raises OSError when that fails."""
        if self._list is not None:
            os.write(self._list, msgspec.json.encode(latch) + b"\n")

    def save(self, saved: Saved) -> None:
        """Write the whole state and wait until the disk has it. Raises OSError.

        What a process that shares the file has latched meanwhile stays latched.
        """
        if self._path is None:
            return
        with self._alone():
            with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
                other = self._read()
                if other is not None and other.control.latch.epoch >= saved.control.epoch:
                    saved.control.merge(other.control)
            temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
            _write(temporary, msgspec.json.encode(saved))
            temporary.replace(self._path)
            _sync_folder(self._path.parent)
            if self._list is not None and os.fstat(self._list).st_size > _LONGEST_LIST:
                os.ftruncate(self._list, 0)

    def halted_for(self, error: StateUnreadable) -> Saved:
        """The state of a gate whose files could not be read: halted. A copy of them is kept beside, then they are replaced."""
        _LOG.error("%s", error)
        latch = Latch(state="halted", reason="state_unreadable")
        saved = Saved(agent_id=self._agent_id, control=Control(latch=latch, told=False), baseline=Baseline())
        if self._path is None or self._list is None:
            return saved
        try:
            for path in (self._path, self._list_path):
                with contextlib.suppress(FileNotFoundError):
                    _write(path.with_name(f"{path.name}.damaged"), path.read_bytes())
            self.save(saved)
            os.ftruncate(self._list, 0)
            self._seen = 0
        except OSError as failure:
            _LOG.error("the damaged state of the gate could not be replaced: %s", failure)
        return saved

    def reopen(self) -> None:
        """Have a file handle of this process alone: one that a fork shares would share its locks too."""
        if self._list is not None:
            os.close(self._list)
            self._list = self._open_list()

    def _open_list(self) -> int:
        return os.open(self._list_path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold off other processes that write the same file."""
        if self._list is None:
            yield
            return
        fcntl.flock(self._list, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._list, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the files."""
        if self._list is not None:
            os.close(self._list)
            self._list = None


def _write(path: Path, body: bytes) -> None:
    """Write a file that is the user's alone, down to the disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
