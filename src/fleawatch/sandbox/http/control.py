"""The sandbox's own controls, behind a token: set and clear faults, look at the state, end early."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from fleawatch.sandbox.http.call import Answer, Call, Handler, finite
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.refusal import RefusedError


class ControlFront(Front):
    """`POST /faults`, `POST /faults/clear`, `GET /state`, `GET /orders?agent=&after=`, `POST /end`.

    Each with `Authorization: Bearer TOKEN`.
    """

    service = "control"

    def __init__(self, desk: Desk, token: str, finish: Callable[[], None]) -> None:
        super().__init__(desk)
        self._token = token
        self._finish = finish
        self.route("POST", "/faults", self._guarded(self._add))
        self.route("POST", "/faults/clear", self._guarded(self._clear))
        self.route("GET", "/state", self._guarded(self._state))
        self.route("GET", "/orders", self._guarded(self._orders))
        self.route("POST", "/end", self._guarded(self._end))

    def _guarded(self, handler: Handler) -> Handler:
        def guarded(call: Call) -> Answer:
            if call.key is None or not hmac.compare_digest(call.key.encode(), self._token.encode()):
                raise RefusedError(401, "unauthorized", "The control token is in the sandbox's first line of output")
            return handler(call)

        return guarded

    def _add(self, call: Call) -> Answer:
        try:
            fault = self.desk.faults.add(call.json(), call.now)
        except (TypeError, ValueError) as error:
            raise RefusedError(400, "invalid_fault", str(error)) from error
        return {"fault": asdict(fault)}

    def _clear(self, _: Call) -> Answer:
        count = len(self.desk.faults.faults)
        self.desk.faults.faults.clear()
        return {"cleared": count}

    def _state(self, call: Call) -> Answer:
        return state(self.desk, call.now)

    def _orders(self, call: Call) -> Answer:
        """Orders of a fleet agent that were accepted later than `after`, simulated unix seconds, 0 for all."""
        agent, after = call.query.get("agent", ""), call.query.get("after", "0")
        if agent not in {person.name for person in self.desk.world.people}:
            raise RefusedError(404, "agent_not_found", f"agent was {agent!r}; use the operator's name for it")
        try:
            found = self.desk.world.kernel.journal.accepted(agent, float(after))
        except ValueError as error:
            raise RefusedError(400, "invalid_after", f"after was {after!r}; use unix seconds") from error
        return {"agent": agent, "after": float(after), "accepted": [asdict(attempt) for attempt in found]}

    def _end(self, call: Call) -> Answer:
        self._finish()
        return state(self.desk, call.now)


def state(desk: Desk, now: float) -> dict[str, Any]:
    """Where the run is."""
    world = desk.world
    return {
        "now": now,
        "end": finite(desk.end),
        "simulated": world.elapsed,
        "ended": desk.closed,
        "transactions": world.kernel.journal.transactions,
        "faults": [asdict(fault) for fault in desk.faults.active(now)],
        **counts(desk),
    }


def counts(desk: Desk) -> dict[str, int]:
    """What the fleet has done: settled bets and parlays, closed positions, escrows created."""
    world = desk.world
    accounts = [world.account(person) for person in world.fleet]
    names = {person.name for person in world.fleet}
    positions = [p for t in world.platform.trading.traders.values() if t.name in names for p in t.positions]
    return {
        "bets": sum(len(account.bets) + len(account.parlays) for account in accounts),
        "trades": sum(position.status == "closed" for position in positions),
        "escrows": sum(e.creator.name in names for e in world.platform.escrow.escrows.values()),
    }
