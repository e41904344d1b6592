"""The query of a request: strict, so that a misspelt parameter is refused and not silently ignored."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.requests import Request

from fleawatch.errors import Problem
from fleawatch.units import AGENT_ID
from fleawatch.web.problems import RequestError, shortened

BIGGEST = 2**63 - 1


class Query:
    """Reads the parameters of one request and collects every complaint; `done` raises them at once.

    Args:
        request: the request.
        known: names of the parameters that there are.
    """

    def __init__(self, request: Request, known: Collection[str]) -> None:
        self._values: Mapping[str, str] = request.query_params
        self._problems: list[Problem] = []
        for name in request.query_params:
            if name not in known:
                told = ", ".join(sorted(known)) or "none"
                self._refuse(name[:80], "is no parameter of this address", f"parameters are: {told}")

    def whole(self, name: str, default: int | None, *, least: int, most: int = BIGGEST) -> int | None:
        """A whole number within bounds."""
        text = self._values.get(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
            return int(text)
        span = f"from {least} to {most}" if most < BIGGEST else f"of at least {least}"
        self._refuse(name, f"was {shortened(text)}", f"give a whole number {span}")
        return default

    def choice(self, name: str, default: str, allowed: Collection[str]) -> str:
        """One of a few words."""
        text = self._values.get(name)
        if text is None:
            return default
        if text in allowed:
            return text
        self._refuse(name, f"was {shortened(text)}", f"give one of {', '.join(allowed)}")
        return default

    def choices(self, name: str, allowed: Collection[str]) -> tuple[str, ...] | None:
        """Some of many words, separated by commas; None when the parameter is missing."""
        text = self._values.get(name)
        if text is None:
            return None
        words = tuple(text.split(","))
        for word in words:
            if word not in allowed:
                self._refuse(name, f"was {shortened(word)}", f"give some of {', '.join(sorted(allowed))}")
        return words

    def agent(self, name: str) -> str | None:
        """An agent's id, which need not be watched any more."""
        text = self._values.get(name)
        if text is not None and not AGENT_ID.match(text):
            self._refuse(name, f"was {shortened(text)}", "give an agent's id, as in GET /api/v1/agents")
            return None
        return text

    def text(self, name: str, *, most: int) -> str:
        """Any text of at most `most` characters; empty when it is missing."""
        text = self._values.get(name, "")
        if len(text) > most:
            self._refuse(name, f"had {len(text)} characters", f"give at most {most}")
            return ""
        return text

    def flag(self, name: str) -> bool:
        """A switch: 1 or 0."""
        return self.choice(name, "0", ("0", "1")) == "1"

    def done(self) -> None:
        """Raise RequestError (400) with every complaint, if there is one."""
        if self._problems:
            raise RequestError(400, tuple(self._problems))

    def _refuse(self, where: str, what: str, remedy: str) -> None:
        self._problems.append(Problem(where, what, remedy))
