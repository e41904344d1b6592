"""How commands print: JSON for machines, aligned text for people, messages apart from data."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

config_option = click.option(
    "--config",
    "-c",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("fleawatch.yaml"),
    show_default=True,
    envvar="FLEAWATCH_CONFIG",
    help="Configuration file.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines.")


def print_json(document: Any) -> None:
    """One JSON document on standard output; NaN and infinity are refused."""
    sys.stdout.write(json.dumps(document, allow_nan=False, indent=2, default=str) + "\n")


def message(text: str) -> None:
    """A line for people, on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Text columns, each as wide as its widest cell."""
    cells = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def number(value: float | None, form: str = "{:,.2f}", reason: str = "unknown") -> str:
    """A number for people; a missing one is its reason, never 0."""
    return reason if value is None else form.format(value)
