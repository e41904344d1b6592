"""Telemetry that a test did not make itself, led to where the test can look: what is made meanwhile, and what was before.

What is made within the block is made with the clock, the ids and the sinks of the test, and with none of the backends that
its arguments, the environment or a file name; they are judged all the same, so a setting that production would refuse is
refused. What was made before, such as a global of a module, is lent a worker's half of its own and gets its own back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any, Final

from fleawatch.ports import TelemetrySink
from fleawatch.sdk.telemetry.backends.prometheus import sink as scrape
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.creations import Creations
from fleawatch.sdk.telemetry.describe import Describer
from fleawatch.sdk.telemetry.draft import Drafter
from fleawatch.sdk.telemetry.projector import Projector
from fleawatch.sdk.telemetry.resends import Resends
from fleawatch.sdk.telemetry.settings import Settings, settings
from fleawatch.sdk.telemetry.telemetry import Telemetry
from fleawatch.sdk.timing import Timing

_KEPT: Final = frozenset({
    "addresses", "environment", "handoff_key_file", "private", "propagate_hosts", "region", "sample", "service_name", "services",
    "strategy", "trust_remote", "version",
})  # fmt: skip
"""Settings that lead nowhere. Any other, a new one too, is left at its default."""
WITHIN_S: Final = 10.0

_PLAIN: Final = Telemetry.__init__
"""Of two blocks the inner one counts, and stands on nothing of the outer one."""

Taken = Callable[[Telemetry], Sequence[TelemetrySink]]


def quiet(wanted: Settings) -> dict[str, Any]:
    """Settings by name, without what would be sent, served, or written."""
    return {field.name: getattr(wanted, field.name) for field in fields(Settings) if field.name in _KEPT}


@contextmanager
def rerouted(take: Taken, timing: Timing, ids: Callable[[float], Ids]) -> Iterator[None]:
    """Within the block every new `Telemetry` is given to `take`, and what it is told goes to the sinks that come back.

    Args:
        take: is given one that is being made; returns its sinks.
        timing: its clocks, unless it brings its own.
        ids: given the share that is sampled; makes its ids, unless it brings its own.
    """
    before = Telemetry.__init__

    @wraps(_PLAIN)
    def made(
        self: Telemetry,
        agent_id: str | None = None,
        *,
        sinks: Sequence[TelemetrySink] = (),
        file: str | Path | None = None,
        environ: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        own = {name: more.pop(name, None) for name in ("ids", "timing", "heartbeat_s")}
        wanted = settings({"agent_id": agent_id, **more}, environ, file)
        own = {"ids": own["ids"] or ids(wanted.sample), "timing": own["timing"] or timing, "heartbeat_s": None}
        given = [*take(self), *sinks]
        _PLAIN(self, wanted.agent_id, sinks=given, environ={}, **own, **quiet(wanted))

    # A subclass that calls it by `super()` is led there too.
    Telemetry.__init__ = made  # type: ignore[method-assign]
    try:
        yield
    finally:
        Telemetry.__init__ = before  # type: ignore[method-assign]


def lend(telemetry: Telemetry, sinks: Sequence[TelemetrySink], timing: Timing, ids: Ids) -> Callable[[], None]:
    """Have one that exists tell these sinks alone, from an empty state; what comes back gives it back what it had.

    Raises:
        TimeoutError: it did not come to an end with what it was told before.
    """
    told, before = telemetry.settings, telemetry.projector
    now = timing.now
    fresh = scrape(Settings(agent_id=told.agent_id))
    describer = Describer(told.agent_id, frozenset(told.private), told.addresses)
    projector = Projector(
        told.agent_id, telemetry.strategy, (fresh, *sinks), Drafter(told.agent_id, now), telemetry.shield, now,
        environment=told.environment, version=told.version, describer=describer,
    )  # fmt: skip
    lent = {
        "projector": projector, "ids": ids, "provider": None, "strategy": telemetry.strategy, "resends": Resends(),
        "creations": Creations(None, told.agent_id), "_scrape": fresh, "_timing": timing, "_now": now, "_heartbeat_s": None,
    }  # fmt: skip
    own = {name: getattr(telemetry, name) for name in lent}
    _exchange(telemetry, lent, projector)
    return lambda: _exchange(telemetry, own, before)


def _exchange(telemetry: Telemetry, parts: Mapping[str, Any], projector: Projector) -> None:
    pipeline = telemetry._pipeline  # noqa: SLF001 - a seam that a program has no use for

    def put() -> None:
        for name, part in parts.items():
            setattr(telemetry, name, part)
        pipeline._work = projector.work  # noqa: SLF001 - the same

    if not telemetry.flush(WITHIN_S):
        raise TimeoutError(f"the telemetry of {telemetry.settings.agent_id} was not done with what it was told before")
    pipeline.call(put, WITHIN_S)
