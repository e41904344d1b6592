"""The sandbox as a process beside the service, and the configuration that an operator of its fleet would write."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from fleawatch.errors import FleawatchError

READY_S: Final = 30.0
STOP_S: Final = 5.0
FRESH_WALL_S: Final = 5.0
"""Real seconds after which a number of the demo counts as stale, however fast its time runs."""
_NOT_READ: Final = frozenset({"agents", "faucet"})
"""Servers of the sandbox that are no service to read: agents are named by health_url, claims are rows of the ledger."""


class Simulator:
    """A running sandbox.

    Attributes:
        ready: what it said when it was ready: bases, clock, agents and their keys.
    """

    def __init__(self, process: asyncio.subprocess.Process, ready: Mapping[str, Any]) -> None:
        self.ready = ready
        self._process = process
        self._ended: Mapping[str, Any] | None = None
        self._reading = asyncio.Lock()

    @classmethod
    async def start(
        cls, *, seed: int, agents: int, speed: float, seconds: float, books: Path, faults: bool
    ) -> Simulator:
        """Start a sandbox and wait until all its ports listen.

        Raises:
            FleawatchError: it did not start.
        """
        arguments = ["--seed", str(seed), "--agents", str(agents), "--speed", repr(speed), "--for", repr(seconds)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fleawatch.sandbox", *arguments, "--books", str(books), *(["--faults"] if faults else []),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True, limit=1 << 22,
        )  # fmt: skip
        try:
            async with asyncio.timeout(READY_S):
                return cls(process, await _line(process))
        except TimeoutError:
            process.kill()
            raise FleawatchError(f"the sandbox was not ready after {READY_S:g} s. Remedy: try fewer agents") from None

    async def ended(self) -> Mapping[str, Any]:
        """Wait until the books stopped; what the sandbox said then."""
        async with self._reading:
            if self._ended is None:
                self._ended = await _line(self._process)
            return self._ended

    async def stop(self) -> None:
        """End the sandbox. May be called twice."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def _line(process: asyncio.subprocess.Process) -> dict[str, Any]:
    stdout = process.stdout
    line = await stdout.readline() if stdout is not None else b""
    if not line:
        raise FleawatchError(f"the sandbox ended by itself with code {await process.wait()}; its message is above")
    found: dict[str, Any] = json.loads(line)
    return found


def write_config(
    ready: Mapping[str, Any],
    directory: Path,
    port: int,
    *,
    interval_s: float = 15,
    more: Mapping[str, Any] | None = None,
) -> Path:
    """Write the configuration and the key files of a sandbox's fleet into `directory`; the configuration's path.

    Args:
        ready: what the sandbox said when it was ready.
        directory: where they go.
        port: of page and API.
        interval_s: simulated seconds between two readings.
        more: further sections of the configuration.
    """
    keys = directory / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    keys.chmod(0o700)
    document = {
        "listen": {"port": port},
        "store": {"path": "."},
        "collect": {
            "interval_s": interval_s,
            "timeout_s": 5,
            "max_age_s": max(4.0 * interval_s, FRESH_WALL_S * ready["speed"]),
        },
        "platform": {"bases": {name: base for name, base in ready["bases"].items() if name not in _NOT_READ}},
        "agents": [_agent(agent, keys) for agent in ready["agents"]],
        **(more or {}),
    }
    path = directory / "fleawatch.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def _agent(agent: Mapping[str, Any], keys: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": agent["agent_id"],
        "strategy": agent["strategy"],
        "environment": agent["environment"],
        "keys": {
            service: _key(keys, agent["agent_id"], service, key)
            for service, key in agent["keys"].items()
            if service != "gateway"
        },
    }
    if agent.get("capital_usd") is not None:
        entry["capital_usd"] = agent["capital_usd"]
    if agent.get("addresses"):
        entry["addresses"] = agent["addresses"]
    if agent.get("health_url"):
        entry["health_url"] = agent["health_url"]
    return entry


def _key(keys: Path, agent_id: str, service: str, key: str) -> dict[str, str]:
    path = keys / f"{agent_id}.{service}"
    path.touch(mode=0o600)
    path.write_text(key, encoding="utf-8")
    return {"file": f"keys/{path.name}"}
