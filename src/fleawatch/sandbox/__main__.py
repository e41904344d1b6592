"""`python -m fleawatch.sandbox`: run a sandbox as a process of its own.

Two lines of JSON on standard output, one when every port listens and one when the books have stopped; then the frozen
books are served until SIGTERM, SIGINT or, when standard input is a pipe, its end. A parent that wants the sandbox to die
with it passes a pipe and keeps it open; one that does not passes /dev/null.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fleawatch.errors import StoreError
from fleawatch.sandbox.faults import SERVICES, FaultPlan
from fleawatch.sandbox.running import Sandbox, Settings
from fleawatch.sandbox.world import DEFAULT_ORIGIN


def _ports(text: str) -> dict[str, int]:
    """`casino=18001,control=18009` as a mapping."""
    ports: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        service, _, port = part.partition("=")
        if service not in (*SERVICES, "control") or not port.isdigit():
            raise argparse.ArgumentTypeError(f"{part!r} is not SERVICE=PORT with a service of {', '.join(SERVICES)}")
        ports[service] = int(port)
    return ports


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} must be above 0")
    return value


def _fleet(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return value


def parse(arguments: Sequence[str]) -> Settings:
    """The command line as settings; exits with status 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m fleawatch.sandbox", description="Run a local Purple Flea.")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--agents", type=_fleet, default=20)
    parser.add_argument("--speed", type=_positive, default=1.0, help="simulated seconds per real second")
    parser.add_argument("--for", dest="seconds", type=_positive, default=float("inf"), help="real seconds to run")
    parser.add_argument("--books", type=Path, help="write the books here when they stop (SQLite)")
    parser.add_argument("--faults", action="store_true", help="follow a seeded plan that hits every service")
    parser.add_argument("--origin", type=float, default=DEFAULT_ORIGIN, help="simulated unix time of the start")
    parser.add_argument("--ports", type=_ports, default={}, help="fixed ports: casino=18001,trading=18002,...")
    options = parser.parse_args(arguments)
    plan = None
    if options.faults:
        horizon = options.seconds * options.speed
        if horizon == float("inf"):
            parser.error("--faults needs --for: the plan is laid over the run")
        plan = FaultPlan.seeded(options.seed, options.origin, horizon)
    return Settings(
        seed=options.seed,
        agents=options.agents,
        origin=options.origin,
        speed=options.speed,
        seconds=options.seconds,
        books=options.books,
        faults=plan,
        ports=options.ports,
    )


def _print(document: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()


def _watch_input(stop: asyncio.Event) -> None:
    """Stop when standard input ends, if it is a pipe: then whoever started us is gone."""
    try:
        descriptor = sys.stdin.fileno()
        mode = os.fstat(descriptor).st_mode
    except (AttributeError, OSError, ValueError):
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return
    loop = asyncio.get_running_loop()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stop.set()

    loop.add_reader(descriptor, readable)


async def _run(settings: Settings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    sandbox = Sandbox(settings, _print)
    try:
        await sandbox.start()
        _print(sandbox.ready())
        _watch_input(stop)
        stopped, failed = asyncio.create_task(stop.wait()), asyncio.create_task(sandbox.wait())
        await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
        failed.cancel()
        await stopped
    except (OSError, StoreError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 1
    finally:
        await sandbox.close()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; the process's exit status."""
    return asyncio.run(_run(parse(sys.argv[1:] if arguments is None else arguments)))


if __name__ == "__main__":
    sys.exit(main())
