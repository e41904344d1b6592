"""A small fleet that never was, as facts: what tests and pictures show when they need a fleet that looks alive.

The facts are a function of (agents, hours, seed) and reconcile: every ledger is a chain, every stake has its outcome.
Some agents are in trouble on purpose: one key is refused, one exchange does not answer, one agent was never read, one
trades without a known capital, and one bleeds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from fleawatch.events import AgentDeclared, Event, SourceUnavailable, Tick, fact_id, reading_id
from fleawatch.testing.casino_agent import CasinoAgent
from fleawatch.testing.trading_agent import TradingAgent

ORIGIN: Final = 1_790_000_000.0 - 1_790_000_000.0 % 3_600
"""When the facts begin, unix seconds: a full hour."""

STEP_S: Final = 300.0
"""Seconds between two rounds of readings."""

NAMES: Final = (
    "alder",
    "briar",
    "cedar",
    "dahlia",
    "elm",
    "fern",
    "gorse",
    "hazel",
    "iris",
    "juniper",
    "kelp",
    "laurel",
)
STRATEGIES: Final = ("kelly-dice", "momentum", "mean-reversion", "escrow-worker", "grid", "coin-flip-hedge")
TROUBLES: Final = {3: "unauthorized", 7: "timeout", 10: "never_read"}
"""By place in the fleet: what is wrong with an agent."""


def agent_names(agents: int) -> list[str]:
    """Names of the fleet's agents, in order."""
    return [NAMES[place] if place < len(NAMES) else f"agent-{place:04d}" for place in range(agents)]


def example_facts(agents: int = 12, hours: float = 24.0, seed: int = 7, *, step_s: float = STEP_S) -> list[Event]:
    """Facts of a fleet from `ORIGIN` on, in the order in which they were seen; the last one is a Tick at the end.

    Args:
        agents: how many, at least 1.
        hours: how long they are watched.
        seed: the same seed gives the same facts.
        step_s: seconds between two rounds of readings.
    """
    fleet = [_member(place, name, _chance(seed, name)) for place, name in enumerate(agent_names(agents))]
    facts: list[Event] = []
    rounds = max(1, int(hours * 3_600 / step_s))
    for number in range(rounds + 1):
        at = ORIGIN + number * step_s
        for place, member in enumerate(fleet):
            if number == (rounds // 2 if TROUBLES.get(place) == "never_read" else 0):
                facts.append(_declared(place, member, at))
            facts += _round(place, member, at, number / rounds, fleet[(place + 1) % agents])
        facts.append(Tick(fact_id=fact_id("monitor", "tick", f"{at:.3f}"), agent_id="", at=at, seen_at=at, source="monitor"))  # fmt: skip
    return facts


def end_of(hours: float, step_s: float = STEP_S) -> float:
    """When the facts of `example_facts` end, unix seconds."""
    return ORIGIN + max(1, int(hours * 3_600 / step_s)) * step_s


def _chance(seed: int, name: str) -> random.Random:
    return random.Random(f"{seed}:{name}")  # noqa: S311 - the facts must be a function of the seed


class Member:
    """An agent of the fleet: what it does at the casino, and whether it trades."""

    def __init__(self, name: str, strategy: str, play: CasinoAgent, trading: TradingAgent | None) -> None:
        self.name = name
        self.strategy = strategy
        self.play = play
        self.trading = trading

    @property
    def collectors(self) -> tuple[str, ...]:
        """Which sources read it."""
        return ("casino", "bets", "escrow", "trading") if self.trading else ("casino", "bets", "escrow")


def _member(place: int, name: str, chance: random.Random) -> Member:
    strategy = STRATEGIES[place % len(STRATEGIES)]
    edge = -0.14 if place == 8 else 0.02 * (place % 5) - 0.03
    start = Decimal(chance.randrange(200, 2_400))
    trading = TradingAgent(name, strategy, chance, reports_orders=place % 2 == 1) if place % 3 == 1 else None
    return Member(name, strategy, CasinoAgent(name, chance, start, edge), trading)


def _declared(place: int, member: Member, at: float) -> AgentDeclared:
    known = member.trading is not None and place != 4
    return AgentDeclared(
        fact_id=fact_id("config", "agent_declared", f"{member.name}:{at:.3f}"),
        agent_id=member.name,
        at=at,
        seen_at=at,
        source="config",
        strategy=member.strategy,
        environment="staging" if place % 5 == 4 else "production",
        version="1.4.2",
        platform_ids={"casino": f"ag_{member.name}"},
        capital_usd=Decimal(1_500) if known else None,
        collectors=member.collectors,
        trades=member.trading is not None,
    )


def _round(place: int, member: Member, at: float, part: float, worker: Member) -> Iterator[Event]:
    trouble = TROUBLES.get(place)
    if trouble == "never_read" and part < 0.5:
        return
    if trouble == "never_read" or (trouble == "unauthorized" and part > 0.8):
        reason, code = ("network", None) if trouble == "never_read" else ("unauthorized", 401)
        for collector in member.collectors:
            yield _failed(member.name, collector, at, reason, code)
        return
    yield from member.play.round(at, worker.name, hires=place % 4 == 0)
    if member.trading is None:
        return
    if trouble == "timeout" and part > 0.9:
        yield _failed(member.name, "trading", at, "timeout", None)
    else:
        yield from member.trading.round(at)


def _failed(name: str, collector: str, at: float, reason: str, code: int | None) -> SourceUnavailable:
    return SourceUnavailable(
        fact_id=reading_id(collector, "source_unavailable", name, at),
        agent_id=name,
        at=at,
        seen_at=at,
        source=collector,
        collector=collector,
        reason=reason,
        duration_s=5.0 if reason == "timeout" else 0.02,
        status_code=code,
    )
