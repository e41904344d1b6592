"""Which message opened a group's conversation, so that what follows is told under it. Forgotten by a restart: a new one begins."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Id = TypeVar("Id")

MOST: int = 1_000


class Conversations(Generic[Id]):
    """First message of each of the groups used last, at most `MOST` of them."""

    def __init__(self) -> None:
        self._first: OrderedDict[str, Id] = OrderedDict()

    def of(self, group: str) -> Id | None:
        """The message that opened it, None when it is new."""
        if group in self._first:
            self._first.move_to_end(group)
        return self._first.get(group)

    def open(self, group: str, message: Id) -> None:
        """Remember the first message of a group; later ones change nothing."""
        if self._first.setdefault(group, message) is message and len(self._first) > MOST:
            self._first.popitem(last=False)

    def forget(self, group: str) -> None:
        """Its first message is gone; the next one opens it anew."""
        self._first.pop(group, None)
