"""What operators do about alerts over HTTP: acknowledge, clear, silence. Every act is recorded under their name."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fleawatch.service.acts import RefusedActError
from fleawatch.service.control import Control
from fleawatch.web.answer import json_answer
from fleawatch.web.doors import admit, body_of, decoded
from fleawatch.web.problems import RequestError

SMALL = 1 << 14
"""Bytes of the body of an act."""

_Text = Annotated[str, msgspec.Meta(pattern=r"\S", max_length=300)]
_Note = Annotated[str, msgspec.Meta(max_length=300)]
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class _Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A word to whoever looks next."""

    note: _Note = ""


class _Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is ended."""

    reason: _Text


class _Silence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`for_s` seconds from now; `*` in a value stands for any text."""

    matchers: Annotated[dict[_Word, _Word], msgspec.Meta(max_length=16)]
    for_s: float
    comment: _Text


class Desk:
    """Handlers of acts on alerts."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> list[Route]:
        """Its addresses."""
        return [
            Route("/api/v1/alerts/{fingerprint}/ack", self.acknowledge, methods=["POST"]),
            Route("/api/v1/alerts/{fingerprint}/clear", self.clear, methods=["POST"]),
            Route("/api/v1/silences", self.silence, methods=["POST"]),
            Route("/api/v1/silences/{silence_id}/end", self.unsilence, methods=["POST"]),
        ]

    async def acknowledge(self, request: Request) -> Response:
        """Take an alert."""
        who = admit(request, self._control.tokens, "operator")
        wanted = decoded(await body_of(request, SMALL), _Taken)
        try:
            name = await self._control.desk.acknowledge(request.path_params["fingerprint"], who.name, wanted.note)
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        return json_answer(request, {"acknowledged": name, "by": who.name})

    async def clear(self, request: Request) -> Response:
        """End an alert."""
        who = admit(request, self._control.tokens, "operator")
        wanted = decoded(await body_of(request, SMALL), _Reason)
        try:
            name = await self._control.desk.clear(request.path_params["fingerprint"], who.name, wanted.reason)
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        return json_answer(request, {"cleared": name, "by": who.name})

    async def silence(self, request: Request) -> Response:
        """Silence what matches for a while."""
        who = admit(request, self._control.tokens, "operator")
        wanted = decoded(await body_of(request, SMALL), _Silence)
        try:
            silence_id = await self._control.desk.silence(wanted.matchers, wanted.for_s, who.name, wanted.comment)
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        return json_answer(request, {"silence_id": silence_id, "by": who.name}, status=201)

    async def unsilence(self, request: Request) -> Response:
        """End a silence."""
        who = admit(request, self._control.tokens, "operator")
        try:
            await self._control.desk.unsilence(request.path_params["silence_id"], who.name)
        except RefusedActError as error:
            raise RequestError(error.status, error.problems) from None
        return json_answer(request, {"ended": request.path_params["silence_id"], "by": who.name})
