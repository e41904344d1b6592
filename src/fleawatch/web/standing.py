"""How far each number of an agent can be trusted now, from how its collectors fare, with the reason in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fleawatch.flow.fold.equity import MONEY
from fleawatch.flow.state import AgentState, SourceStatus
from fleawatch.web.number import Standing

REASONS: Final = {
    "timeout": "no answer in time",
    "network": "cannot be reached",
    "rate_limited": "asked too often",
    "unauthorized": "the key was refused",
    "http_4xx": "the request was refused",
    "http_5xx": "the service fails",
    "invalid_body": "the answer could not be read",
    "schema": "the answer was not as documented",
    "upstream": "what is behind the service is away",
    "stale": "not read for too long",
    "not_read_yet": "not read yet",
    "unmarked": "open positions carry no current price",
}
"""Why a reading failed, for people."""

SELF: Final = "self-report"
"""Source of numbers that only the agent itself reports."""

RESULTS: Final = frozenset({"casino", "trading", "gateway"})
PLAY: Final = frozenset({"casino", "gateway"})
BETS: Final = frozenset({"bets", "casino", "gateway"})
TRADING: Final = frozenset({"trading", "gateway"})
ESCROWS: Final = frozenset({"escrow", "gateway"})
LEDGER: Final = frozenset({"casino"})
HOLDINGS: Final = frozenset({"casino", "gateway", "wallet", "domains"})


_NAMED_BY_LEDGER: Final = frozenset({"bets", "escrow"})


def in_words(reason: str) -> str:
    """A bounded reason as people read it; one that is not known stays as it is."""
    return REASONS.get(reason, reason)


def why_unread(agent: AgentState, collector: str) -> str:
    """Why a collector has never read the agent, in words."""
    status, ledger = agent.sources.get(collector), agent.sources.get("casino")
    reason = (status and status.reason) or "not_read_yet"
    if reason == "upstream" and collector in _NAMED_BY_LEDGER and (ledger is None or ledger.read_at is None):
        return "waits for the casino's ledger"
    return in_words(reason)


class Standings:
    """The standings of one agent at one moment. Each is computed when it is first asked for.

    Args:
        agent: the state.
        at: now, unix seconds.
        max_age_s: seconds after which a self-report is too old.
    """

    __slots__ = ("_found", "agent", "at", "max_age_s")

    def __init__(self, agent: AgentState, at: float, max_age_s: float) -> None:
        self.agent = agent
        self.at = at
        self.max_age_s = max_age_s
        self._found: dict[frozenset[str], Standing] = {}

    def of(self, collectors: frozenset[str]) -> Standing:
        """What rests on those of these collectors that read the agent, as its own reports where none does."""
        found = self._found.get(collectors)
        if found is None:
            reading = [name for name in self.agent.profile.collectors if name in collectors]
            found = self._joint(reading) if reading else self.own()
            self._found[collectors] = found
        return found

    def whole(self, collectors: frozenset[str]) -> Standing:
        """As `of`, for what needs every one of these collectors: unknown while one of them has never read."""
        joint = self.of(collectors)
        single = [self.collector(name) for name in self.agent.profile.collectors if name in collectors]
        never = [one for one in single if one.as_of is None]
        return Standing(joint.source, None, "unknown", _told(never)) if never else joint

    def tells_escrows(self) -> bool:
        """Whether somebody is to say which escrows there are: a source, or an agent that reports itself."""
        return self.agent.self_reported or not ESCROWS.isdisjoint(self.agent.profile.collectors)

    @property
    def escrows(self) -> Standing:
        """What rests on the agent's escrows: the service tells how each fares, the ledger which there are."""
        if not self.tells_escrows():
            return Standing("escrow", None, "unknown", "no source reads its escrows")
        if ESCROWS.isdisjoint(self.agent.profile.collectors):
            return self.own()
        return self.whole(ESCROWS | LEDGER)

    @property
    def money(self) -> Standing:
        """What rests on every part of the equity.

        Unknown while a part was never read, since a sum of the others would be a wrong one; not current while open
        positions carry no price.
        """
        standing = self.of(MONEY)
        if self.agent.awaited:
            return Standing(standing.source, None, "unknown", standing.reason or "not every source was read yet")
        unmarked = self.agent.unknown.get("trading") == "unmarked"
        if unmarked and standing.freshness == "fresh":
            return Standing(standing.source, standing.as_of, "stale", f"trading: {REASONS['unmarked']}")
        return standing

    def own(self) -> Standing:
        """What the agent itself reports."""
        seen = self.agent.seen_at
        if not seen:
            return Standing(SELF, None, "unknown", "nothing was read or reported yet")
        if self.at - seen > self.max_age_s:
            return Standing(SELF, seen, "stale", "the agent has not reported for too long")
        return Standing(SELF, seen, "fresh")

    def collector(self, name: str) -> Standing:
        """What one collector reads."""
        status = self.agent.sources.get(name)
        if status is None or status.read_at is None:
            return Standing(name, None, "unknown", why_unread(self.agent, name))
        reason = trouble(status, self.at)
        return Standing(name, status.read_at, "stale" if reason else "fresh", reason)

    def _joint(self, collectors: Iterable[str]) -> Standing:
        single = [self.collector(name) for name in collectors]
        if len(single) == 1 and single[0].freshness == "fresh":
            return single[0]
        source = "+".join(one.source for one in single)
        read = [one.as_of for one in single if one.as_of is not None]
        as_of = min(read, default=None)
        reason = _told(single)
        if reason is None:
            return Standing(source, as_of, "fresh")
        return Standing(source, as_of, "stale" if read else "unknown", reason)


def trouble(status: SourceStatus, at: float) -> str | None:
    """Why what a collector read may no longer hold, in words; None while it does."""
    if status.reason:
        code = f" ({status.status_code})" if status.status_code else ""
        return in_words(status.reason) + code
    return None if at <= status.valid_until else REASONS["stale"]


def _told(standings: Iterable[Standing]) -> str | None:
    """What is wrong, each reason once with the sources that share it; None when nothing is."""
    shared: dict[str, list[str]] = {}
    for one in standings:
        if one.reason:
            shared.setdefault(one.reason, []).append(one.source)
    return "; ".join(f"{', '.join(sources)}: {reason}" for reason, sources in shared.items()) or None
