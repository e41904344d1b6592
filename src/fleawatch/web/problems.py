"""How the web says no: a problem with its place, what was wrong and the remedy, as JSON or as a page."""

from __future__ import annotations

from collections.abc import Mapping

from fleawatch.errors import FleawatchError, Problem


class RequestError(FleawatchError):
    """A request was not answered.

    Attributes:
        status: HTTP status.
        problems: everything that was wrong with it.
        headers: to be sent with the answer.
    """

    def __init__(self, status: int, problems: tuple[Problem, ...], headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.status = status
        self.problems = problems
        self.headers = dict(headers or {})


def no_such_agent(agent_id: str, *, retired_at: float | None = None) -> RequestError:
    """Nobody of this name is watched."""
    gone = "" if retired_at is None else "; it was retired"
    problem = Problem(
        "agent_id", f"was {shortened(agent_id)}, which is not watched{gone}", "list the agents with GET /api/v1/agents"
    )
    return RequestError(404, (problem,))


def unavailable(what: str, remedy: str, *, retry_after_s: int = 5) -> RequestError:
    """It cannot be answered now."""
    return RequestError(503, (Problem("", what, remedy),), {"Retry-After": str(retry_after_s)})


def shortened(text: str, most: int = 80) -> str:
    """What a stranger wrote, quoted and no longer than it needs to be."""
    return repr(text if len(text) <= most else text[:most] + "...")
