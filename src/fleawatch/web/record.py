"""What the store remembers of alerts, of their notifications and of halts, read for people to look back at.

Only the newest are read: a page must not cost more the longer a service runs. Whoever needs all has the audit log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from fleawatch.errors import StoreError
from fleawatch.events import AnyEvent, HaltOrdered, fact_id
from fleawatch.flow.outputs import AlertChange, Delivery
from fleawatch.ports import DeadLetter, Store
from fleawatch.web.problems import unavailable
from fleawatch.web.watch import Watched

MOST: Final = 1_000
"""Rows of each kind that are looked at, newest first."""

KINDS: Final = (
    "alert_acknowledged", "alert_cleared", "delivered", "halt_acknowledged", "halt_confirmed", "halt_delivered", "halt_ordered",
    "halt_overdue", "resumed", "silence_ended", "silenced",
)  # fmt: skip
"""Facts that people look back at."""

_Found = TypeVar("_Found")


class Record(NamedTuple):
    """The newest changes of alerts, notifications and facts about them and about halts; each newest first.

    Attributes:
        whole: whether nothing older was left out.
    """

    changes: tuple[AlertChange, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    facts: tuple[AnyEvent, ...] = ()
    whole: bool = True


async def read_record(watched: Watched, agent_id: str | None = None) -> Record:
    """The record of the fleet; with an agent, changes of its alerts only.

    Raises:
        RequestError: 503, the store cannot be read now.
    """
    return await in_store(watched, lambda store: _record(store, agent_id))


async def dead_letters(watched: Watched, limit: int) -> list[DeadLetter]:
    """The newest outputs that nobody will act on any more.

    Raises:
        RequestError: 503, the store cannot be read now.
    """
    return await in_store(watched, lambda store: store.dead(limit))


async def halt_notes(watched: Watched, halts: set[tuple[str, str]]) -> dict[str, str]:
    """What those who ordered these halts (id, agent) wrote, by id of the halt; nothing while the store cannot be read.

    A page about a halt must come up while the disk is full.
    """
    if not halts:
        return {}
    wanted = [name for halt_id, agent_id in sorted(halts) for name in _orders(halt_id, agent_id)]
    monitor = watched.monitor
    try:
        found = await monitor.in_store(lambda: monitor.store.known(wanted))
    except (StoreError, RuntimeError):
        return {}
    return {fact.halt_id: fact.note for fact in found.values() if isinstance(fact, HaltOrdered)}


def _orders(halt_id: str, agent_id: str) -> tuple[str, ...]:
    """Ids of the facts by which a halt may have been ordered: by a person, and by the belt for an agent or the fleet."""
    return (
        fact_id("halt", "halt_ordered", halt_id),
        f"belt:halt_ordered:{agent_id}:{halt_id}",
        f"belt:halt_ordered::{halt_id}",
    )


async def in_store(watched: Watched, read: Callable[[Store], _Found]) -> _Found:
    """What `read` finds in the store, in the thread that owns it.

    Raises:
        RequestError: 503, the store cannot be read now.
    """
    monitor = watched.monitor
    try:
        return await monitor.in_store(lambda: read(monitor.store))
    except (StoreError, RuntimeError) as error:
        raise unavailable(f"the store cannot be read: {error}", "try again; /-/ready tells when it is mended") from None


def _record(store: Store, agent_id: str | None) -> Record:
    changes = store.outputs(kinds=("alertchange",), limit=MOST, agent_id=agent_id)
    deliveries = store.outputs(kinds=("delivery",), limit=MOST)
    facts = store.facts(kinds=KINDS, limit=MOST, newest_first=True)
    return Record(
        tuple(one for one in changes if isinstance(one, AlertChange)),
        tuple(one for one in deliveries if isinstance(one, Delivery)),
        tuple(fact.event for fact in facts),
        max(len(changes), len(deliveries), len(facts)) < MOST,
    )
