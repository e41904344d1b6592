"""`fleawatch replay`: fold recorded facts from the first one, and print the state they lead to."""

from __future__ import annotations

from pathlib import Path

import click

from fleawatch.cli.output import json_option, message, number, print_json, table
from fleawatch.cli.recorded import recorded_state, replayed_state
from fleawatch.service.report import digest, fleet_report


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--compare", is_flag=True, help="Also compare with the state that the service itself saved; exit 1 if they differ."
)
@json_option
@click.pass_context
def replay(ctx: click.Context, file: Path, *, compare: bool, as_json: bool) -> None:
    """Fold the facts in FILE and print the same state as live.

    FILE is a state directory, its fleawatch.db, or a text file with one fact as JSON a line (.jsonl). The digest is
    over the whole state: two runs with the same digest ended in the same state.
    """
    state, last = replayed_state(file, progress=not as_json)
    document = {**fleet_report(state), "last_fact": last}
    same = True
    if compare:
        live, _ = recorded_state(file, progress=False)
        same = digest(live) == document["digest"]
        document["equals_live"] = same
    if as_json:
        print_json(document)
    else:
        rows = [
            [a["agent_id"], number(a["equity"], reason=a["equity_reason"] or "unknown"), number(a["nav"], "{:.6f}")]
            for a in document["agents"]
        ]
        click.echo(table(("agent", "equity, USD", "NAV"), rows))
        click.echo(f"{sum(document['facts'].values()):,} facts, digest {document['digest']}")
    if not same:
        message(
            "the replayed state differs from the saved one. Old readings are forgotten after store.keep_readings_hours; replay sees only what is left."
        )
        ctx.exit(1)
