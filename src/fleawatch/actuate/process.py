"""Stops a process by the argument list of whatever runs it. No shell reads it, and nothing that an agent wrote is in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Sequence
from typing import Final

from fleawatch.flow.outputs import HaltCommand
from fleawatch.ports import Outcome

WITHIN_S: Final = 15.0
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "KUBECONFIG", "PM2_HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""Variables that the program sees: no secret of this process is among them."""


class ProcessStop:
    """Runs one argument list."""

    def __init__(self, arguments: Sequence[str], *, within_s: float = WITHIN_S) -> None:
        self.arguments = tuple(arguments)
        self._within_s = within_s

    @property
    def installed(self) -> bool:
        """Whether its program is there."""
        return shutil.which(self.arguments[0]) is not None

    async def act(self, command: HaltCommand) -> Outcome:  # noqa: ARG002 - there is one way to stop it, whoever orders it
        variables = {name: value for name in _PASSED_ON if (value := os.environ.get(name))}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=variables,
                start_new_session=True,
            )
        except OSError as error:
            return Outcome("refused", f"{self.arguments[0]} could not be started: {error.strerror}")
        try:
            async with asyncio.timeout(self._within_s):
                code = await process.wait()
        except TimeoutError:
            return Outcome("unknown", f"{self.arguments[0]} did not end within {self._within_s:g} s")
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return Outcome("done") if code == 0 else Outcome("failed", f"{self.arguments[0]} ended with {code}")


def pm2(name: str) -> tuple[str, ...]:
    """Stop a process of pm2."""
    return ("pm2", "stop", name)


def systemd(unit: str) -> tuple[str, ...]:
    """Stop a unit of systemd."""
    return ("systemctl", "stop", "--", unit)


def kubernetes(workload: str, namespace: str) -> tuple[str, ...]:
    """Scale a workload (`deployment/NAME`) to nothing."""
    return ("kubectl", "scale", workload, "--replicas=0", f"--namespace={namespace}")
