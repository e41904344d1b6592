"""Where a gate keeps its files, and where its token comes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fleawatch.errors import BadConfig, Problem
from fleawatch.sdk import secret as secrets
from fleawatch.sdk.secret import Secret
from fleawatch.units import AGENT_ID

MEMORY: Final = "memory:"


def state_path(agent_id: str, given: str | Path | None) -> Path | None:
    """The state file: as given, None for `memory:`, else in the user's state directory.

    Raises:
        BadConfig: the agent's id is none.
    """
    if not AGENT_ID.match(agent_id):
        remedy = "Write lower-case letters, digits, - and _, at most 63"
        raise BadConfig("the gate was refused", (Problem("agent_id", f"was {agent_id!r}", remedy),))
    if given == MEMORY:
        return None
    if given is not None:
        return Path(given)
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "fleawatch" / f"{agent_id}.json"


def halt_path(state: Path | None, agent_id: str, given: str | Path | None) -> Path | None:
    """The HALT file: as given, else `AGENT.HALT` beside the state file; None where there is neither."""
    if given is not None:
        return Path(given)
    return None if state is None else state.with_name(f"{agent_id}.HALT")


def token_of(token: str | None, token_file: str | Path | None) -> Callable[[], str | None]:
    """Gives the token each time it is needed; a file is read anew, so that a token can be changed while the agent runs.

    Raises:
        BadConfig: both were given.
    """
    if token is not None and token_file is not None:
        problem = Problem("token_file", "was given beside token", "Give one of them, better the file")
        raise BadConfig("the gate's token was refused", (problem,))
    return secrets.token_of(None if token_file is None else str(token_file), Secret(token or ""))
