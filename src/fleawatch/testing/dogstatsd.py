"""A DogStatsD server for tests: a UDP socket on loopback that keeps datagrams, and a parser of their format.

The format is that of Datadog's reference "DogStatsD datagram format": `name:value|type|#tag:value,tag:value`, lines
separated by line feeds, values packed with `:`, optional fields `|@rate`, `|c:container`, `|T timestamp`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

TYPES: Final = frozenset({"c", "g", "d", "h", "ms", "s"})
_QUIET_S: Final = 0.1
LARGEST: Final = 8_192
"""Bytes that the agent reads of one datagram by default."""


class Point(NamedTuple):
    """One value of a metric."""

    name: str
    value: float
    type: str
    tags: dict[str, str]


def parsed(datagram: bytes) -> Iterator[Point]:
    """The points of a datagram.

    Raises:
        ValueError: a line is not of the format, or the datagram is larger than an agent reads.
    """
    if len(datagram) > LARGEST:
        raise ValueError(f"a datagram had {len(datagram)} bytes, more than {LARGEST}")
    for line in datagram.decode().split("\n"):
        if not line:
            continue
        head, *rest = line.split("|")
        name, *values = head.split(":")
        if not name or not values or not rest or rest[0] not in TYPES:
            raise ValueError(f"{line!r} was no metric")
        tags: dict[str, str] = {}
        for part in rest[1:]:
            if part.startswith("#"):
                pairs = [tag.partition(":") for tag in part[1:].split(",")]
                if len({pair[0] for pair in pairs}) != len(pairs):
                    raise ValueError(f"{line!r} has a tag twice")
                tags = {key: value for key, _, value in pairs}
            elif part[:1] not in ("@", "c", "T", "e"):
                raise ValueError(f"{line!r} has an unknown field")
        for value in values:
            yield Point(name, float(value), rest[0], tags)


class DogStatsDServer:
    """Listens until the block ends.

    Attributes:
        port: where.
        datagrams: as they came.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = int(self._socket.getsockname()[1])
        self.datagrams: list[bytes] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                self.datagrams.append(self._socket.recv(1 << 16))
            except TimeoutError:
                continue

    def points(self, name: str = "") -> list[Point]:
        """Everything received, or what was received of one metric; waits until nothing more comes."""
        count = -1
        while count != len(self.datagrams):
            count = len(self.datagrams)
            time.sleep(_QUIET_S)
        found = [point for datagram in list(self.datagrams) for point in parsed(datagram)]
        return [point for point in found if not name or point.name == name]
