"""The casino's routes about stakes: limits, advice, simulation, and the risk factor that the limits are computed with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.http.call import Answer, Call
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.kelly import limits, optimal, simulate

if TYPE_CHECKING:
    from fleawatch.sandbox.http.casino import CasinoFront

SIMULATIONS: Final = 5
"""Simulations a minute from one address."""


class KellyRoutes:
    """Routes under `/kelly`, but for the history, which is about money."""

    def __init__(self, front: CasinoFront) -> None:
        self.front = front
        # No books depend on it: a stream of the server's own leaves every other draw as it was.
        self._random = stream(front.desk.world.seed, "kelly-simulate")

    def routes(self) -> None:
        """Add the routes to the server."""
        self.front.write("/kelly/config", self._config, "PUT")
        self.front.read("/kelly/limits", self._limits)
        self.front.compute("/kelly/optimal", self._optimal)
        self.front.compute("/kelly/simulate", self._simulate)

    def _config(self, call: Call) -> Answer:
        account, value = self.front.account(call), call.json().get("risk_factor")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 1.0:
            raise RefusedError(
                400,
                "invalid_risk_factor",
                "risk_factor must be between 0.1 and 1.0",
                suggestion="0.1=ultra conservative, 0.25=default, 0.5=aggressive, 1.0=full Kelly",
            )
        account.risk_factor = float(value)
        new_limits = limits(account.balance, account.risk_factor)
        return {"risk_factor": value, "message": f"Risk factor updated to {value}", "new_limits": new_limits}

    def _limits(self, call: Call) -> Answer:
        account = self.front.account(call)
        return limits(account.balance, account.risk_factor)

    def _optimal(self, call: Call) -> Answer:
        account = self.front.account(call)
        return optimal(account.balance, account.risk_factor, call.json())

    def _simulate(self, call: Call) -> Answer:
        """Counted before the key is looked at, as the server does it."""
        self.front.limits.by_address(call.path, call.address, SIMULATIONS, call.now)
        self.front.account(call)
        return simulate(call.json(), self._random)
