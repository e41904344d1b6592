"""`fleawatch.Handoff`: one escrow, two agents, two traces that know of each other.

    handoff = Handoff(telemetry)                                      # the requester
    with handoff.create("summarise", worker="worker-01") as task:
        escrow = platform.create_escrow(description=task.describe("Summarise the report"), ...)

    with handoff.execute(escrow["description"]) as task:              # the worker, in its own process
        ...

The platform's escrow has no field for metadata, so the token is part of the description, which anybody can read who
knows the escrow's id. What comes in is believed when it is signed, holds, is for this agent and comes for the first
time; whatever else comes in, nothing is raised and the work goes on in a trace of its own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from opentelemetry.baggage import get_all

from fleawatch.errors import BadConfig, Problem
from fleawatch.events.span import SpanLink
from fleawatch.sdk.handoff.operations import Received, TaskCreate, TaskExecute
from fleawatch.sdk.handoff.replay import Guard, Replay, SharedReplay
from fleawatch.sdk.handoff.token import LONGEST_LIFE_S, MOST_BAGGAGE, Claims, Reason, Refused, found, opened, sealed
from fleawatch.sdk.secret import secret_of
from fleawatch.sdk.telemetry.context import Place
from fleawatch.sdk.telemetry.telemetry import Telemetry
from fleawatch.units import looks_like_key

SHORTEST_KEY: Final = 32
LIFETIME_S: Final = 86_400.0
_TITLE: Final = "the handoff was refused"
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
_VALUE: Final = re.compile(r"[\x20-\x7e]{0,64}")


class Handoff:
    """Signs trace context for other agents, and judges theirs.

    Args:
        telemetry: whose operations they are; its settings name the agents that are trusted.
        key_file: file with the key that the agents share, 32 characters or more; further lines are older keys, with
            which nothing is signed any more. `PF_HANDOFF_KEY_FILE` when None. It is read each time it is used.
        lifetime_s: how long a token holds, at most 31 days.
        baggage: names of OpenTelemetry baggage that are sent and believed; none by default.
        replay_dir: directory in which the processes of the agent remember the tokens that they believed, so that one token is
            believed once by all of them and after a restart. `PF_HANDOFF_REPLAY_DIR` when None; without, each process
            remembers its own.

    Attributes:
        refused: tokens that were not believed, or could not be signed, by reason.

    Raises:
        BadConfig: there is no key, the lifetime is none, or the directory cannot be used.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        *,
        key_file: str | None = None,
        lifetime_s: float = LIFETIME_S,
        baggage: Iterable[str] = (),
        replay_dir: str | Path | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._secret = secret_of(key_file or telemetry.settings.handoff_key_file)
        self._lifetime_s = lifetime_s
        self._allowed = frozenset(baggage)
        self.refused: dict[Reason, int] = {}
        problems: list[Problem] = []
        self._replay = self._guard(replay_dir or telemetry.settings.handoff_replay_dir, problems)
        try:
            usable = bool(self._keys())
        except (OSError, ValueError):
            usable = False
        if not usable:
            remedy = f"name a file whose first line has {SHORTEST_KEY} characters or more: openssl rand -hex 32"
            problems.append(Problem("handoff_key_file", "holds no key", remedy))
        if not 0 < lifetime_s <= LONGEST_LIFE_S:
            problems.append(Problem("lifetime_s", f"was {lifetime_s!r}", f"give seconds up to {LONGEST_LIFE_S}"))
        if problems:
            raise BadConfig(_TITLE, tuple(problems))

    def _guard(self, directory: str | Path | None, problems: list[Problem]) -> Guard:
        if not directory:
            return Replay()
        try:
            return SharedReplay(Path(directory), self._telemetry.settings.agent_id)
        except OSError as error:
            remedy = "name a directory that is the agent's alone: chmod 700"
            problems.append(Problem("handoff_replay_dir", f"cannot be used: {error.strerror or error}", remedy))
            return Replay()

    # The requester.

    def create(self, task_type: str, *, worker: str = "", escrow_id: str = "") -> TaskCreate:
        """Handing a task out. Within the block `describe` puts the token into the escrow's description.

        Args:
            task_type: kind of the task, a short word in lower case; anything else is `other`.
            worker: agent that it is for, by the fleet's name; anybody may use the token when empty.
            escrow_id: the platform's id, if it is known already; see `TaskCreate.created`.
        """
        return TaskCreate(
            self._telemetry, seal=self._seal, task_type=task_word(task_type), worker=worker, escrow_id=escrow_id
        )

    def _seal(self, place: Place, task_type: str, worker: str) -> str:
        try:
            now = int(self._telemetry.now_ns() / 1e9)
            claims = Claims(
                self._telemetry.settings.agent_id, worker, task_type, f"{place.trace_id:032x}", f"{place.span_id:016x}",
                now, now + max(1, int(self._lifetime_s)), secrets.token_hex(16), self._carried(),
            )  # fmt: skip
            return sealed(claims, self._keys()[0])
        except Refused as refused:
            self._count(refused.reason)
        except (OSError, ValueError, LookupError):
            self._count("no_key")
        return ""

    def _carried(self) -> dict[str, str]:
        """Baggage of allowed names; what no token can hold is left out."""
        words = {name: str(value) for name, value in get_all().items() if name in self._allowed and _is_word(name)}
        sound = {name: text for name, text in words.items() if _VALUE.fullmatch(text) and not looks_like_key(text)}
        return dict(list(sound.items())[:MOST_BAGGAGE])

    # The worker.

    def accept(self, text: object) -> Received:
        """What is believed of a token, or of the description that holds one. Never raises, whatever it is given."""
        try:
            return self._believed(text)
        except Refused as refused:
            reason = refused.reason
        except Exception as error:  # noqa: BLE001 - what strangers write must not reach the agent as an error
            self._telemetry.shield.note("handoff", error)
            reason = "malformed"
        self._count(reason)
        return Received(reason=reason)

    def execute(self, text: object, *, escrow_id: str = "") -> TaskExecute:
        """Doing a task: `text` is the description of its escrow, its token, or what `accept` has said of it.

        With the escrow's id, what this agent does to the escrow later is linked to the request.
        """
        received = text if isinstance(text, Received) else self.accept(text)
        return TaskExecute(self._telemetry, received=received, escrow_id=escrow_id)

    def _believed(self, text: object) -> Received:
        token = found(text)
        try:
            keys = self._keys()
        except (OSError, ValueError):
            keys = []
        if not keys:
            raise Refused("no_key")
        now = self._telemetry.now_ns() / 1e9
        claims = opened(token, keys, now)
        if claims.worker not in ("", self._telemetry.settings.agent_id):
            raise Refused("elsewhere")
        denied = self._replay.denies(claims.nonce, claims.expires_at, now)
        if denied:
            raise Refused(denied)
        return Received(
            requester=claims.requester,
            task_type=claims.task_type,
            baggage={name: value for name, value in claims.baggage.items() if name in self._allowed},
            link=SpanLink(trace_id=int(claims.trace_id, 16), span_id=int(claims.span_id, 16)),
            trusted=claims.requester in self._telemetry.settings.trust_remote,
        )

    def _keys(self) -> list[bytes]:
        lines = (self._secret() or "").split("\n")
        keys = [line.strip().encode() for line in lines if len(line.strip()) >= SHORTEST_KEY]
        # A first line that is too short must not make an older key the one that signs.
        return keys if lines and len(lines[0].strip()) >= SHORTEST_KEY else []

    def _count(self, reason: Reason) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1


def task_word(text: str) -> str:
    """A kind of task as it is recorded: itself when it is a short word, else `other`."""
    return text if _is_word(text) else "other"


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None and not looks_like_key(text)
