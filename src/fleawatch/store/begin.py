"""Where a replay begins, and how far facts may therefore be forgotten: the same decision for every store."""

from __future__ import annotations

from collections.abc import Sequence

from fleawatch.errors import StoreError
from fleawatch.ports import Kept


def prune_point(kept: Sequence[Kept], *, before: float, saved: int) -> int:
    """Up to which number facts may be forgotten: that of the newest snapshot kept until `before`; 0 without one.

    Args:
        kept: the kept snapshots, oldest first.
        before: unix seconds.
        saved: number of the saved snapshot, with which a restart begins; nothing after it may be forgotten.
    """
    return max((one.seq for one in kept if one.at <= before and one.seq <= saved), default=0)


def first_after(kept: Sequence[Kept], forgotten: int) -> Kept | None:
    """The oldest kept snapshot after which nothing was forgotten; None when there is none.

    Args:
        kept: the kept snapshots, oldest first.
        forgotten: number up to which facts may be missing.
    """
    return next((one for one in kept if one.seq >= forgotten), None)


def no_base(forgotten: int, place: str = "the memory store") -> StoreError:
    """The refusal of a replay that would leave facts out."""
    return StoreError(
        f"{place}: facts up to number {forgotten} were forgotten before a state to begin with was kept. Remedy: let this "
        "release's service run on it once, which keeps one; `fleawatch report` reads the newest state meanwhile."
    )
