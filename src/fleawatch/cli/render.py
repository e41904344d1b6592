"""`fleawatch render`: write the generated files of the project, or say which have drifted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from fleawatch.catalog.fleet import CATALOG
from fleawatch.cli.output import json_option, message, print_json
from fleawatch.cli.reference import cli_page, configuration_page
from fleawatch.cli.telemetry import telemetry_page
from fleawatch.render.halts import halt_files
from fleawatch.render.reference import reference_pages
from fleawatch.render.runbooks import runbook_pages
from fleawatch.service.runbooks import runbook_texts


def _docs(root: click.Command) -> dict[str, str]:
    pages = {**reference_pages(CATALOG), **runbook_pages(CATALOG, runbook_texts())}
    pages["docs/reference/configuration.md"] = configuration_page()
    pages["docs/reference/telemetry.md"] = telemetry_page()
    if isinstance(root, click.Group):
        pages["docs/reference/cli.md"] = cli_page(root)
    return pages


def _halts(_: click.Command) -> dict[str, str]:
    return halt_files(CATALOG)


def _everything(root: click.Command) -> dict[str, str]:
    return {**_docs(root), **_halts(root)}


GENERATORS: Final[dict[str, Callable[[click.Command], dict[str, str]]]] = {
    "all": _everything,
    "docs": _docs,
    "halts": _halts,
}
"""What can be rendered: a name, and the function that gives path -> text."""


@click.command()
@click.argument("what", type=click.Choice(sorted(GENERATORS)), default="all")
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Root of the project; the current directory by default.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name the files that would change.")
@json_option
@click.pass_context
def render(ctx: click.Context, what: str, into: Path, *, check: bool, as_json: bool) -> None:
    """Write what is generated from the catalog, the configuration and this command line."""
    pages = GENERATORS[what](ctx.find_root().command)
    drifted = sorted(path for path, text in pages.items() if _current(into / path) != text)
    if not check:
        for path in drifted:
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            (into / path).write_text(pages[path], encoding="utf-8")
    if as_json:
        print_json({"files": len(pages), "drifted" if check else "written": drifted})
    elif check:
        for path in drifted:
            message(f"{path} has drifted. Remedy: fleawatch render {what}")
    else:
        click.echo(f"{len(pages)} files, {len(drifted)} written")
    ctx.exit(1 if check and drifted else 0)


def _current(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
