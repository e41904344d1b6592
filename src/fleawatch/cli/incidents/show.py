"""`fleawatch demo --incident`: play incidents, print what came of them, and say by the exit code whether all went as they must."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from fleawatch.cli.incidents.play import Control, play, play_healthy
from fleawatch.cli.incidents.score import Outcome
from fleawatch.cli.output import message, table
from fleawatch.sandbox.incidents.known import INCIDENTS

ALL: Final = "all"
NAMES: Final = (ALL, *(incident.name for incident in INCIDENTS))


async def show(name: str, seed: int, state: Path | None) -> dict[str, Any]:
    """Play one incident, or all twelve and a healthy fleet; the document that `--json` prints.

    Args:
        name: of the incident, or `all`.
        seed: what the worlds derive from.
        state: where configuration, keys and store are left: of `all`, each in a directory of its own name.
    """
    outcomes: list[Outcome] = []
    control: Control | None = None
    chosen = [incident for incident in INCIDENTS if name in (ALL, incident.name)]
    for number, incident in enumerate(chosen, start=1):
        message(f"{number} of {len(chosen)}: {incident.name}, {incident.title}")
        directory = state if state is None or name != ALL else state / incident.name
        outcomes.append(await play(incident, seed, directory))
    if name == ALL:
        message("and a healthy fleet")
        control = await play_healthy(seed, None if state is None else state / "healthy")
    return document(outcomes, control, seed)


def document(outcomes: Sequence[Outcome], control: Control | None, seed: int) -> dict[str, Any]:
    """What came of a run, for machines. Times in simulated seconds, money in USD."""
    return {
        "seed": seed,
        "incidents": [one.document() for one in outcomes],
        "control": None if control is None else {"hours": control.hours, "false_pages": control.false_pages},
        "equity_saved_usd": round(sum(one.equity_saved_usd for one in outcomes), 2),
        "baseline_caught": sum(one.baseline_caught for one in outcomes),
        "mismatches": sum(one.mismatches for one in outcomes) + (0 if control is None else control.mismatches),
        "passed": all(one.passed for one in outcomes)
        and (control is None or (not control.false_pages and not control.mismatches)),
    }


def print_outcomes(result: dict[str, Any]) -> None:
    """The same for people."""
    header = (
        "incident", "alert", "detected", "bound", "baseline", "left", "confirmed", "orders after", "false pages", "saved USD",
    )  # fmt: skip
    rows = [
        (
            one["name"],
            one["expected_alert"],
            _seconds(one["detection_s"]) + ("" if one["caught"] else " MISSED"),
            _seconds(one["bound_s"]),
            "caught" if one["baseline_caught"] else "missed",
            one["end"],
            _seconds(one["confirmed_s"]),
            str(one["orders_after_halt"]),
            str(one["false_pages"]),
            f"{one['equity_saved_usd']:,.2f}",
        )
        for one in result["incidents"]
    ]
    click.echo(table(header, rows))
    caught = sum(one["caught"] for one in result["incidents"])
    click.echo(
        f"{caught} of {len(rows)} caught; the rules of the public guides catch {result['baseline_caught']} on the same facts. "
        f"Saved: {result['equity_saved_usd']:,.2f} USD. {result['mismatches']} numbers differ from the books."
    )
    control = result["control"]
    if control is not None:
        click.echo(f"A healthy fleet, {control['hours']:g} hours: {control['false_pages']} pages above info.")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} s"
