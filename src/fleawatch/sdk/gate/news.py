"""What the agent's program is to hear of its gate: gathered under the lock, told after it, logged by the keeper.

A callback may use the gate, and may fail. A log may be slow and must not hold up an order.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from fleawatch.sdk.gate.answer import Changed, Warned
from fleawatch.sdk.shield import Shield

_LOG: Final = logging.getLogger("fleawatch")
_QUIET_S: Final = 60.0
_CLEARS_AT: Final = 0.8
"""A warning about the drawdown can come again once the drawdown has fallen to this share of its limit."""


class Listeners(NamedTuple):
    """What the agent's program wants to hear."""

    warning: Callable[[Warned], object] | None
    change: Callable[[Changed], object] | None


class News:
    """What has happened and was not told yet.

    Attributes:
        listeners: who hears of it.
        pending: oldest first; the gate's lock guards it.
    """

    __slots__ = ("_agent_id", "_near", "_refused", "_shield", "_unlogged", "listeners", "pending")

    def __init__(self, agent_id: str, shield: Shield) -> None:
        self.listeners = Listeners(None, None)
        self.pending: list[Warned | Changed] = []
        self._agent_id = agent_id
        self._shield = shield
        self._unlogged: deque[Changed] = deque(maxlen=64)
        self._near = False
        self._refused: dict[str, float] = {}

    def drawdown(self, value: float, limit: float) -> None:
        """The drawdown as it is; a warning when it passes its limit, once until it has gone."""
        if value > limit and not self._near:
            self._near = True
            self.pending.append(Warned("drawdown_warning", value, limit))
        elif value <= limit * _CLEARS_AT:
            self._near = False

    def refused(self, warned: Warned, now: float) -> None:
        """An order was too much; a warning at most once a minute for each limit."""
        if now - self._refused.get(warned.name, -math.inf) >= _QUIET_S:
            self._refused[warned.name] = now
            self.pending.append(warned)

    def forget(self) -> None:
        """Nothing is near any more: the gate was resumed."""
        self._near = False
        self._refused.clear()

    def take(self) -> list[Warned | Changed]:
        """What is to be told now. The lock is held."""
        pending, self.pending = self.pending, []
        return pending

    def tell(self, pending: list[Warned | Changed]) -> None:
        """Tell it. The lock is not held."""
        for news in pending:
            if isinstance(news, Changed):
                self._unlogged.append(news)
                if self.listeners.change is not None:
                    with self._shield.over("on_change"):
                        self.listeners.change(news)
            elif self.listeners.warning is not None:
                with self._shield.over("on_warning"):
                    self.listeners.warning(news)

    def log(self) -> None:
        """Log every change that was told."""
        while self._unlogged:
            news = self._unlogged.popleft()
            _LOG.warning("the gate of %s is %s: %s", self._agent_id, news.after, news.reason)
