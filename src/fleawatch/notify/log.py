"""Notifications as lines of the service's own log, for a fleet without any other channel and for what nobody is woken by.

The log scrubs its lines and writes them in a thread of its own (`service/logs.py`), so that this channel never blocks.
"""

from __future__ import annotations

import logging
from typing import Final

from fleawatch.catalog.spec import Severity
from fleawatch.flow.outputs import Delivery
from fleawatch.notify.wording import Links, one_line, plain
from fleawatch.ports import Receipt

log = logging.getLogger("fleawatch.notify.log")

LONGEST: Final = 2_000
_LEVELS: Final[dict[Severity, int]] = {
    "critical": logging.CRITICAL, "warning": logging.WARNING, "info": logging.INFO, "none": logging.INFO,
}  # fmt: skip


class LogNotifier:
    """Writes each notification as one line, at the level of its severity."""

    kind = "log"

    def __init__(self, links: Links | None = None) -> None:
        self._links = links or Links()

    async def send(self, delivery: Delivery) -> Receipt:
        level = logging.INFO if delivery.kind == "resolved" else _LEVELS[delivery.severity]
        said = one_line(plain(delivery, self._links, LONGEST).replace("\n\n", " | "))
        log.log(level, "%s [%s] %s", delivery.kind, one_line(delivery.group), said)
        return Receipt(id=delivery.key)

    async def close(self) -> None:
        """Nothing is held."""
