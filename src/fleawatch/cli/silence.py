"""`fleawatch silence`: do not send some alerts for a while, or end a silence."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path
from typing import Final

import click

from fleawatch.cli.output import json_option, print_json
from fleawatch.cli.remote import ask, service_options
from fleawatch.units import DAY, HOUR, MINUTE

_UNITS: Final = {"s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}
_TIME: Final = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([smhd])\Z")


@click.command()
@click.option(
    "--matcher", "matchers", multiple=True, metavar="LABEL=VALUE", help="What is silenced; `*` stands for any text. All must match."
)  # fmt: skip
@click.option("--for", "time", metavar="TIME", help="How long: 30m, 2h, 1d.")
@click.option("--comment", help="Why; it is recorded.")
@click.option("--end", "silence_id", metavar="ID", help="End this silence instead.")
@service_options
@json_option
def silence(
    matchers: tuple[str, ...],
    time: str | None,
    comment: str | None,
    silence_id: str | None,
    url: str,
    token_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Do not send alerts that match, for a while. They fire, are shown and recorded all the same, and still halt.

    What still fires when the silence ends is sent then. An alert that becomes critical is sent at once.
    """
    if silence_id is not None:
        if matchers or time or comment:
            raise click.UsageError("--end stands alone: it ends a silence and begins none.")
        found = ask(url, f"/api/v1/silences/{urllib.parse.quote(silence_id, safe='')}/end", token_file, {})
        if as_json:
            print_json(found)
        else:
            click.echo(f"silence {found['ended']} is ended by {found['by']}")
        return
    if not matchers or time is None or not comment:
        raise click.UsageError("give --matcher LABEL=VALUE, --for TIME and --comment TEXT, or --end ID.")
    wanted = {"matchers": dict(map(_pair, matchers)), "for_s": _seconds(time), "comment": comment}
    found = ask(url, "/api/v1/silences", token_file, wanted)
    if as_json:
        print_json(found)
    else:
        click.echo(f"silence {found['silence_id']} is in force for {time}")


def _pair(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not equals or not label or not value:
        raise click.UsageError(f"--matcher was {text}: write LABEL=VALUE, as agent_id=alder.")
    return label.strip(), value.strip()


def _seconds(text: str) -> float:
    found = _TIME.match(text)
    if found is None:
        raise click.UsageError(f"--for was {text}: write a number and s, m, h or d, as 2h.")
    return float(found[1]) * _UNITS[found[2]]
