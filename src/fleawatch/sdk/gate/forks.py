"""Gates in a forked process: locks that are free, no threads, and no lease, because that one is the parent's.

The locks of all gates are taken before a fork and given back after it, so that no child is born with a belt that was
half-way through a fact.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Whatever must be put right after a fork."""

    def before_fork(self) -> None:
        """Hold still."""
        ...

    def after_fork(self, *, child: bool) -> None:
        """Go on, or, in the child, begin anew."""
        ...


_known: WeakSet[Forked] = WeakSet()
_held: list[Forked] = []


def survive_forks(one: Forked) -> None:
    """Put `one` right after every fork from now on."""
    _known.add(one)


def _before() -> None:
    _held[:] = list(_known)
    for one in _held:
        one.before_fork()


def _after(*, child: bool) -> None:
    for one in reversed(_held):
        one.after_fork(child=child)
    _held.clear()


os.register_at_fork(
    before=_before, after_in_parent=lambda: _after(child=False), after_in_child=lambda: _after(child=True)
)
