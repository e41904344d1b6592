"""A sink that keeps what it is given: for tests, and for programs that look at outputs themselves."""

from __future__ import annotations

from fleawatch.flow.outputs import AnyOutput


class MemorySink:
    """Keeps outputs in memory, each key once, because a delivery may be repeated.

    Attributes:
        outputs: in the order in which they first came.
        closed: whether it was closed; it refuses outputs from then on.
    """

    def __init__(self) -> None:
        self.outputs: list[AnyOutput] = []
        self.closed = False
        self._keys: set[str] = set()

    def emit(self, output: AnyOutput) -> None:
        if self.closed:
            raise ValueError("the sink was closed; open another one")
        if output.key not in self._keys:
            self._keys.add(output.key)
            self.outputs.append(output)

    def close(self) -> None:
        self.closed = True
