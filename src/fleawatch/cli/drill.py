"""`fleawatch drill`: try every halt path without touching money."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fleawatch.cli.output import json_option, print_json, table
from fleawatch.cli.remote import ask, service_options


@click.command()
@click.argument("agents", nargs=-1)
@service_options
@json_option
@click.pass_context
def drill(ctx: click.Context, agents: tuple[str, ...], url: str, token_file: Path | None, *, as_json: bool) -> None:
    """Ask the gates of AGENTS, or of all, to answer a probe that stops nobody, and print who could not be halted now.

    Exits with 1 when somebody could not.
    """
    wanted = {"agents": agents} if agents else {}
    probes: list[dict[str, Any]] = ask(url, "/api/v1/drill", token_file, wanted)["probes"]
    if as_json:
        print_json({"probes": probes})
    else:
        rows = [
            [one["agent_id"], "ok" if one["ok"] else one["reason"], f"{1000 * one['duration_s']:.0f} ms"]
            for one in probes
        ]
        click.echo(table(("agent", "gate", "after"), rows))
    unknown = set(agents) - {one["agent_id"] for one in probes}
    for name in sorted(unknown):
        click.echo(f"{name} is not watched", err=True)
    ctx.exit(0 if probes and not unknown and all(one["ok"] for one in probes) else 1)
