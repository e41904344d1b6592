"""`fleawatch evidence`: one incident as a file that proves itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click
import msgspec

from fleawatch.cli.audit import files_options, state_option
from fleawatch.cli.output import json_option, message, print_json
from fleawatch.errors import FleawatchError
from fleawatch.store.audit.bundle import BundleVerdict, verify_bundle
from fleawatch.store.audit.evidence import evidence as gather
from fleawatch.store.audit.files import beside, read_key
from fleawatch.store.audit.reading import database_of

_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")


@click.group(invoke_without_command=True)
@click.option("--incident", help="Fingerprint of an alert, or id of a halt.")
@state_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write, a ZIP; evidence-INCIDENT.zip by default.",
)
@files_options
@json_option
@click.pass_context
def evidence(
    ctx: click.Context,
    incident: str | None,
    state: Path,
    out: Path | None,
    key: Path | None,
    anchors: Path | None,
    *,
    as_json: bool,
) -> None:
    """Write the evidence of one incident into one file, which `evidence verify` proves without the database.

    It holds the audit entries and facts of the incident's agents from a quarter of an hour before it to a quarter of an
    hour after it, a timeline, and the piece of the chain with its anchors. The same log gives the same bytes. Exits with 1
    when the log it was taken from is not sound; the file then says where.
    """
    if ctx.invoked_subcommand is not None:
        return
    if incident is None:
        raise click.UsageError("give --incident, or the command `verify`")
    file = database_of(state)
    made = gather(file, beside(file, key, anchors), incident)
    out = out or Path(f"evidence-{_NO_NAME.sub('_', incident)}.zip")
    try:
        out.write_bytes(made.content)
    except OSError as error:
        raise FleawatchError(f"{out}: could not be written: {error.strerror}. Remedy: name another file") from None
    if as_json:
        print_json(
            {
                "file": str(out), "bytes": len(made.content), "log_sound": made.sound, "entries": made.entries,
                "facts": made.facts, "facts_left_out": made.left_out,
            }
        )  # fmt: skip
    else:
        click.echo(f"{out}: {made.entries:,} audit entries, {made.facts:,} facts, {len(made.content):,} bytes")
    if not made.sound:
        message("the audit log is not sound: verification.json in the file says where")
    ctx.exit(0 if made.sound else 1)


@evidence.command("verify")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="File of the audit log's key.")
@json_option
@click.pass_context
def verify(ctx: click.Context, file: Path, key: Path | None, *, as_json: bool) -> None:
    """Verify FILE without the database it came from.

    Without the key the hashes are proven, and it is said what is not. Exits with 1 when anything does not fit.
    """
    verdict = verify_bundle(file, None if key is None else read_key(key))
    if as_json:
        print_json(msgspec.to_builtins(verdict))
    else:
        click.echo(_told(verdict))
    ctx.exit(0 if verdict.sound else 1)


def _told(verdict: BundleVerdict) -> str:
    if verdict.first_bad is not None:
        return f"bad: {verdict.first_bad.where} {verdict.first_bad.message}"
    held = f"{verdict.entries:,} audit entries, {verdict.facts:,} facts"
    lines = [
        f"sound: incident {verdict.incident}, {held}, Merkle root {verdict.merkle_root}, key {verdict.key_id}",
        f"checked: {', '.join(verdict.checked)}",
    ]
    if verdict.unchecked:
        lines.append(f"not checked: {', '.join(verdict.unchecked)}")
    return "\n".join(lines)
