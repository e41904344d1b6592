"""Responses: JSON without NaN, compressed cheaply, never cached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fleawatch.errors import Problem
from fleawatch.sinks.negotiation import compress

JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"

_encode: Final = msgspec.json.Encoder(decimal_format="string").encode


def answer(
    request: Request, body: bytes, media_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A whole body, compressed when the client can read that."""
    packed, encoding = compress(body, request.headers.get("accept-encoding", ""))
    response = Response(packed, status, {"Cache-Control": "no-store", "Vary": "Accept, Accept-Encoding", **(headers or {})}, media_type)  # fmt: skip
    if encoding:
        response.headers["Content-Encoding"] = encoding
    return response


def json_answer(
    request: Request, document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A document. A number that is not finite cannot get here: `Standing.number` refuses it, and JSON has none."""
    return answer(request, _encode(document), JSON, status=status, headers=headers)


def problem_document(status: int, problems: tuple[Problem, ...]) -> dict[str, Any]:
    """What was wrong, as JSON says it."""
    told = [{"where": problem.where, "what": problem.what, "remedy": problem.remedy} for problem in problems]
    return {"status": status, "problems": told}


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON rather than text."""
    return JSON in request.headers.get("accept", "")
