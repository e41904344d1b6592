"""`fleawatch backtest` on files and state directories, under every kind of rules."""

import asyncio
import json
import sqlite3

import pytest
from click.testing import CliRunner

from fleawatch.catalog.fleet import CATALOG
from fleawatch.cli import backtest as command
from fleawatch.cli.root import cli
from fleawatch.clock import ManualClock
from fleawatch.events import RulesDeclared, encode
from fleawatch.flow.outputs import AlertChange, Delivery, decode_output
from fleawatch.service.config import Config
from fleawatch.service.service import Service
from fleawatch.sinks.prometheus import Exposition
from fleawatch.store import SqliteStore
from fleawatch.testing.fleet import ORIGIN, example_facts

FACTS = example_facts(4, 2.0, seed=5, step_s=60.0)
RULES = RulesDeclared(
    fact_id="config:rules_declared:1",
    agent_id="",
    at=ORIGIN,
    seen_at=ORIGIN,
    source="config",
    alerts=tuple(CATALOG.alerts),
)


@pytest.fixture(name="facts")
def _facts(tmp_path):
    """A file of facts with the rules that were in force."""
    path = tmp_path / "facts.jsonl"
    path.write_bytes(b"".join(encode(fact) + b"\n" for fact in [RULES, *FACTS]))
    return path


@pytest.fixture(name="labels")
def _labels(tmp_path):
    """One incident that is found, and one that is not."""
    path = tmp_path / "labels.json"
    found = {"name": "bleed", "agent_id": "cedar", "alert": "PFDrawdownFast", "onset": ORIGIN, "bound_s": 7200}
    missed = {"name": "gone", "agent_id": "dahlia", "alert": "PFAgentDown", "onset": ORIGIN, "bound_s": 60}
    path.write_text(json.dumps([found, missed]), encoding="utf-8")
    return path


def asked(*arguments):
    """The JSON document of a backtest."""
    done = CliRunner().invoke(cli, ["backtest", "--json", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_recorded_rules(facts, labels):
    """Alerts, pages, halts and the score, as one document."""
    document = asked("--facts", facts, "--labels", labels)
    (run,) = document["runs"]
    assert (run["rules"], run["facts"], run["left_out"]) == ("recorded", len(FACTS) + 1, 0)
    assert {one["alert"] for one in run["alerts"]} >= {"PFDrawdownFast", "PFDailyLossLimit"}
    assert [one["caught"] for one in run["score"]["incidents"]] == [True, False]
    assert run["score"]["recall"] == 0.5
    assert document["begun_after_fact"] == 0
    assert all(page["false_page"] in (True, False, None) for page in run["pages"])


def test_a_history_without_rules_is_judged_by_the_catalog(tmp_path):
    """What was only watched is judged as a new service would."""
    path = tmp_path / "watched.jsonl"
    path.write_bytes(b"".join(encode(fact) + b"\n" for fact in FACTS))
    (run,) = asked("--facts", path)["runs"]
    assert run["rules"] == "catalog"
    assert run["alerts"]
    assert [one["rules"] for one in asked("--facts", path, "--rules", "catalog")["runs"]] == ["catalog"]


def test_rules_of_a_file_stand_beside_the_recorded_ones(facts, tmp_path):
    """Limits that nobody reaches fire no drawdown, and the recorded ones are told in the same breath."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("alerts: {disabled: [PFDrawdownFast, PFDailyLossLimit]}\n", encoding="utf-8")
    recorded, other = asked("--facts", facts, "--rules", rules)["runs"]
    assert (recorded["rules"], other["rules"]) == ("recorded", str(rules))
    assert "PFDrawdownFast" not in {one["alert"] for one in other["alerts"]}
    assert other["judged"] == recorded["judged"] - 2
    text = CliRunner().invoke(cli, ["backtest", "--facts", str(facts), "--rules", str(rules)]).stdout
    assert "agents halted" in text.splitlines()[-3]


def test_the_baseline_of_the_guides(facts, labels):
    """`--rules baseline` runs the guides' own rules over the same facts and says which it cannot run."""
    _, baseline = asked("--facts", facts, "--labels", labels, "--rules", "baseline")["runs"]
    assert baseline["rules"] == "baseline"
    assert baseline["alerts"]
    assert baseline["score"]["incidents"][0]["caught"]
    assert baseline["not_evaluated"]


@pytest.mark.parametrize("arguments", [[], ["--facts", "{facts}", "--state", "."]])
def test_one_history_is_named(facts, arguments):
    """Neither and both are refused, with what to write."""
    done = CliRunner().invoke(cli, ["backtest", *(one.format(facts=facts) for one in arguments)])
    assert (done.exit_code, "name the history" in done.output) == (2, True)


def test_bad_rules_are_refused_with_every_mistake(facts, tmp_path):
    """A typing mistake in the rules ends with the key and the remedy, and nothing is replayed."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("limits: {nothing: 1}\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["backtest", "--facts", str(facts), "--rules", str(rules)])
    assert (done.exit_code, "nothing, no limits of the catalog" in done.output) == (2, True)


def test_progress_is_told_on_standard_error(facts, monkeypatch):
    """A long history says how far it is, apart from the data."""
    monkeypatch.setattr(command, "TELL_EVERY", 1_000)
    done = CliRunner().invoke(cli, ["backtest", "--facts", str(facts)])
    assert "  1,000 facts" in done.stderr
    assert "  1,000 facts" not in done.stdout


def test_a_state_directory_gives_what_the_service_delivered(tmp_path):
    """The alerts and pages of a backtest are the rows that the live service committed, to the second."""
    state = tmp_path / "state"
    state.mkdir()
    asyncio.run(_lived(state / "fleawatch.db"))
    with sqlite3.connect(state / "fleawatch.db") as database:
        outputs = [decode_output(body) for (body,) in database.execute("SELECT body FROM outputs ORDER BY id")]
    database.close()
    fired = [
        (one.alert, one.agent_id, one.at) for one in outputs if isinstance(one, AlertChange) and one.change == "fired"
    ]
    paged = {(one.group, one.at) for one in outputs if isinstance(one, Delivery) and one.kind == "alert"}
    for named in (("--state", state), ("--facts", state), ("--facts", state / "fleawatch.db")):
        (run,) = asked(*named)["runs"]
        assert [(one["alert"], one["agent_id"], one["fired_at"]) for one in run["alerts"]] == fired
        assert {(one["page_id"], one["at"]) for one in run["pages"]} <= paged
        assert run["pages"]


async def _lived(path):
    """A service that is given the facts, in pieces, and restarted in the middle."""
    clock = ManualClock(ORIGIN)
    for facts in ([RULES, *FACTS[:1_500]], FACTS[1_500:]):
        config = Config.model_validate({"agents": [{"id": "example", "health_url": "http://127.0.0.1:1"}]})
        service = Service(
            config, clock, open_store=lambda: SqliteStore(path), open_platform=lambda: None, agents=(),
            exposition=Exposition(CATALOG),
        )  # fmt: skip
        await service.monitor.recover()
        for begin in range(0, len(facts), 50):
            await service.monitor.book(facts[begin : begin + 50])
        await service.monitor.close()
