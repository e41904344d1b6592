"""`fleawatch resume`: let an agent, a strategy or the fleet trade again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fleawatch.cli.output import json_option, print_json
from fleawatch.cli.remote import ask, meant, service_options


@click.command()
@click.argument("agent", required=False)
@click.option("--strategy", help="All halted agents of this strategy.")
@click.option("--fleet", is_flag=True, help="Every halted agent.")
@click.option("--reason", required=True, help="Why; it is recorded.")
@click.option(
    "--rebase", is_flag=True, help="Let guards measure from now on: a new baseline, although the limit is breached."
)
@click.option(
    "--ramp",
    nargs=2,
    type=(click.FloatRange(min=0, min_open=True), click.FloatRange(min=0, min_open=True)),
    metavar="SECONDS USD",
    help="Cap every order at USD for so many seconds.",
)
@service_options
@json_option
def resume(  # noqa: PLR0913 - one parameter an option
    agent: str | None,
    strategy: str | None,
    reason: str,
    ramp: tuple[float, float] | None,
    url: str,
    token_file: Path | None,
    *,
    fleet: bool,
    rebase: bool,
    as_json: bool,
) -> None:
    """Let AGENT, a strategy or the fleet trade again: all that are meant, or none.

    Refused while the limit that halted an agent is still breached, unless --rebase, and while its numbers are old.
    """
    wanted: dict[str, Any] = {**meant(agent, strategy, fleet=fleet), "reason": reason, "rebase": rebase}
    if ramp is not None:
        wanted |= {"ramp_s": ramp[0], "ramp_usd": ramp[1]}
    found = ask(url, "/api/v1/resume", token_file, wanted)
    if as_json:
        print_json(found)
    else:
        click.echo(f"resumed {len(found['resumed'])}: {', '.join(found['resumed'])}")
