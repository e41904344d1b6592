"""`fleawatch ack` and `fleawatch clear`: take an alert, or end one that only a person may end."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

import click

from fleawatch.cli.output import json_option, print_json
from fleawatch.cli.remote import ask, service_options


@click.command()
@click.argument("fingerprint")
@click.option("--note", default="", help="A word to whoever looks next.")
@service_options
@json_option
def ack(fingerprint: str, note: str, url: str, token_file: Path | None, *, as_json: bool) -> None:
    """Take the alert FINGERPRINT: it is not repeated and not escalated while it fires at this severity.

    `fleawatch alerts` lists fingerprints.
    """
    found = ask(url, f"/api/v1/alerts/{urllib.parse.quote(fingerprint, safe='')}/ack", token_file, {"note": note})
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['acknowledged']} is taken by {found['by']}")


@click.command()
@click.argument("fingerprint")
@click.option("--reason", required=True, help="Why; it is recorded.")
@service_options
@json_option
def clear(fingerprint: str, reason: str, url: str, token_file: Path | None, *, as_json: bool) -> None:
    """End the alert FINGERPRINT. One whose condition still holds begins to fire anew.

    Alerts that halted an agent are ended by `fleawatch resume`, not here: clearing one lets nobody trade again.
    """
    found = ask(url, f"/api/v1/alerts/{urllib.parse.quote(fingerprint, safe='')}/clear", token_file, {"reason": reason})
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['cleared']} is cleared by {found['by']}")
