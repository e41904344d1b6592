"""A whole backtest, as people and as machines read it, compared with kept ones. After an intended change: UPDATE_GOLDEN=1 pytest."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleawatch.catalog.fleet import CATALOG
from fleawatch.cli.root import cli
from fleawatch.events import RulesDeclared, encode
from fleawatch.testing.fleet import ORIGIN, example_facts

HERE = Path(__file__).parent
WATCHED = ("PFDrawdownFast", "PFDrawdownWarning", "PFDrawdownCritical", "PFDrawdownHalt", "PFKeyRejected", "PFWatchdog")


@pytest.fixture(name="history")
def _history(tmp_path, monkeypatch):
    """Four agents over an hour and a half, one incident that is found and one that is not, in the present directory."""
    monkeypatch.chdir(tmp_path)
    rules = RulesDeclared(
        fact_id="config:rules_declared:1", agent_id="", at=ORIGIN, seen_at=ORIGIN, source="config", alerts=WATCHED
    )
    facts = [rules, *example_facts(4, 1.5, seed=5, step_s=60.0)]
    Path("facts.jsonl").write_bytes(b"".join(encode(fact) + b"\n" for fact in facts))
    labels = [
        {"name": "bleed", "agent_id": "cedar", "alert": "PFDrawdownHalt", "onset": ORIGIN + 480, "bound_s": 900, "end": "halted"},
        {"name": "gone", "agent_id": "dahlia", "alert": "PFAgentDown", "onset": ORIGIN + 1_000, "bound_s": 60, "until": ORIGIN + 1_200},
    ]  # fmt: skip
    Path("labels.json").write_text(json.dumps(labels), encoding="utf-8")
    limits = {name: CATALOG.limits[name].default / 2 for name in ("drawdown_halt", "drawdown_critical")}
    limits["drawdown_warning"] = 0.06
    disabled = [name for name in CATALOG.alerts if name not in WATCHED]
    Path("rules.yaml").write_text(json.dumps({"limits": limits, "alerts": {"disabled": disabled}}), encoding="utf-8")


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize(("rules", "form"), [("rules.yaml", "txt"), ("rules.yaml", "json"), ("baseline", "txt")])
def test_a_whole_backtest(rules, form):
    """Alerts, pages, halts, score and comparison, in both forms."""
    kept = HERE / f"backtest_{Path(rules).stem}.{form}"
    arguments = ["backtest", "--facts", "facts.jsonl", "--labels", "labels.json", "--rules", rules]
    done = CliRunner().invoke(cli, [*arguments, *(["--json"] if form == "json" else [])])
    assert done.exit_code == 0, done.output
    if os.environ.get("UPDATE_GOLDEN"):
        kept.write_text(done.stdout, encoding="utf-8")
    assert done.stdout == kept.read_text(encoding="utf-8")
