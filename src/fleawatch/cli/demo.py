"""`fleawatch demo`: the whole product on a fleet of its own.

A sandbox process plays the platform and the agents; the service that watches it is the one `fleawatch run` starts, fed
by the same configuration file and keys. At the end the belt's numbers are compared with the sandbox's own books.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from fleawatch.cli.compare import compare
from fleawatch.cli.incidents.show import NAMES, print_outcomes, show
from fleawatch.cli.output import json_option, message, print_json, table
from fleawatch.cli.serve import address_of, bound, on_signals, serving
from fleawatch.cli.simulator import Simulator, write_config
from fleawatch.clock import ScaledClock
from fleawatch.sandbox import books as sandbox_books
from fleawatch.service.build import build
from fleawatch.service.load import load
from fleawatch.service.logs import log_to_stderr
from fleawatch.service.service import Service

SETTLE_S: Final = 90.0
"""Real seconds given after the books stopped until the last readings must have arrived."""

ENDLESS_S: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    agents: int
    seed: int
    speed: float
    seconds: float | None
    port: int
    state: Path
    books: Path
    faults: bool
    falsify: bool
    as_json: bool
    incident: str | None


@click.command()
@click.option(
    "--agents", type=click.IntRange(1, 1000), default=20, show_default=True, help="Agents of the simulated fleet."
)
@click.option(
    "--seed",
    type=int,
    default=7,
    show_default=True,
    help="The books are a function of seed, agents and simulated seconds.",
)
@click.option(
    "--speed", type=click.FloatRange(1, 10_000), default=60.0, show_default=True, help="Simulated seconds a second."
)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=1),
    help="Real seconds until the books stop and are compared; without it the fleet is watched until Ctrl-C.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9712,
    show_default=True,
    help="Port of page, API and /metrics; 0 takes a free one.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for configuration, keys, facts and state; a temporary one by default.",
)
@click.option(
    "--books", type=click.Path(path_type=Path, dir_okay=False), help="Write the sandbox's journal there as SQLite."
)
@click.option("--faults", is_flag=True, help="Let the platform fail in every way it knows, and recover.")
@click.option(
    "--falsify", is_flag=True, help="Change one cent in the books before comparing: exactly one mismatch must be found."
)
@click.option(
    "--incident",
    type=click.Choice(NAMES),
    help="Play an incident, or all of them beside a healthy fleet, in simulated time; only --seed, --state and --json go with it.",
)
@json_option
@click.pass_context
def demo(ctx: click.Context, /, **chosen: Any) -> None:
    """Watch a simulated fleet, and prove that what is shown is what happened.

    Without --for the page stays up until Ctrl-C. With --for the simulated books stop after that time, the last
    readings are awaited, every number is compared with the books to the cent, and the exit code is 1 if one differs.

    With --incident something goes wrong with one of the agents: whether its alert came in time, whether it was stopped,
    and what that saved is told, beside what the rules of the platform's public guides would have seen in the same facts.
    """
    if chosen["incident"] is not None:
        _play(ctx, chosen)
        return
    with tempfile.TemporaryDirectory(prefix="fleawatch-demo-") as scratch:
        state = chosen["state"] or Path(scratch) / "state"
        books = chosen["books"] or Path(scratch) / "books.sqlite"
        options = Options(**{**chosen, "state": state, "books": books})
        result = asyncio.run(_demo(options))
    if result is None:
        return
    if options.as_json:
        print_json(result)
    else:
        _print(result)
    ctx.exit(1 if result["mismatches"] else 0)


def _play(ctx: click.Context, chosen: Mapping[str, Any]) -> None:
    """Play incidents. Exit code 1 when one was missed, an order came after a halt, or somebody was woken for nothing."""
    goes_with = {"incident", "seed", "state", "as_json"}
    given = [
        f"--{'for' if name == 'seconds' else name}" for name in chosen
        if name not in goes_with and ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]  # fmt: skip
    if given:
        raise click.UsageError(f"{', '.join(given)} cannot be used with --incident; leave it out")
    # Two runs in one store are the history of neither: its replay would end in another state than it saved.
    used = [] if chosen["state"] is None else sorted(chosen["state"].glob("**/fleawatch.db"))
    if used:
        raise click.UsageError(f"{used[0]} is there already, of an earlier run; name an empty directory with --state")
    log_to_stderr(level=40)
    result = asyncio.run(show(chosen["incident"], chosen["seed"], chosen["state"]))
    if chosen["as_json"]:
        print_json(result)
    else:
        print_outcomes(result)
    ctx.exit(0 if result["passed"] else 1)


async def _demo(options: Options) -> dict[str, Any] | None:
    log_to_stderr(level=30)
    options.state.mkdir(parents=True, exist_ok=True)
    listener = bound("127.0.0.1", options.port)
    stop = on_signals()
    simulator = await Simulator.start(
        seed=options.seed, agents=options.agents, speed=options.speed,
        seconds=options.seconds or ENDLESS_S, books=options.books, faults=options.faults,
    )  # fmt: skip
    try:
        ready = simulator.ready
        clock = ScaledClock(ready["origin"], ready["speed"], ready["started"])
        config = load(write_config(ready, options.state, listener.getsockname()[1]), environment={})
        service = build(config, clock=clock, sinks=())
        async with serving(service, listener):
            message(
                f"watching {options.agents} simulated agents on {address_of(listener)}/ at {options.speed:g} x real time"
            )
            message(f"configuration, keys and facts are in {options.state} (Ctrl-C ends)")
            ended = await _wait(simulator, stop, options.seconds)
            if not ended:
                return None
            return await _settle(service, simulator, options, stop)
    finally:
        await simulator.stop()


async def _wait(simulator: Simulator, stop: asyncio.Event, seconds: float | None) -> bool:
    """Wait until the books stop (True) or somebody wants an end (False), telling how far it is."""
    begun = time.monotonic()
    end, asked = asyncio.create_task(simulator.ended()), asyncio.create_task(stop.wait())
    try:
        while True:
            done, _ = await asyncio.wait({end, asked}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            if asked in done:
                return False
            if end in done:
                await end
                return True
            if seconds:
                message(f"  {time.monotonic() - begun:3.0f} of {seconds:g} s")
    finally:
        for task in (end, asked):
            task.cancel()
        await asyncio.gather(end, asked, return_exceptions=True)


async def _settle(service: Service, simulator: Simulator, options: Options, stop: asyncio.Event) -> dict[str, Any]:
    """Read until what is known equals the books, or until time is up; then compare for good."""
    ended = await simulator.ended()
    truth = await asyncio.to_thread(sandbox_books.truth, options.books)
    deadline = time.monotonic() + SETTLE_S
    message("the books stopped; awaiting the last readings")
    while time.monotonic() < deadline and not stop.is_set():
        await service.poller.sweep()
        if not compare(truth, service.monitor.state)[1]:
            break
        await asyncio.sleep(0.25)
    if options.falsify:
        changed = await asyncio.to_thread(sandbox_books.falsify, options.books, options.seed)
        message(f"one cent of the books was changed: {changed}")
        truth = await asyncio.to_thread(sandbox_books.truth, options.books)
    compared, mismatches = compare(truth, service.monitor.state)
    return {
        "agents": len(truth),
        "bets": ended["bets"],
        "trades": ended["trades"],
        "escrows": ended["escrows"],
        "compared": compared,
        "mismatches": mismatches,
    }


def _print(result: Mapping[str, Any]) -> None:
    click.echo(
        f"{result['agents']} agents, {result['bets']} bets, {result['trades']} trades, {result['escrows']} escrows: "
        f"{sum(result['compared'].values())} numbers compared with the books, {len(result['mismatches'])} differ"
    )
    if result["mismatches"]:
        rows = [
            [m["agent"], m["kind"], json.dumps(m["books"]), json.dumps(m["fleawatch"])] for m in result["mismatches"]
        ]
        click.echo(table(("agent", "number", "books", "fleawatch"), rows))
