"""What all adapters of the platform share: whom they read, with which client, and what they did last time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from fleawatch.errors import SourceError
from fleawatch.events import Event
from fleawatch.flow.state import AgentState
from fleawatch.sources.decode import word
from fleawatch.sources.draft import Draft, Memo
from fleawatch.sources.http import Client
from fleawatch.sources.routes import Route
from fleawatch.units import from_iso

RARELY_S: Final = 600.0
"""How often an adapter reads what changes slowly and decides nothing."""

_DUST: Final = Decimal("-0.000001")


class Adapter(ABC):
    """Reads one agent at one service.

    A reading builds on the one before only when the state shows that it was booked; otherwise it starts from what the
    state knows, so a lost commit loses nothing.
    """

    collector: str

    def __init__(self, agent_id: str, client: Client) -> None:
        self.agent_id = agent_id
        self._client = client
        self._memo = Memo(self.collector)
        self._hurried = False

    async def read(self, known: AgentState | None, now: float) -> Sequence[Event]:
        """Facts since what is known; see `ports.Source.read`."""
        booked = self._memo.holds(known)
        self._memo.forget()
        draft = Draft(self.collector, self.agent_id, now, self._client.clock, known, booked=booked)
        try:
            await self._read(draft)
        except ArithmeticError as error:
            raise SourceError("schema", f"{self.collector} answered with impossible numbers: {error!r}") from None
        self._hurried = False
        self._memo.remember(now)
        return draft.facts

    def hurry(self) -> None:
        """The next reading leaves out nothing that is otherwise read rarely."""
        self._hurried = True

    async def close(self) -> None:
        """Forget what was remembered; the session belongs to whoever opened it."""
        self._memo.forget()

    @abstractmethod
    async def _read(self, draft: Draft) -> None:
        """Add the facts to the draft."""


def moment(text: str, route: Route, field: str) -> float:
    """An ISO time of an answer as unix seconds.

    Raises:
        SourceError: `schema`, naming route and field.
    """
    try:
        return from_iso(text)
    except ValueError:
        raise SourceError("schema", f"{route} {field} was {word(text)!r}, which is no time") from None


def when(value: str | float, route: Route, field: str) -> float:
    """A time of an answer, ISO text or unix seconds, as unix seconds; raises as `moment`."""
    return moment(value, route, field) if isinstance(value, str) else float(value)


def holding(amount: Decimal) -> Decimal:
    """An amount that somebody holds: what a server's doubles fell below zero by, at most a millionth, is zero."""
    return Decimal(0) if amount.is_finite() and _DUST < amount < 0 else amount
