"""`fleawatch alerts`: what fires, what is pending and what is silenced, from a running service."""

from __future__ import annotations

import urllib.parse
from typing import Any

import click

from fleawatch.cli.output import json_option, print_json, table
from fleawatch.cli.status import fetch
from fleawatch.flow.telling import written
from fleawatch.units import iso


@click.command()
@click.option(
    "--url",
    default="http://127.0.0.1:9712",
    show_default=True,
    envvar="FLEAWATCH_URL",
    help="Base address of the service.",
)
@click.option("--agent", "agent_id", help="Only what is about this agent.")
@click.option("--why", is_flag=True, help="With --agent: what every rule says of it now, and the reason.")
@click.option("--dead", is_flag=True, help="What was never delivered or done and is not tried again, instead.")
@json_option
@click.pass_context
def alerts(ctx: click.Context, url: str, agent_id: str | None, *, why: bool, dead: bool, as_json: bool) -> None:
    """Print the alerts that fire, those that are pending, and the silences.

    Exits with 1 when anything fires that somebody should look at, with --dead when there is a dead letter. A pending alert has been breached, but not long
    enough; an unknown one cannot be judged, and says why.
    """
    base = url.rstrip("/")
    if dead:
        if why or agent_id is not None:
            raise click.UsageError("--dead stands alone: it lists what was never delivered.")
        document = fetch(f"{base}/api/v1/dead")
        if as_json:
            print_json(document)
        else:
            click.echo(_dead(document["dead"]))
        ctx.exit(1 if document["dead"] else 0)
    if why:
        if agent_id is None:
            raise click.UsageError("--why needs --agent: rules are asked about one agent.")
        document = fetch(f"{base}/api/v1/agents/{urllib.parse.quote(agent_id)}/verdicts")
        if as_json:
            print_json(document)
        else:
            click.echo(
                table(("alert", "answer", "reason", "value", "labels"), [_judged(v) for v in document["verdicts"]])
            )
        return
    query = f"?agent_id={urllib.parse.quote(agent_id)}" if agent_id else ""
    document = fetch(f"{base}/api/v1/alerts{query}")
    firing = [one for one in document["firing"] if one["severity"] != "none"]
    if as_json:
        print_json(document)
    else:
        _print(document, firing)
    ctx.exit(1 if firing else 0)


def _print(document: dict[str, Any], firing: list[dict[str, Any]]) -> None:
    at = document["at"]
    if firing:
        heads = ("severity", "alert", "agent", "for", "status", "fingerprint", "summary")
        click.echo(table(heads, [_fires(one, at) for one in firing]))
    else:
        click.echo(f"nothing fires; {document['judged']} alerts are judged")
    if document["pending"]:
        click.echo("")
        rows = [
            [one["alertname"], one["agent_id"] or "fleet", written(at - one["since"], "duration"), one["unknown"] or ""]
            for one in document["pending"]
        ]
        click.echo(table(("pending", "agent", "for", "unknown"), rows))
    if document["silences"]:
        click.echo("")
        rows = [
            [one["silence_id"], str(one["matchers"]), iso(one["ends_at"]), one["author"], one["comment"]]
            for one in document["silences"]
        ]
        click.echo(table(("silence", "matchers", "until", "author", "comment"), rows))


def _fires(one: dict[str, Any], at: float) -> list[str]:
    status = one["status"] if not one["by"] else f"{one['status']} by {one['by']}"
    return [
        one["severity"],
        one["alertname"],
        one["agent_id"] or "fleet",
        written(at - one["fired_at"], "duration"),
        status,
        one["fingerprint"],
        one["summary"],
    ]


def _dead(letters: list[dict[str, Any]]) -> str:
    if not letters:
        return "everything was delivered, or is still tried"
    rows = [
        [iso(one["failed_at"]), one["kind"], one["channel"], str(one["attempts"]), one["error"], one["what"]]
        for one in letters
    ]
    return table(("died", "what", "channel", "attempts", "error", "about"), rows)


def _judged(one: dict[str, Any]) -> list[str]:
    labels = ", ".join(f"{name}={value}" for name, value in one["labels"].items())
    return [one["alertname"], one["answer"], one["reason"], written(one["value"], "number"), labels]
