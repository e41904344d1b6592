"""A DogStatsD server for tests: a socket on loopback or in a file that keeps datagrams, and a strict reader of their format.

The format is that of Datadog's reference "Datagram Format and Shell Usage"
(https://docs.datadoghq.com/extend/dogstatsd/datagram_shell), protocol 1.0 to 1.6:

    NAME:VALUE[:VALUE...]|TYPE[|@RATE][|#TAG,TAG][|c:CONTAINER][|e:EXTERNAL][|card:CARDINALITY][|T1656581400]

Several lines share a datagram, separated by line feeds. A reader of the real agent forgives much; this one forgives nothing,
so that what passes here passes there: names and tags of the allowed characters, numbers that are finite, no tag twice, a
rate only where values can be weighed, a timestamp only on counts and gauges, and no datagram above what a transport carries.
"""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

LARGEST_UDP: Final = 1_432
"""Bytes that fit an Ethernet frame: what clients put into a UDP datagram by default."""
LARGEST_UNIX: Final = 8_192
"""Bytes of the agent's buffer, which bounds a datagram of a Unix socket."""
LONGEST_NAME: Final = 200
LONGEST_TAG: Final = 200

_QUIET_S: Final = 0.1
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.]*", re.ASCII)
_TAG: Final = re.compile(r"[a-z][a-z0-9_./-]*(?::[\w./:-]+)?")
_TYPES: Final = frozenset({"c", "g", "d", "h", "ms", "s"})
_RATED: Final = frozenset({"c", "d", "h", "ms"})
_STAMPED: Final = frozenset({"c", "g"})
_CARDINALITIES: Final = frozenset({"none", "low", "orchestrator", "high"})
_CONTAINER: Final = re.compile(r"(?:(?:ci-|in-)?[\w.:-]+)")


class Point(NamedTuple):
    """One value of a metric. `at` is the timestamp it carries, unix seconds, and None for most."""

    name: str
    value: float
    type: str
    tags: dict[str, str]
    rate: float = 1.0
    container: str = ""
    at: int | None = None


def parsed(datagram: bytes, *, largest: int = LARGEST_UNIX) -> Iterator[Point]:
    """The points of a datagram.

    Raises:
        ValueError: a line is not of the format, or the datagram is larger than its transport carries.
    """
    if len(datagram) > largest:
        raise ValueError(f"a datagram had {len(datagram)} bytes, more than {largest}")
    for line in datagram.decode().split("\n"):
        if line:
            yield from _points(line)


def _points(line: str) -> Iterator[Point]:
    head, *rest = line.split("|")
    name, *values = head.split(":")
    kind = rest[0] if rest else ""
    if _NAME.fullmatch(name) is None or len(name) > LONGEST_NAME or kind not in _TYPES or not values:
        raise ValueError(f"{line!r} was no metric")
    if kind == "s" and len(values) > 1:
        raise ValueError(f"{line!r} packs values of a set")
    fields = _Fields(line, kind)
    for part in rest[1:]:
        fields.take(part)
    for value in values:
        yield Point(name, _number(value, line), kind, fields.tags, fields.rate, fields.container, fields.at)


class _Fields:
    """What may follow the type, each once."""

    def __init__(self, line: str, kind: str) -> None:
        self._line, self._kind = line, kind
        self._seen: set[str] = set()
        self.tags: dict[str, str] = {}
        self.rate = 1.0
        self.container = ""
        self.at: int | None = None

    def take(self, part: str) -> None:
        mark = next((mark for mark in ("#", "@", "card:", "c:", "e:", "T") if part.startswith(mark)), "")
        text = part.removeprefix(mark)
        if not mark or mark in self._seen or not text:
            raise ValueError(f"{self._line!r} has a field that is unknown, empty or there twice")
        self._seen.add(mark)
        match mark:
            case "#":
                self._take_tags(text)
            case "@":
                self.rate = _number(text, self._line)
                self._hold(self._kind in _RATED and 0.0 < self.rate <= 1.0, "a rate that is none")
            case "c:":
                self.container = text
                self._hold(_CONTAINER.fullmatch(text) is not None, "a container that is none")
            case "card:":
                self._hold(text in _CARDINALITIES, "a cardinality that is none")
            case "T":
                self._hold(self._kind in _STAMPED and text.isdecimal() and int(text) > 0, "a timestamp that is none")
                self.at = int(text)

    def _take_tags(self, text: str) -> None:
        for tag in text.split(","):
            key, _, value = tag.partition(":")
            self._hold(key not in self.tags, "a tag twice")
            self._hold(_TAG.fullmatch(tag) is not None and len(tag) <= LONGEST_TAG, f"the tag {tag!r}")
            self.tags[key] = value

    def _hold(self, holds: bool, what: str) -> None:  # noqa: FBT001 - a condition is what it takes
        if not holds:
            raise ValueError(f"{self._line!r} has {what}")


def _number(text: str, line: str) -> float:
    number = float(text)
    if not math.isfinite(number) or text != text.strip() or "_" in text:
        raise ValueError(f"{line!r} has a value that is no number")
    return number


class DogStatsDServer:
    """Listens until the block ends.

    Args:
        path: of a Unix datagram socket; UDP on loopback when None.

    Attributes:
        address: as `Telemetry(statsd=...)` takes it.
        port: of UDP, else 0.
        datagrams: as they came.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._socket = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind(("127.0.0.1", 0) if path is None else str(path))
        self._socket.settimeout(0.05)
        self._largest = LARGEST_UDP if path is None else LARGEST_UNIX
        self.port = int(self._socket.getsockname()[1]) if path is None else 0
        self.address = f"udp://127.0.0.1:{self.port}" if path is None else f"unix://{path}"
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
        """Everything received, or what was received of one metric; waits until nothing more comes.

        Raises:
            ValueError: something was received that the protocol does not allow.
        """
        count = -1
        while count != len(self.datagrams):
            count = len(self.datagrams)
            time.sleep(_QUIET_S)
        found = [point for datagram in list(self.datagrams) for point in parsed(datagram, largest=self._largest)]
        return [point for point in found if not name or point.name == name]
