"""The order of the platform's "newest first" lists, which is not quite newest first.

Rows are sorted by a time of whole seconds, descending, and rows of one second keep the order in which they were written:
inside a second the oldest comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Timed(Protocol):
    """A row with the whole second in which it was written."""

    @property
    def second(self) -> int:
        """Unix seconds."""
        ...


Row = TypeVar("Row", bound=Timed)


def newest_first(rows: Sequence[Row], limit: int, offset: int = 0) -> list[Row]:
    """A page of `rows`, which are given in the order of writing."""
    page: list[Row] = []
    end = len(rows)
    while end and len(page) < limit:
        start = end - 1
        while start and rows[start - 1].second == rows[end - 1].second:
            start -= 1
        group = rows[start:end]
        if offset >= len(group):
            offset -= len(group)
        else:
            page.extend(group[offset : offset + limit - len(page)])
            offset = 0
        end = start
    return page
