"""What people do about alerts: take one, silence some for a while, end a silence, end an alert that only they may end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from fleawatch.clock import Clock
from fleawatch.errors import Problem
from fleawatch.events import AlertAcknowledged, AlertCleared, Silenced, SilenceEnded, fact_id
from fleawatch.flow.routing.standing import standing
from fleawatch.flow.state import AlertInstance
from fleawatch.service.acts import RefusedActError
from fleawatch.service.monitor import Monitor
from fleawatch.units import DAY

LONGEST_SILENCE_S: Final = 30 * DAY
_SOURCE: Final = "api"


class Desk:
    """Acts on alerts. Every act becomes a fact with the name of who did it."""

    def __init__(self, monitor: Monitor, clock: Clock) -> None:
        self._monitor = monitor
        self._clock = clock

    async def acknowledge(self, fingerprint: str, actor: str, note: str) -> str:
        """Take an alert, so that it is not repeated and not escalated; its name.

        Raises:
            RefusedActError: 404, nothing of this fingerprint fires.
        """
        alert = self._firing(fingerprint)
        now = self._clock.now()
        fact = AlertAcknowledged(
            fact_id=fact_id("alert", "alert_acknowledged", f"{fingerprint}:{now:.3f}"),
            agent_id="", at=now, seen_at=now, source=_SOURCE, fingerprint=fingerprint, actor=actor, note=note,
        )  # fmt: skip
        await self._monitor.book([fact])
        return alert.alert

    async def clear(self, fingerprint: str, actor: str, reason: str) -> str:
        """End an alert that fires; its name. One whose condition still holds begins anew.

        Raises:
            RefusedActError: 404, nothing of this fingerprint fires.
        """
        alert = self._firing(fingerprint)
        now = self._clock.now()
        fact = AlertCleared(
            fact_id=fact_id("alert", "alert_cleared", f"{fingerprint}:{now:.3f}"),
            agent_id="", at=now, seen_at=now, source=_SOURCE, fingerprint=fingerprint, actor=actor, reason=reason,
        )  # fmt: skip
        await self._monitor.book([fact])
        return alert.alert

    async def silence(self, matchers: Mapping[str, str], seconds: float, author: str, comment: str) -> str:
        """Do not send what matches for so long; the id of the silence.

        Raises:
            RefusedActError: 422, it matches nothing, or lasts too long.
        """
        problems = []
        if not matchers:
            problems.append(Problem("matchers", "named no label", "give label = value, as agent_id = AGENT"))
        if not 0 < seconds <= LONGEST_SILENCE_S:
            problems.append(Problem("for_s", f"was {seconds:g}", f"use more than 0 and at most {LONGEST_SILENCE_S:g}"))
        if problems:
            raise RefusedActError(422, *problems)
        silence_id, now = secrets.token_hex(6), self._clock.now()
        fact = Silenced(
            fact_id=fact_id("alert", "silenced", silence_id),
            agent_id="", at=now, seen_at=now, source=_SOURCE, silence_id=silence_id, matchers=dict(matchers),
            starts_at=now, ends_at=now + seconds, author=author, comment=comment,
        )  # fmt: skip
        await self._monitor.book([fact])
        return silence_id

    async def unsilence(self, silence_id: str, actor: str) -> None:
        """End a silence before its time.

        Raises:
            RefusedActError: 404, there is none of this id.
        """
        if silence_id not in {one.silence_id for one in standing(self._monitor.state).silences}:
            raise RefusedActError(404, Problem("silence_id", f"{silence_id} is no silence in force", "list them first"))
        now = self._clock.now()
        fact = SilenceEnded(
            fact_id=fact_id("alert", "silence_ended", silence_id),
            agent_id="", at=now, seen_at=now, source=_SOURCE, silence_id=silence_id, actor=actor,
        )  # fmt: skip
        await self._monitor.book([fact])

    def _firing(self, fingerprint: str) -> AlertInstance:
        for alerts in self._monitor.state.alerts.values():
            for places in alerts.values():
                for one in places.values():
                    if one.fingerprint == fingerprint and one.fired_at is not None:
                        return one
        raise RefusedActError(
            404, Problem("fingerprint", f"{fingerprint} does not fire", "`fleawatch alerts` lists what does")
        )
