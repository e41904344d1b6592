"""What operators do over HTTP: halt, resume, drill, and ask what a halt would mean. Every act is recorded under their name."""

from __future__ import annotations

import http
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.errors import Problem
from fleawatch.events.control import HaltMode, HaltScope
from fleawatch.flow.halting.preflight import told, totals
from fleawatch.service.acts import Order, RefusedActError, Release
from fleawatch.service.control import Control
from fleawatch.web.answer import json_answer
from fleawatch.web.doors import admit, body_of, decoded
from fleawatch.web.problems import RequestError
from fleawatch.web.query import Query
from fleawatch.web.webhooks import LARGEST, orders_in

SMALL: Final = 1 << 14
"""Bytes of the body of an act."""
MODES: Final = ("reduce", "halt", "freeze_payments", "flatten")
SCOPES: Final = ("agent", "strategy", "fleet")
MOST_SHOWN: Final = 50
"""Agents that one preflight tells of each; the sums are of all."""

_Text = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=300)]
_Target = Annotated[str, msgspec.Meta(max_length=63)]
_Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,64}\Z")]


class _Halt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`halt_id` makes a request that is sent twice one halt."""

    scope: HaltScope
    reason: _Text
    target: _Target = ""
    mode: HaltMode = "halt"
    halt_id: _Key | None = None


class _Resume(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ramp caps orders at `ramp_usd` for `ramp_s` seconds; both or none."""

    scope: HaltScope
    reason: _Text
    target: _Target = ""
    rebase: bool = False
    ramp_s: Annotated[float, msgspec.Meta(gt=0, le=30 * 86_400)] | None = None
    ramp_usd: Annotated[float, msgspec.Meta(gt=0, le=1e12)] | None = None


class _Drill(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without agents, all."""

    agents: Annotated[tuple[_Target, ...], msgspec.Meta(max_length=10_000)] | None = None


def _meant(wanted: _Halt | _Resume) -> None:
    """Refuse scope and target that contradict each other: who names an agent does not mean the fleet."""
    if wanted.scope == "fleet" and wanted.target:
        raise RequestError(
            422, (Problem("target", "was given with scope fleet", "leave it out, or give scope agent or strategy"),)
        )


class Acts:
    """Handlers of acts."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/api/v1/halt", self.halt, methods=["POST"]),
            Route("/api/v1/resume", self.resume, methods=["POST"]),
            Route("/api/v1/drill", self.drill, methods=["POST"]),
            Route("/api/v1/agents/{agent_id}/preflight", self.preflight, methods=["GET"]),
            Route("/api/v1/preflight", self.preflights, methods=["GET"]),
            Route("/api/v1/whoami", self.whoami, methods=["GET"]),
            Route("/halt", self.webhook, methods=["POST"]),
        ]

    async def halt(self, request: Request) -> Response:
        """Order a halt."""
        who = admit(request, self._control.tokens, "operator")
        wanted = decoded(await body_of(request, SMALL), _Halt)
        _meant(wanted)
        order = Order(
            wanted.scope, wanted.target, wanted.mode, "manual", who.name, wanted.reason, wanted.halt_id or ""
        )  # fmt: skip
        try:
            halt_id, held = await self._control.acts.halt(order)
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        return json_answer(request, {"halt_id": halt_id, "held": held}, status=202)

    async def resume(self, request: Request) -> Response:
        """Let agents trade again."""
        who = admit(request, self._control.tokens, "operator")
        wanted = decoded(await body_of(request, SMALL), _Resume)
        _meant(wanted)
        if (wanted.ramp_s is None) != (wanted.ramp_usd is None):
            raise RequestError(
                422, (Problem("ramp_s", "came without ramp_usd, or the other way round", "give both or none"),)
            )
        ramp = None
        if wanted.ramp_s is not None and wanted.ramp_usd is not None:
            ramp = (wanted.ramp_s, Decimal(repr(wanted.ramp_usd)))
        release = Release(wanted.scope, wanted.target, who.name, wanted.reason, rebase=wanted.rebase, ramp=ramp)
        try:
            resumed = await self._control.acts.resume(release)
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        return json_answer(request, {"resumed": resumed})

    async def drill(self, request: Request) -> Response:
        """Try halt paths; nothing is stopped."""
        admit(request, self._control.tokens, "operator")
        wanted = decoded(await body_of(request, LARGEST), _Drill)
        probes = await self._control.acts.drill(wanted.agents)
        found = [
            {
                "agent_id": one.agent_id,
                "path": one.path,
                "ok": one.ok,
                "duration_s": one.duration_s,
                "reason": one.reason,
            }
            for one in probes
        ]
        return json_answer(request, {"probes": found})

    async def preflight(self, request: Request) -> Response:
        """What a halt would mean now."""
        admit(request, self._control.tokens, "viewer", "operator")
        query = Query(request, ("mode",))
        mode = query.choice("mode", "halt", MODES)
        query.done()
        try:
            found = self._control.acts.preflight(request.path_params["agent_id"], mode)  # type: ignore[arg-type]  # one of MODES
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        return json_answer(request, {**msgspec.to_builtins(found), "text": told(found)})

    async def preflights(self, request: Request) -> Response:
        """What a halt of an agent, a strategy or the fleet would mean now: in sum, and of each."""
        admit(request, self._control.tokens, "viewer", "operator")
        query = Query(request, ("scope", "target", "mode"))
        scope = query.choice("scope", "agent", SCOPES)
        target = query.text("target", most=63)
        mode = query.choice("mode", "halt", MODES)
        query.done()
        try:
            found = self._control.acts.preflights(scope, target, mode)  # type: ignore[arg-type]  # one of SCOPES, of MODES
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        shown = found[:MOST_SHOWN]
        document = {
            "scope": scope, "target": target, "mode": mode, "totals": totals(found), "agents": shown,
            "text": "".join(map(told, shown)), "left_out": len(found) - len(shown),
        }  # fmt: skip
        return json_answer(request, document)

    async def whoami(self, request: Request) -> Response:
        """Whose token it is."""
        who = admit(request, self._control.tokens, "viewer", "operator")
        return json_answer(request, {"name": who.name, "role": who.role})

    async def webhook(self, request: Request) -> Response:
        """What another alerting system orders. Alerts that name nobody watched are told in the answer, the others halt."""
        who = admit(request, self._control.tokens, "operator")
        orders, resolved, refused = orders_in(decoded(await body_of(request, LARGEST), object), who.name)
        halted: list[dict[str, object]] = []
        problems: list[Problem] = []
        status = 404
        for order in orders:
            try:
                halt_id, held = await self._control.acts.halt(order)
            except RefusedActError as error:
                problems += error.problems
                status = max(status, error.status)
                continue
            halted.append({"halt_id": halt_id, "held": held})
        # What could not be recorded must be sent again, which a sender does after an error only.
        if problems and (not halted or status == http.HTTPStatus.SERVICE_UNAVAILABLE):
            raise RequestError(status, (*problems, *refused))
        unknown = [f"{one.where} {one.what}" for one in refused] + [problem.what for problem in problems]
        return json_answer(request, {"halted": halted, "resolved_ignored": resolved, "unknown": unknown}, status=202)
