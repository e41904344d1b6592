"""`fleawatch runbook`: the page of an alert on the terminal, and the texts of all of them as they are shipped."""

from __future__ import annotations

import difflib
from typing import Any

import click

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.runbook import runbook_path, sections, text_name
from fleawatch.catalog.spec import Alert
from fleawatch.cli.output import json_option, print_json, table
from fleawatch.render.runbooks import HEADER, filled, limits_of, runbook_page
from fleawatch.render.wording import severity_of
from fleawatch.service.runbooks import runbook_texts

_NEAR = 3


@click.command()
@click.argument("name", required=False)
@json_option
def runbook(name: str | None, *, as_json: bool) -> None:
    """Print the runbook of the alert NAME; without NAME, list them.

    Case and the leading PF do not matter. A name that is no alert's is refused with the nearest ones.
    """
    if name is None:
        _list(as_json=as_json)
        return
    alert, texts = _alert(name), runbook_texts()
    if as_json:
        print_json(_document(alert, texts))
    else:
        page = runbook_page(CATALOG, alert, texts).removeprefix(HEADER).lstrip()
        click.echo(page.replace("```sh skip", "```sh"), nl=False)


def _list(*, as_json: bool) -> None:
    alerts = CATALOG.alerts.values()
    if as_json:
        print_json({"runbooks": [_brief(alert) for alert in alerts]})
    else:
        rows = [(alert.name, severity_of(alert), alert.action.replace("_", " "), alert.family) for alert in alerts]
        click.echo(table(("alert", "severity", "action", "family"), rows))


def _brief(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "severity": severity_of(alert),
        "action": alert.action,
        "family": alert.family,
        "scope": alert.scope,
        "path": runbook_path(alert.name),
    }


def _document(alert: Alert, texts: dict[str, str]) -> dict[str, Any]:
    text = texts[text_name(alert)]
    limits = {name: CATALOG.limits[name].default for name in limits_of(CATALOG, alert, text)}
    return {
        **_brief(alert),
        "limits": limits,
        "sections": {title: filled(body, CATALOG.limits) for title, body in sections(text).items()},
        "markdown": runbook_page(CATALOG, alert, texts),
    }


def _alert(name: str) -> Alert:
    by_word = {_word(known): alert for known, alert in CATALOG.alerts.items()}
    found = by_word.get(_word(name))
    if found is not None:
        return found
    near = difflib.get_close_matches(_word(name), by_word, n=_NEAR, cutoff=0.4)
    hint = ", ".join(by_word[word].name for word in near) or "fleawatch runbook lists them all"
    raise click.BadParameter(f"{name!r} is no alert. Nearest: {hint}", param_hint="NAME")


def _word(name: str) -> str:
    return name.strip().lower().removeprefix("pf")
