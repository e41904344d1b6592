"""The JSON API under /api/v1: the fleet, its agents, and the facts as they were recorded. Read-only.

Every number is an object with value, as_of, source, freshness and reason. Facts are given as they were recorded, with
amounts as strings; moments are unix seconds in fields named `at` or `..._at`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.errors import StoreError
from fleawatch.events import KINDS, encode
from fleawatch.flow.state import AgentState
from fleawatch.ports import StoredFact
from fleawatch.web.agentview import agent_document
from fleawatch.web.alertview import alerts_document, verdicts_document
from fleawatch.web.answer import json_answer
from fleawatch.web.fleetview import fleet_document, fleet_view
from fleawatch.web.layers import agent_layers
from fleawatch.web.problems import no_such_agent, unavailable
from fleawatch.web.query import Query
from fleawatch.web.row import SORTS, ordered, rows
from fleawatch.web.watch import Watched

PAGE: Final = 100
PAGE_MOST: Final = 1_000
LATEST: Final = 40
"""Facts that an agent's document and page show."""

NOISE: Final = frozenset(
    {"balance_read", "game_totals", "health_read", "ledger_read", "position_marked", "positions_read", "referral_totals", "source_read"}
)  # fmt: skip
"""Kinds that only say that all is as it was; left out of the latest facts."""

_TOLD: Final = tuple(sorted(set(KINDS) - NOISE))


class Api:
    """Handlers of the JSON API."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/api/v1/fleet", self.fleet, name="fleet"),
            Route("/api/v1/agents", self.agents, name="agents"),
            Route("/api/v1/agents/{agent_id}", self.agent, name="agent"),
            Route("/api/v1/agents/{agent_id}/verdicts", self.verdicts, name="verdicts"),
            Route("/api/v1/alerts", self.alerts, name="alerts"),
            Route("/api/v1/events", self.events, name="events"),
        ]

    async def fleet(self, request: Request) -> Response:
        """The fleet as one."""
        Query(request, ()).done()
        state = self._watched.monitor.state
        view = fleet_view(state, self._watched.clock.now(), self._watched.config.collect.max_age_s)
        return json_answer(request, fleet_document(state, view))

    async def agents(self, request: Request) -> Response:
        """A row for each agent."""
        query = Query(request, ("sort", "dir"))
        key = query.choice("sort", "agent", SORTS)
        direction = query.choice("dir", SORTS[key], ("asc", "desc"))
        query.done()
        at = self._watched.clock.now()
        found = rows(self._watched.monitor.state.agents.values(), at, self._watched.config.collect.max_age_s)
        return json_answer(request, {"at": at, "agents": ordered(found, key, direction)})

    async def agent(self, request: Request) -> Response:
        """Everything about one agent."""
        Query(request, ()).done()
        agent = agent_of(self._watched, request.path_params["agent_id"])
        at = self._watched.clock.now()
        document = agent_document(agent, at, self._watched.config.collect.max_age_s)
        document["health"] |= agent_layers(self._watched.monitor.state, agent.agent_id, at)
        document["latest_facts"] = [record(fact) for fact in await latest_facts(self._watched, agent.agent_id)]
        return json_answer(request, document)

    async def alerts(self, request: Request) -> Response:
        """What fires, what is pending, and what is silenced; of one agent when it is named."""
        query = Query(request, ("agent_id",))
        agent_id = query.agent("agent_id")
        query.done()
        if agent_id is not None:
            agent_of(self._watched, agent_id)
        monitor = self._watched.monitor
        return json_answer(request, alerts_document(monitor.state, monitor.policy, agent_id))

    async def verdicts(self, request: Request) -> Response:
        """What every rule says of an agent now, with the reason: why an alert fires, and why it does not."""
        Query(request, ()).done()
        agent = agent_of(self._watched, request.path_params["agent_id"])
        monitor, at = self._watched.monitor, self._watched.clock.now()
        return json_answer(request, verdicts_document(monitor.state, monitor.policy, agent.agent_id, at))

    async def events(self, request: Request) -> Response:
        """Recorded facts: newest first, or from `after` on in order of recording."""
        query = Query(request, ("after", "before", "limit", "agent_id", "kind"))
        after = query.whole("after", None, least=0)
        before = query.whole("before", None, least=1)
        limit = query.whole("limit", PAGE, least=1, most=PAGE_MOST) or PAGE
        agent_id = query.agent("agent_id")
        kinds = query.choices("kind", KINDS)
        query.done()
        found = await read_facts(
            self._watched,
            after=after or 0,
            before=before,
            limit=limit + 1,
            agent_id=agent_id,
            kinds=kinds,
            newest_first=after is None,
        )
        page, more = found[:limit], len(found) > limit
        following = None
        if more:
            step = f"before={page[-1].seq}" if after is None else f"after={page[-1].seq}"
            bound = f"&before={before}" if after is not None and before is not None else ""
            following = f"/api/v1/events?{step}{bound}&limit={limit}"
            following += f"&agent_id={agent_id}" if agent_id else ""
            following += f"&kind={','.join(kinds)}" if kinds else ""
        return json_answer(request, {"events": [record(fact) for fact in page], "next": following})


def agent_of(watched: Watched, agent_id: str) -> AgentState:
    """The state of an agent by its id.

    Raises:
        RequestError: 404, nobody of this name is watched.
    """
    state = watched.monitor.state
    agent = state.agents.get(agent_id)
    if agent is None:
        raise no_such_agent(agent_id, retired_at=state.retired.get(agent_id))
    return agent


async def latest_facts(watched: Watched, agent_id: str) -> list[StoredFact]:
    """The newest facts of an agent that say more than that all is as it was, newest first."""
    return await read_facts(
        watched, after=0, before=None, limit=LATEST, agent_id=agent_id, kinds=_TOLD, newest_first=True
    )


async def read_facts(
    watched: Watched,
    *,
    after: int,
    before: int | None,
    limit: int,
    agent_id: str | None,
    kinds: Sequence[str] | None,
    newest_first: bool,
) -> list[StoredFact]:
    """Facts from the store, read in the thread that owns it.

    Raises:
        RequestError: 503, the store cannot be read now.
    """
    monitor = watched.monitor

    def read() -> list[StoredFact]:
        return monitor.store.facts(
            after=after, limit=limit, agent_id=agent_id, kinds=kinds, newest_first=newest_first, before=before
        )

    try:
        return await monitor.in_store(read)
    except (StoreError, RuntimeError) as error:
        raise unavailable(f"the store cannot be read: {error}", "try again; /-/ready tells when it is mended") from None


def record(fact: StoredFact) -> dict[str, Any]:
    """A recorded fact with its number, as it was recorded."""
    return {"seq": fact.seq, "fact": msgspec.Raw(encode(fact.event))}
