"""The agent's own word: its health page and its figures.

An agent that does not answer is a fact, not a failed reading: the probe never raises for it. A page that answers 503
with its checks is alive and degraded. What it says about money is kept for comparison only.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fleawatch.errors import SourceError
from fleawatch.events import Check, HealthRead
from fleawatch.sources.decode import decode
from fleawatch.sources.draft import Draft
from fleawatch.sources.http import Raw
from fleawatch.sources.purpleflea.adapter import Adapter
from fleawatch.sources.routes import AGENT_HEALTH, AGENT_METRICS

FULL_PERCENT: Final = 90.0
"""Memory or processor use from which an agent's page calls itself unwell; it states only memory's verdict itself."""
_NO_FIGURES: Final = 404
"""An agent that has a health page and no figures beside it."""
_ALIAS: Final = {"strategy_heartbeat": "heartbeat", "cache": "database", "db": "database"}


class _Check(msgspec.Struct, frozen=True):
    ok: bool | None = None
    last_action_secs_ago: float | None = None
    cpu_pct: float | None = None
    mem_pct: float | None = None


class _Health(msgspec.Struct, frozen=True):
    status: str = ""
    checks: dict[str, _Check] = msgspec.field(default_factory=dict)


class _Figures(msgspec.Struct, frozen=True):
    balance: Decimal | None = None
    pnl_24h: float | None = None
    open_positions: int | None = None


class ProbeSource(Adapter):
    """Health and figures of one agent, from its own server. No key is sent there."""

    collector: str = "probe"

    async def _read(self, draft: Draft) -> None:
        try:
            answer = await self._client.call(AGENT_HEALTH)
        except SourceError:
            answer = Raw(0, b"")
        health = _understood(draft, answer)
        if health is None:
            self._add(draft, None, _Figures())
            return
        self._add(draft, health, await self._figures(draft))

    async def _figures(self, draft: Draft) -> _Figures:
        """The agent's figures, each None when it does not tell or tells nonsense."""
        try:
            figures, surprises = await self._client.get(AGENT_METRICS, _Figures)
        except SourceError as error:
            if error.status_code != _NO_FIGURES:
                draft.surprise(AGENT_METRICS, ("body",))
            return _Figures()
        draft.surprise(AGENT_METRICS, surprises)
        if figures.balance is not None and not figures.balance >= 0:
            draft.surprise(AGENT_METRICS, ("balance",))
            figures = msgspec.structs.replace(figures, balance=None)
        if figures.open_positions is not None and figures.open_positions < 0:
            draft.surprise(AGENT_METRICS, ("open_positions",))
            figures = msgspec.structs.replace(figures, open_positions=None)
        return figures

    def _add(self, draft: Draft, health: _Health | None, figures: _Figures) -> None:
        found = health.checks if health is not None else {}
        acted = next((one.last_action_secs_ago for one in found.values() if one.last_action_secs_ago is not None), None)
        system = found.get("system", _Check())
        draft.add(
            HealthRead(
                fact_id=draft.reading_id("health_read"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                up=health is not None,
                checks=_checks(found),
                last_action_at=None if acted is None else max(0.0, draft.now - max(acted, 0.0)),
                balance_usd=figures.balance,
                pnl_24h_usd=figures.pnl_24h,
                open_positions=figures.open_positions,
                memory_ratio=_ratio(system.mem_pct),
                cpu_ratio=_ratio(system.cpu_pct),
            )
        )


def _understood(draft: Draft, answer: Raw) -> _Health | None:
    """The health page; None when there is no living agent behind it."""
    if answer.status not in (200, 503):
        return None
    try:
        health, surprises = decode(answer.body, _Health, AGENT_HEALTH)
    except SourceError:
        if answer.status != 200:
            return None
        draft.surprise(AGENT_HEALTH, ("body",))
        return _Health()
    draft.surprise(AGENT_HEALTH, surprises)
    if answer.status == 503 and not health.status and not health.checks:
        return None
    return health


def _checks(found: dict[str, _Check]) -> tuple[Check, ...]:
    """The page's checks by their common names; `system` is memory, and the processor where it is told."""
    checks = {_ALIAS.get(name, name): one.ok for name, one in found.items() if name != "system" and one.ok is not None}
    system = found.get("system")
    if system is not None:
        if system.ok is not None:
            checks["memory"] = system.ok
        elif system.mem_pct is not None:
            checks["memory"] = system.mem_pct < FULL_PERCENT
        if system.cpu_pct is not None:
            checks["cpu"] = system.cpu_pct < FULL_PERCENT
    return tuple(Check(name=name[:40], ok=ok) for name, ok in sorted(checks.items()))


def _ratio(percent: float | None) -> float | None:
    return None if percent is None or not 0 <= percent <= 10_000 else percent / 100
