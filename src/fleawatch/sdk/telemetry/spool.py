"""Facts that wait for the service: segment files in a directory, bounded, and adopted when their process has died.

A fact is in a file before anybody tries to send it, and the file goes when the service has it. Every process writes
segments of its own and holds a lock on them; a process of the same agent takes over what nobody holds. Files are not
synced one by one: a power cut can lose what the kernel had not written yet, a killed process loses nothing. While the
disk takes nothing, facts wait in memory within the same bound, and a process that dies then loses them.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fleawatch.sdk.telemetry.segment import Segment

SEGMENT: Final = 1 << 20
"""Bytes from which a segment is closed and a new one begun."""
LARGEST: Final = 64 << 20
"""Bytes of one agent's spool at most."""


class Spool:
    """The waiting facts of one agent, one JSON object a line, oldest first. For one thread at a time.

    When there is no room, lines that are not precious go first, the oldest segment's before others; where every line that
    waits is precious, the oldest segment goes. The segment that is written to stays.

    Args:
        directory: where segments lie; made when it is missing. None keeps them in memory.
        agent_id: whose facts they are.
        size: bytes at most.
        precious: whether a line is to be kept as long as there is any other.

    Attributes:
        dropped: lines that had to go for want of room, or that waited in memory when it was closed.
        error: why the disk takes no facts; empty while it does.

    Raises:
        OSError: the directory cannot be used.
    """

    def __init__(
        self,
        directory: Path | None,
        agent_id: str,
        *,
        size: int = LARGEST,
        precious: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        self.dropped = 0
        self.error = ""
        self._directory = directory
        self._agent_id = agent_id
        self._size = size
        self._precious = precious
        self._segments: deque[Segment] = deque()
        self._taken: tuple[Segment, int] | None = None
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.adopt()

    def append(self, lines: list[bytes]) -> None:
        """Keep lines, which end without a line feed."""
        if not lines:
            return
        last = self._segments[-1] if self._segments else None
        if last is None or not last.own or last.size >= SEGMENT:
            last = self._begin()
        try:
            last.append(lines)
            self.error = ""
        except OSError as error:
            self.error = error.strerror or type(error).__name__
            memory = Segment(None, own=True)
            memory.append(lines)
            self._add(memory)
        if self._bytes() > self._size:
            self._make_room()

    def batch(self, most: int, largest: int) -> list[bytes]:
        """The oldest lines: at most `most`, and `largest` bytes together, but at least one; empty when nothing waits."""
        self._taken = None
        while self._segments and not self._segments[0].left:
            if len(self._segments) == 1 and self._segments[0].own and self._segments[0].size < SEGMENT:
                return []
            self._segments.popleft().remove()
        if not self._segments:
            return []
        first = self._segments[0]
        found = first.batch(most, largest)
        self._taken = (first, len(found))
        return found

    def done(self) -> None:
        """The service is done with the last batch. One that had to make room meanwhile is not looked for elsewhere."""
        if self._taken is not None and self._taken[0] in self._segments:
            self._taken[0].done(self._taken[1])
        self._taken = None

    def adopt(self) -> None:
        """Take over the segments of this agent that no living process holds."""
        if self._directory is None:
            return
        found: list[tuple[float, Path]] = []
        for path in self._directory.glob(f"{self._agent_id}.*.facts"):
            with contextlib.suppress(OSError):
                found.append((path.stat().st_mtime, path))
        for _, path in sorted(found, reverse=True):
            # One that is held, by us or by another process, is refused.
            with contextlib.suppress(OSError):
                self._segments.appendleft(Segment(path, own=False))

    def __len__(self) -> int:
        return sum(segment.left for segment in self._segments)

    def close(self) -> None:
        """Let go of the files; what waits stays in them, and what waits in memory is lost."""
        for segment in self._segments:
            self.dropped += segment.left if segment.in_memory else 0
            segment.close()
        self._segments.clear()

    def after_fork(self) -> None:
        """The segments are the parent's; the child begins its own."""
        for segment in self._segments:
            segment.abandon()
        self._segments.clear()
        self._taken = None
        self.dropped = 0

    def _begin(self) -> Segment:
        segment = None
        # A process that adopts may hold a new file for a moment, before its maker does.
        for _ in range(3):
            try:
                segment = Segment(self._named(), own=True)
                break
            except OSError as error:
                self.error = error.strerror or type(error).__name__
        return self._add(segment or Segment(None, own=True))

    def _named(self) -> Path | None:
        if self._directory is None:
            return None
        return self._directory / f"{self._agent_id}.{os.getpid()}.{secrets.token_hex(6)}.facts"

    def _add(self, segment: Segment) -> Segment:
        if self._segments:
            self._segments[-1].rest()
        self._segments.append(segment)
        return segment

    def _bytes(self) -> int:
        return sum(one.size for one in self._segments)

    def _make_room(self) -> None:
        """Give up what is least worth keeping, until a tenth of the room is free again."""
        enough = self._size * 9 // 10
        for number in range(len(self._segments) - 1):
            if self._bytes() <= enough:
                return
            self._segments[number] = self._thinned(self._segments[number])
        while len(self._segments) > 1 and self._bytes() > self._size:
            oldest = self._segments.popleft()
            self.dropped += oldest.left
            oldest.remove()

    def _thinned(self, segment: Segment) -> Segment:
        """The segment without what is not precious; itself where that is nothing, or cannot be written."""
        kept = segment.chosen(self._precious)
        gone = segment.left - len(kept)
        if not gone:
            segment.rest()
            return segment
        thin = Segment(None, own=False)
        try:
            thin = Segment(self._named(), own=True)
            if kept:
                thin.append(kept)
        except OSError:
            thin.remove()
            return segment
        thin.rest()
        self.dropped += gone
        segment.remove()
        return thin
