"""`fleawatch check`: every mistake of a configuration at once."""

from __future__ import annotations

from pathlib import Path

import click

from fleawatch.cli.output import config_option, json_option, print_json
from fleawatch.errors import BadConfig
from fleawatch.service.load import load


@click.command()
@config_option
@json_option
@click.pass_context
def check(ctx: click.Context, config_path: Path, *, as_json: bool) -> None:
    """Check a configuration without starting anything.

    Reports every mistake with its key, its value and what to write instead. Exits with 1 when there is one.
    """
    try:
        config = load(config_path)
    except BadConfig as error:
        if as_json:
            found = [{"key": p.where, "problem": p.what, "remedy": p.remedy} for p in error.problems]
            print_json({"config": str(config_path), "ok": False, "problems": found})
        else:
            click.echo(str(error))
            click.echo(f"{len(error.problems)} mistakes" if len(error.problems) > 1 else "1 mistake")
        ctx.exit(1)
    if as_json:
        print_json({"config": str(config_path), "ok": True, "agents": len(config.agents), "problems": []})
    else:
        click.echo(f"{config_path}: {len(config.agents)} agents, no mistakes. Next: fleawatch doctor -c {config_path}")
