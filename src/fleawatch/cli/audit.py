"""`fleawatch audit`: read the audit log, and prove that nobody changed it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from fleawatch.cli.output import json_option, message, print_json, table
from fleawatch.errors import FleawatchError
from fleawatch.ports import AuditEntry
from fleawatch.store.audit.files import beside
from fleawatch.store.audit.log import page
from fleawatch.store.audit.reading import counts, database_of, gaps, looking, verify_log
from fleawatch.store.audit.verify import Verdict
from fleawatch.units import from_iso, iso

_SHOWN = 100

state_option = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path("fleawatch-state"),
    show_default=True,
    help="State directory of the service, running or not.",
)


def files_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say where the key and the anchors are."""
    for name, what in (("anchors", "anchors"), ("key", "key")):
        command = click.option(
            f"--{name}",
            type=click.Path(path_type=Path, dir_okay=False),
            help=f"File of the {what}, when it is not in the state directory.",
        )(command)
    return command


@click.group()
def audit() -> None:
    """Read the audit log, and verify that nobody changed it.

    The log holds what was decided: orders, decision cycles, halts and their proof, gates, limits, alerts, silences,
    deliveries and configurations. Its entries are chained with a key that is not in the database.
    """


@audit.command("verify")
@state_option
@files_options
@json_option
@click.pass_context
def verify(ctx: click.Context, state: Path, key: Path | None, anchors: Path | None, *, as_json: bool) -> None:
    """Verify every entry, and name the first bad one.

    An edit, a deletion, a move, an insertion, a replaced or a shortened log all end in exit code 1. Works while the
    service runs, writes nothing, and leaves nothing behind.
    """
    file = database_of(state)
    told = None if as_json else lambda read: message(f"  {read:,} entries")
    verdict = verify_log(file, beside(file, key, anchors), told=told)
    kinds, missing = ({}, 0) if _untold(verdict) else looking(file, "count entries", lambda c: (counts(c), gaps(c)))
    if as_json:
        print_json({**msgspec.to_builtins(verdict), "by_kind": kinds, "gaps": missing})
    else:
        click.echo(_told(verdict))
        if kinds:
            click.echo(table(("kind", "entries"), [[kind, f"{count:,}"] for kind, count in kinds.items()]))
    ctx.exit(0 if verdict.sound else 1)


def _untold(verdict: Verdict) -> bool:
    return verdict.first_bad is not None and verdict.first_bad.reason == "no_log"


def _told(verdict: Verdict) -> str:
    bad = verdict.first_bad
    so_far = (
        f"{verdict.entries:,} entries, {verdict.anchors:,} anchors, the last at entry {verdict.anchored:,}; "
        f"{verdict.facts_compared:,} facts are what was recorded, {verdict.facts_gone:,} are no longer kept; key {verdict.key_id}"
    )
    if bad is None:
        return f"sound: {so_far}"
    return f"entry {bad.seq} is bad ({bad.reason}): {bad.message}\nsound before it: {so_far}"


@audit.command("log")
@state_option
@click.option("--since", help="Only what happened at or after this time, as 2026-01-31T12:00:00Z or unix seconds.")
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be repeated.")
@click.option("--agent", "agent_id", help="Only what is about this agent.")
@click.option("--limit", type=click.IntRange(min=1), default=_SHOWN, show_default=True, help="Most entries shown.")
@json_option
def log(
    state: Path, since: str | None, kinds: tuple[str, ...], agent_id: str | None, limit: int, *, as_json: bool
) -> None:
    """List entries, oldest first."""
    at = _time(since)
    entries = looking(
        database_of(state),
        "read the audit log",
        lambda connection: page(
            connection, after=0, limit=limit, kinds=kinds or None, agent_id=agent_id, since=at
        ),
    )  # fmt: skip
    if as_json:
        print_json({"entries": [{**entry._asdict(), "body": json.loads(entry.body)} for entry in entries]})
    else:
        click.echo(table(("entry", "time", "agent", "kind", "source", "says"), [_row(entry) for entry in entries]))


def _time(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return from_iso(text)
    except ValueError:
        raise FleawatchError(
            f"--since was {text!r}. Remedy: write a time as 2026-01-31T12:00:00Z, or unix seconds"
        ) from None


def _row(entry: AuditEntry) -> list[str]:
    says = " ".join(f"{name}={value}" for name, value in json.loads(entry.body).items() if value not in (None, ""))
    return [str(entry.seq), iso(entry.at), entry.agent_id or "fleet", entry.kind, entry.source, says]
