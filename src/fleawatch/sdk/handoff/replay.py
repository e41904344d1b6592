"""Which tokens were believed already: each is believed once for as long as it holds, by this process or by all that share a directory.

What cannot be remembered is not believed: a guard that is full, or whose disk is, costs the link between two traces
and never the work.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from heapq import heappop, heappush
from math import ceil
from pathlib import Path
from typing import Final, Literal, Protocol

from fleawatch.sdk.handoff.token import AHEAD_S

MOST: Final = 10_000
"""Tokens that are remembered. Only who has the key can fill it."""
KEPT_S: Final = AHEAD_S
"""Seconds for which one is remembered after its end: another process may have a clock that is behind."""
Denial = Literal["", "replayed", "full", "unwritable"]
"""Why a nonce is not believed: empty when it comes for the first time."""
_NAME: Final = re.compile(r"([0-9a-f]{11,16})-[0-9a-f]{32}\.seen")
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class Guard(Protocol):
    """Remembers nonces until they have expired. Never raises."""

    def denies(self, nonce: str, expires_at: float, now: float) -> Denial:
        """Remember a nonce; why it is not believed. A nonce has one end: both are signed together."""
        ...


class Replay:
    """A guard in memory, for the threads of one process.

    Args:
        most: how many are remembered at once.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._seen: set[str] = set()
        self._ends: list[tuple[float, str]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._seen)

    def denies(self, nonce: str, expires_at: float, now: float) -> Denial:
        """Why a nonce is not believed."""
        with self._lock:
            while self._ends and self._ends[0][0] + KEPT_S <= now:
                self._seen.discard(heappop(self._ends)[1])
            if nonce in self._seen:
                return "replayed"
            if len(self._seen) >= self._most:
                return "full"
            self._seen.add(nonce)
            heappush(self._ends, (expires_at, nonce))
            return ""


class SharedReplay:
    """A guard in a directory, for all processes of an agent and for those after a restart.

    A nonce is an empty file that exactly one process can create; its name holds the end of the token and a digest, never
    the nonce. Several processes at once may go over `most` by as many as they are.

    Args:
        directory: on a disk whose exclusive creation holds for everybody who shares it; made when it is not there.
        agent_id: whose tokens they are; agents that share the directory do not keep tokens from each other.
        most: how many are remembered at once, of all agents.

    Raises:
        OSError: it cannot be made, is no directory, or others may write in it and so forget what was seen.
    """

    def __init__(self, directory: Path, agent_id: str, most: int = MOST) -> None:
        self._directory, self._agent_id, self._most = directory, agent_id, most
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._opened():
            pass

    def __len__(self) -> int:
        with self._opened() as folder:
            return sum(_NAME.fullmatch(name) is not None for name in _names(folder))

    def denies(self, nonce: str, expires_at: float, now: float) -> Denial:
        """Why a nonce is not believed."""
        end = ceil(expires_at)
        digest = hashlib.sha256(f"{self._agent_id}\0{nonce}".encode()).hexdigest()[:32]
        name = f"{end:011x}-{digest}.seen"
        try:
            with self._opened() as folder:
                held = _pruned(folder, now)
                if name in held:
                    return "replayed"
                if len(held) >= self._most:
                    return "full"
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder))
        except FileExistsError:
            return "replayed"
        except OSError:
            return "unwritable"
        return ""

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """The directory, judged each time: it may have been made anew, by somebody else, since it was judged last."""
        folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            found = os.fstat(folder)
            if found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
                raise PermissionError("it is somebody else's, or others may write in it")
            yield folder
        finally:
            os.close(folder)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _pruned(folder: int, now: float) -> set[str]:
    """Names of what is still remembered; the rest is deleted, by whoever comes first."""
    held = set()
    for name in _names(folder):
        match = _NAME.fullmatch(name)
        if match is None:
            continue
        if int(match[1], 16) + KEPT_S > now:
            held.add(name)
        else:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
    return held
