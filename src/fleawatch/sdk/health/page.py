"""What the health addresses answer: the report as one document, and an answer for each address. No I/O, no waiting.

`/-/healthy` asks whether the process should live on: only its own event loop decides. `/-/ready` asks whether it can be
relied on: the checks that are needed decide too. `/health` tells everything; it is 200 whatever it says, unless
`strict=1` is asked. Nothing here tells the text of an error, an address, a balance or a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleawatch.sdk.health.checks import Verdict
from fleawatch.sdk.health.pulse import Turning

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"
FULL_PCT: Final = 90.0
"""Memory in use from which the process is not well."""
_DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Report:
    """How the agent is, at one moment.

    Attributes:
        at, uptime_s: unix seconds, and seconds since the page was started.
        checks: by name, each with whether the agent needs it.
        acted_s: seconds since it last did something useful, None before the first time.
        idle: whether it has done nothing useful for too long; None where that is not judged.
    """

    agent_id: str
    at: float
    uptime_s: float
    loop: Turning
    checks: Mapping[str, tuple[Verdict, bool]]
    acted_s: float | None
    idle: bool | None
    memory_pct: float | None
    cpu_pct: float | None

    @property
    def alive(self) -> bool:
        """Whether the process should live on. What is outside of it never decides: a restart would not mend it."""
        return self.loop.ok is not False

    @property
    def unready(self) -> list[str]:
        """Why it cannot be relied on now; empty when it can."""
        found = [] if self.alive else [f"event_loop: {self.loop.error}"]
        return found + [f"{name}: {one.error}" for name, (one, needed) in self.checks.items() if needed and not one.ok]

    @property
    def status(self) -> str:
        """`down` when the process should not live on, `degraded` when anything is not well, else `ok`."""
        if not self.alive:
            return "down"
        full = self.memory_pct is not None and self.memory_pct >= FULL_PCT
        bad = any(one.ok is not True for one, _ in self.checks.values())
        return "degraded" if bad or self.idle or full else "ok"

    def document(self) -> dict[str, Any]:
        """Everything, as `/health` tells it."""
        return {
            "status": self.status,
            "agent_id": self.agent_id,
            "timestamp": self.at,
            "uptime_secs": round(self.uptime_s, _DIGITS),
            "alive": self.alive,
            "ready": not self.unready,
            "checks": {**{name: _told(one, needed) for name, (one, needed) in self.checks.items()}, **self._own()},
        }

    def _own(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.loop.ok is not None:
            late = _rounded(self.loop.late_s)
            found["event_loop"] = {"ok": self.loop.ok, "late_s": late, "error": self.loop.error}
        found["strategy_heartbeat"] = {
            "ok": None if self.idle is None else not self.idle,
            "last_action_secs_ago": _rounded(self.acted_s),
        }
        full = None if self.memory_pct is None else self.memory_pct < FULL_PCT
        found["system"] = {"ok": full, "mem_pct": self.memory_pct, "cpu_pct": self.cpu_pct}
        return found


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to one request."""

    status: int
    kind: str
    body: bytes


def answer(report: Report, method: str, path: str, query: str) -> Answer:
    """The answer for an address. Only GET and HEAD are answered, and only three addresses are known."""
    if path not in ADDRESSES:
        return _text(404, f"not found; ask {', '.join(ADDRESSES)}")
    if method not in {"GET", "HEAD"}:
        return _text(405, "only GET and HEAD")
    if path == "/-/healthy":
        return _text(200, "healthy") if report.alive else _text(503, f"not healthy\n- event_loop: {report.loop.error}")
    if path == "/-/ready":
        return _text(200, "ready") if not report.unready else _text(503, _listed("not ready", report.unready))
    strict = "strict=1" in query.split("&")
    body = json.dumps(report.document(), indent=2).encode() + b"\n"
    return Answer(503 if strict and report.status != "ok" else 200, JSON, body)


ADDRESSES: Final = ("/-/healthy", "/-/ready", "/health")


def _text(status: int, text: str) -> Answer:
    return Answer(status, TEXT, text.encode() + b"\n")


def _listed(title: str, reasons: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {reason}" for reason in reasons)])


def _told(one: Verdict, needed: bool) -> dict[str, Any]:  # noqa: FBT001 - two fields of one row
    return {
        "ok": one.ok,
        "needed": needed,
        "age_s": _rounded(one.age_s),
        "duration_s": _rounded(one.duration_s),
        "error": one.error,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _DIGITS)
