"""`fleawatch halt`: stop an agent, a strategy or the fleet."""

from __future__ import annotations

from pathlib import Path

import click

from fleawatch.cli.output import json_option, print_json
from fleawatch.cli.remote import ask, meant, service_options


@click.command()
@click.argument("agent", required=False)
@click.option("--strategy", help="All agents of this strategy, also those that join it later.")
@click.option("--fleet", is_flag=True, help="Every agent, also those that join later.")
@click.option(
    "--mode",
    type=click.Choice(["reduce", "halt", "freeze_payments", "flatten"]),
    default="halt",
    show_default=True,
    help="How far: only closing; nothing; no money out; nothing and positions closed.",
)
@click.option("--reason", required=True, help="Why; it is recorded.")
@service_options
@json_option
def halt(  # noqa: PLR0913 - one parameter an option
    agent: str | None,
    strategy: str | None,
    mode: str,
    reason: str,
    url: str,
    token_file: Path | None,
    *,
    fleet: bool,
    as_json: bool,
) -> None:
    """Order AGENT, a strategy or the fleet to stop.

    The order stands until `fleawatch resume`. That it is obeyed is proven from the platform's own facts; see
    `fleawatch status` and the log of the service.
    """
    wanted = {**meant(agent, strategy, fleet=fleet), "mode": mode, "reason": reason}
    found = ask(url, "/api/v1/halt", token_file, wanted)
    if as_json:
        print_json(found)
    else:
        click.echo(f"halt {found['halt_id']} holds {len(found['held'])}: {', '.join(found['held'])}")
