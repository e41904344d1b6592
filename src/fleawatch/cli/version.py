"""`fleawatch version`."""

from __future__ import annotations

import platform

import click

from fleawatch._version import __version__
from fleawatch.cli.output import json_option, print_json
from fleawatch.events import SCHEMA_VERSION


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """Print the release, the interpreter and the schema version of facts."""
    if as_json:
        print_json({"fleawatch": __version__, "python": platform.python_version(), "fact_schema": SCHEMA_VERSION})
    else:
        click.echo(f"fleawatch {__version__} (Python {platform.python_version()}, facts of schema {SCHEMA_VERSION})")
