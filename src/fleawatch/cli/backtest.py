"""`fleawatch backtest`: recorded history under the recorded rules, other rules, or those of the public guides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from fleawatch.catalog.baseline import GUIDE_RULES
from fleawatch.cli.backtested import document, text
from fleawatch.cli.output import json_option, message, print_json
from fleawatch.cli.recorded import TELL_EVERY, History, recorded_history
from fleawatch.events import Event
from fleawatch.flow.backtest.baseline import baseline_firings
from fleawatch.flow.backtest.replay import Backtest
from fleawatch.flow.backtest.results import Label, Result
from fleawatch.flow.backtest.score import baseline_result, scored
from fleawatch.service.labels_file import load_labels
from fleawatch.service.load import load_rules
from fleawatch.service.rules_file import RulesFile, substitute

BASELINE: Final = "baseline"
CATALOG_RULES: Final = "catalog"


@click.command()
@click.option(
    "--facts",
    type=click.Path(path_type=Path, exists=True),
    help="History: a text file with one fact as JSON a line (.jsonl), a state directory, or its fleawatch.db.",
)
@click.option(
    "--state", type=click.Path(path_type=Path, exists=True, file_okay=False), help="The same for a state directory."
)
@click.option(
    "--rules",
    help="Rules to try beside the recorded ones: a configuration or its sections about rules, `catalog` for the "
    "catalog's, or `baseline` for those of the platform's public guides.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Incidents that are known to have happened, a YAML or JSON list.",
)
@json_option
def backtest(
    facts: Path | None, state: Path | None, rules: str | None, labels: Path | None, *, as_json: bool
) -> None:  # fmt: skip
    """Say what rules would have done to a recorded history.

    Facts are folded again by the same code as live: which alerts would have fired, which pages would have been sent, who
    would have been halted and what that would have saved or forgone. Without --rules the rules are those that were in
    force, or the catalog's where none were recorded; with --rules both are told. Labels are never shown to the rules.
    """
    source = facts or state
    if source is None or (facts is not None and state is not None):
        raise click.UsageError("name the history with either --facts FILE or --state DIR.")
    known = () if labels is None else load_labels(labels)
    other = load_rules(Path(rules)) if rules not in (None, BASELINE, CATALOG_RULES) else RulesFile()
    with recorded_history(source) as history:
        runs = _runs(history, rules, other)
        kept = _fold(history, runs, keep=rules == BASELINE, progress=not as_json)
        begun_after = history.begin().begun_after
    results = [run.result() for run in runs]
    if rules == BASELINE:
        results.append(_baseline(kept, results[0], known))
    for result in results:
        if labels is not None:
            result.score = scored(result, known, any_alert=result.rules == BASELINE)
    if as_json:
        print_json(document(results, begun_after))
    else:
        click.echo(text(results, begun_after))


def _runs(history: History, rules: str | None, other: RulesFile) -> list[Backtest]:
    """The recorded rules first, or the catalog's where there are none."""
    if history.declares:
        runs = [Backtest(state=history.begin().state)]
    else:
        runs = [Backtest(CATALOG_RULES, substitute(RulesFile()), history.begin().state)]
    if rules not in (None, BASELINE) and not (rules == CATALOG_RULES and not history.declares):
        runs.append(Backtest(str(rules), substitute(other), history.begin().state))
    return runs


def _fold(history: History, runs: Sequence[Backtest], *, keep: bool, progress: bool) -> list[Event]:
    kept: list[Event] = []
    for folded, (_, event) in enumerate(history.facts(), start=1):
        for run in runs:
            run.take(event)
        if keep:
            kept.append(event)
        if progress and folded % TELL_EVERY == 0:
            message(f"  {folded:,} facts")
    return kept


def _baseline(facts: list[Event], beside: Result, labels: Sequence[Label]) -> Result:
    dead = {label.agent_id: label.dead_at for label in labels if label.dead_at is not None}
    return baseline_result(
        baseline_firings(facts, dead=dead),
        facts=len(facts),
        begin=beside.begin,
        end=beside.end,
        judged=len(GUIDE_RULES),
    )
