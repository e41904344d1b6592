"""`fleawatch status`: the fleet at a glance, from a running service."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import click

from fleawatch.cli.output import json_option, number, print_json, table
from fleawatch.errors import FleawatchError

_TIMEOUT_S = 10


@click.command()
@click.option(
    "--url",
    default="http://127.0.0.1:9712",
    show_default=True,
    envvar="FLEAWATCH_URL",
    help="Base address of the service.",
)
@json_option
@click.pass_context
def status(ctx: click.Context, url: str, *, as_json: bool) -> None:
    """Print the fleet and its agents as a running service sees them.

    Exits with 1 when the service says that it is degraded or down.
    """
    base = url.rstrip("/")
    health, agents = fetch(f"{base}/health"), fetch(f"{base}/api/v1/agents")
    if as_json:
        print_json({"health": health, "fleet": fetch(f"{base}/api/v1/fleet"), "agents": agents})
    else:
        click.echo(f"{base}: {health['status']}")
        for line in layer_lines(health["fleet"]["layers"]):
            click.echo(line)
        well = {one["agent_id"]: one["status"] for one in health["fleet"]["agents"]}
        rows = [_row(agent, well.get(agent["agent_id"], "unknown")) for agent in agents["agents"]]
        click.echo(table(("agent", "strategy", "equity", "P&L 24h", "drawdown", "state", "health"), rows))
    ctx.exit(0 if health["status"] == "ok" else 1)


def fetch(url: str) -> Any:
    """One JSON document of a running service.

    Raises:
        FleawatchError: it does not answer, or not as a service of this release.
    """
    if not url.startswith(("http://", "https://")):
        raise FleawatchError(f"--url was {url}. Remedy: give scheme and host, as http://127.0.0.1:9712")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the scheme was checked above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise FleawatchError(
            f"{url} answered {error.code}. Remedy: check that a Fleawatch service listens there"
        ) from None
    except (OSError, ValueError) as error:
        raise FleawatchError(f"{url} did not answer: {error}. Remedy: start `fleawatch run`, or give --url") from None


def layer_lines(layers: dict[str, Any]) -> list[str]:
    """One line for each layer of health: its state, and every reason with how long it holds."""
    return [
        f"  {name:<12} {one['status']:<9}{'; '.join(_reason(reason) for reason in one['reasons'])}".rstrip()
        for name, one in layers.items()
    ]


def _reason(one: dict[str, Any]) -> str:
    about = f" ({one['detail']})" if one["detail"] else ""
    age = one["age"]["value"]
    return f"{one['name']}{about}" + (f" for {age:,.0f} s" if age is not None else "")


def _row(agent: dict[str, Any], health: str) -> list[str]:
    return [
        agent["agent_id"],
        agent["strategy"],
        _cell(agent["equity"]),
        _cell(agent["pnl_24h"], "{:+,.2f}"),
        _cell(agent["drawdown"], "{:.1%}"),
        agent["freshness"],
        health,
    ]


def _cell(value: dict[str, Any], form: str = "{:,.2f}") -> str:
    return number(value["value"], form, value["freshness"])
