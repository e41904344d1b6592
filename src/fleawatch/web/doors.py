"""Who may come in where something can be changed: a token in the header, a role, a bound on what is sent.

There are no cookies, so a page of another origin can send nothing in anybody's name.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import Request

from fleawatch.errors import Problem
from fleawatch.service.access import Identity, Tokens
from fleawatch.service.config_access import Role
from fleawatch.web.problems import RequestError

T = TypeVar("T")
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="fleawatch"'}
_PERSONS: Final[tuple[Role, ...]] = ("viewer", "operator")


def admit(request: Request, tokens: Tokens, *roles: Role, agent_id: str = "") -> Identity:
    """Who sends the request, when the role of its token is one of `roles`; role agent only for `agent_id`.

    Raises:
        RequestError: 401 without a known token, 403 where no token is configured or the role is not enough.
    """
    if not tokens:
        raise RequestError(
            403,
            (
                Problem(
                    "access.tokens",
                    "names no token, so nothing can be changed here",
                    "write one into the configuration",
                ),
            ),
        )
    found = tokens.identify(request.headers.get("authorization", ""))
    if found is None:
        problem = Problem(
            "Authorization", "held no known token", "send Authorization: Bearer TOKEN, one of access.tokens"
        )
        raise RequestError(401, (problem,), _CHALLENGE)
    if found.role not in roles or (found.role == "agent" and found.agent_id != agent_id):
        wanted = " or ".join(role if role in _PERSONS else f"agent of {agent_id}" for role in roles)
        raise RequestError(
            403, (Problem("Authorization", f"was a token of role {found.role}", f"it takes one of role {wanted}"),)
        )
    return found


async def body_of(request: Request, most: int) -> bytes:
    """The body of a request.

    Raises:
        RequestError: 413, it is longer than `most` bytes; it is not read further.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise RequestError(
                413, (Problem("", f"the body had more than {most} bytes", "send less"),), {"Connection": "close"}
            )
    return bytes(body)


def decoded(body: bytes, kind: type[T]) -> T:
    """A JSON body as `kind`.

    Raises:
        RequestError: 422, it is none.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        said: Any = str(error)
        where = said.rpartition("`$.")[2].rstrip("`") if "`$." in said else ""
        raise RequestError(
            422, (Problem(where, f"was refused: {said[:200]}", "send it as docs/how-to/halt.md shows"),)
        ) from None
