"""The order in which ledger rows are handed out, whatever order they were found in."""

from __future__ import annotations

from collections.abc import Iterable

from fleawatch.events import LedgerEntry


def in_ledger_order(newest_first: Iterable[LedgerEntry]) -> list[LedgerEntry]:
    """Rows by service and position; two rows at one place (a doubled row) in the order of recording.

    Args:
        newest_first: the rows, last recorded first.
    """
    rows = list(newest_first)
    rows.reverse()
    return sorted(rows, key=lambda row: (row.service, row.position))
