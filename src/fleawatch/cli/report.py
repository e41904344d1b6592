"""`fleawatch report`: performance and attribution, from what a service recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fleawatch.cli.output import json_option, number, print_json, table
from fleawatch.cli.recorded import recorded_state
from fleawatch.errors import FleawatchError
from fleawatch.service.report import agent_report, fleet_report
from fleawatch.units import iso

_NUMBERS = (
    ("pnl", "P&L, USD", "{:+,.2f}"),
    ("drawdown", "drawdown", "{:.2%}"),
    ("drawdown_max", "max drawdown", "{:.2%}"),
    ("sharpe", "Sharpe ratio", "{:.2f}"),
    ("sortino", "Sortino ratio", "{:.2f}"),
    ("calmar", "Calmar ratio", "{:.2f}"),
    ("cagr", "yearly growth", "{:.1%}"),
    ("win_ratio", "win ratio", "{:.1%}"),
    ("profit_factor", "profit factor", "{:.2f}"),
    ("expectancy", "expectancy, USD a trade", "{:+,.4f}"),
    ("volatility", "volatility a step", "{:.3%}"),
    ("value_at_risk_95", "VaR 95 % of a step", "{:.3%}"),
    ("expected_shortfall_95", "ES 95 % of a step", "{:.3%}"),
)


@click.command()
@click.argument("agent_id", required=False)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=Path("fleawatch-state"),
    show_default=True,
    help="State directory of the service, running or not.",
)
@click.option(
    "--window",
    type=click.Choice(["1h", "24h", "7d", "30d", "all_time"]),
    default="all_time",
    show_default=True,
    help="How far back.",
)
@json_option
def report(agent_id: str | None, state: Path, window: str, *, as_json: bool) -> None:
    """Print performance and attribution of AGENT_ID, or of the whole fleet.

    A number that cannot be stated yet is printed with the reason, never as 0.
    """
    fleet = recorded_state(state, progress=False).state
    if agent_id is None:
        document = fleet_report(fleet)
        if as_json:
            print_json(document)
        else:
            click.echo(f"fleet of {len(fleet.agents)} agents as of {iso(fleet.at)}")
            click.echo(_performance(document["performance"][window]))
            rows = [
                [a["agent_id"], a["strategy"], number(a["equity"], reason=a["equity_reason"] or "unknown")]
                for a in document["agents"]
            ]
            click.echo(table(("agent", "strategy", "equity, USD"), rows))
        return
    agent = fleet.agents.get(agent_id)
    if agent is None:
        raise FleawatchError(f"agent {agent_id} is not in {state}. Known: {', '.join(sorted(fleet.agents)) or 'none'}")
    document = agent_report(agent)
    if as_json:
        print_json(document)
        return
    click.echo(
        f"{agent_id} ({document['strategy']}) as of {iso(fleet.at)}: equity {number(document['equity'], reason=document['equity_reason'] or 'unknown')} USD"
    )
    click.echo(_performance(document["performance"][window]))
    for dimension, parts in document["attribution"].items():
        if parts:
            rows = [
                [key, f"{p['net']:+,.2f}", f"{p['gross']:+,.2f}", f"{p['fees']:,.2f}", str(p["count"])]
                for key, p in sorted(parts.items())
            ]
            click.echo(f"\nby {dimension}\n" + table((dimension, "net", "gross", "fees", "trades"), rows))


def _performance(summary: dict[str, Any]) -> str:
    why = summary["why"]
    rows = [[label, number(summary[name], form, why.get(name, "unknown"))] for name, label, form in _NUMBERS]
    return table((f"window {summary['window']}", ""), rows)
