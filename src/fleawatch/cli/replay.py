"""`fleawatch replay`: fold recorded facts again, and print the state they lead to."""

from __future__ import annotations

from pathlib import Path

import click

from fleawatch.cli.output import json_option, message, number, print_json, table
from fleawatch.cli.recorded import Recorded, is_text, recorded_state, replayed_state
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

    FILE is a state directory, its fleawatch.db, or a text file with one fact as JSON a line (.jsonl). Where the service
    has forgotten old readings, folding begins with the state that it kept there. The digest is over the whole state:
    two runs with the same digest ended in the same state.
    """
    live = _live(file) if compare else None
    replayed = replayed_state(file, progress=not as_json, upto=live.last if live else None)
    begun_after = replayed.begun_after
    document = {**fleet_report(replayed.state), "begun_after_fact": begun_after, "last_fact": replayed.last}
    same = True
    if live is not None:
        same = digest(live.state) == document["digest"]
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
        if begun_after:
            click.echo(f"begun with the state kept after fact {begun_after:,}: older readings were forgotten")
    if not same:
        message(
            "the replayed state differs from the saved one. Every fact was folded, so another release folded some of them "
            "live, or the saved state is damaged. Remedy: replay with the release that ran, or trust the replay."
        )
        ctx.exit(1)


def _live(file: Path) -> Recorded:
    if is_text(file):
        raise click.UsageError("--compare needs a state directory or its database: a text file has no saved state.")
    return recorded_state(file, progress=False)
