"""Rules and labels from files: the configuration's own schema, a whole configuration, and every mistake at once."""

import json

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.errors import BadConfig
from fleawatch.events import RulesDeclared
from fleawatch.events.control import HaltingTerms
from fleawatch.flow.rules import policy_of
from fleawatch.service.labels_file import load_labels
from fleawatch.service.load import load_rules
from fleawatch.service.rules_file import RulesFile, substitute

RECORDED = RulesDeclared(
    fact_id="r", agent_id="", at=1, seen_at=1, source="config", alerts=("PFAgentDown",), routing="{}",
    halting=HaltingTerms(act=False),
)  # fmt: skip


def written(tmp_path, text):
    """A file with this text."""
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_only_sections_about_rules(tmp_path):
    """Limits by fleet, strategy and agent, and disabled alerts, become the rules in force."""
    path = written(
        tmp_path,
        "alerts: {disabled: [PFDrawdownFast]}\nlimits: {drawdown_halt: 0.3}\n"
        "strategies: {dice: {limits: {drawdown_halt: 0.4}}}\nagents: [{id: a-1, limits: {drawdown_halt: null}}]\n",
    )
    policy = policy_of(substitute(load_rules(path))(None))
    assert "PFDrawdownFast" not in {alert.name for alert in policy.alerts}
    assert policy.limit("drawdown_halt") == 0.3
    assert policy.limit("drawdown_halt", strategy="dice") == 0.4
    assert policy.limit("drawdown_halt", "a-1", "dice") is None


def test_a_whole_configuration_is_taken_as_it_is(tmp_path):
    """Sections and keys that say nothing about rules are not looked at."""
    path = written(
        tmp_path,
        "listen: {port: 9000}\nplatform: {layout: services}\nlimits: {drawdown_halt: 0.3}\n"
        "notify: {channels: {chat: {kind: log}}}\nactuate: {alerts: false}\n"
        "agents: [{id: a-1, strategy: dice, keys: {casino: {env: NOWHERE}}, limits: {drawdown_halt: 0.1}}]\n",
    )
    policy = policy_of(substitute(load_rules(path))(RECORDED))
    assert policy.limit("drawdown_halt", "a-1") == 0.1
    assert [channel.name for channel in policy.routing.channels] == ["chat"]
    assert policy.halting.act is False


def test_what_the_file_does_not_say_is_as_recorded():
    """Routing and terms of halting stay, alerts and limits do not."""
    rules = substitute(RulesFile())(RECORDED)
    assert (rules.routing, rules.halting) == (RECORDED.routing, RECORDED.halting)
    assert rules.alerts == tuple(CATALOG.alerts)
    assert substitute(RulesFile())(None).halting == HaltingTerms()


def test_every_mistake_of_rules_is_told_at_once(tmp_path):
    """Unknown keys, limits and alerts are refused, with the key, the value and the remedy."""
    path = written(
        tmp_path, "limit: {}\nlimits: {drawdown_hlt: 0.3}\nalerts: {disabled: [PFNothing]}\nagents: [{name: a}]\n"
    )
    with pytest.raises(BadConfig) as refused:
        load_rules(path)
    told = str(refused.value)
    for part in ("did you mean limits?", "drawdown_hlt", "PFNothing", "agents[0].id: was missing", "agents[0].name"):
        assert part in told


def test_channels_that_disagree_are_a_mistake(tmp_path):
    """Nobody who takes critical alerts is refused here as it is at a service's start."""
    path = written(tmp_path, "notify: {channels: {chat: {kind: log, severities: [info]}}}\n")
    with pytest.raises(BadConfig, match="critical"):
        load_rules(path)


def test_labels(tmp_path):
    """A JSON or YAML list of incidents."""
    entry = {
        "name": "drain",
        "alert": "PFOutflowHigh",
        "onset": 1.8e9,
        "bound_s": 90,
        "agent_id": "a-1",
        "end": "frozen",
    }
    path = written(tmp_path, json.dumps([entry]))
    (label,) = load_labels(path)
    assert (label.name, label.end, label.until, label.others) == ("drain", "frozen", None, ())
    assert load_labels(written(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[{name: a, alert: PFNo, onset: -1, bound_s: x, extra: 1}]",
         ("[0].alert", "[0].onset", "[0].bound_s", "[0].extra: is not a key")),
        ("[{name: a}]", ("[0].alert: was missing", "[0].onset: was missing", "[0].bound_s: was missing")),
        ("[3]", ("[0]: was int",)),
        ("a: b", ("write a list",)),
        ("[", ("neither YAML nor JSON",)),
        (f"[{{name: {'n' * 200}, alert: PFAgentDown, onset: 1, bound_s: 1}}]", ("[0].name", "...")),
    ],
)  # fmt: skip
def test_mistakes_in_labels(tmp_path, text, parts):
    """Each entry's mistakes are told with the field, the value and what to write."""
    with pytest.raises(BadConfig) as refused:
        load_labels(written(tmp_path, text))
    for part in parts:
        assert part in str(refused.value)


def test_labels_that_are_not_there(tmp_path):
    """A file that cannot be read is named."""
    with pytest.raises(BadConfig, match="could not be read"):
        load_labels(tmp_path / "none.yaml")
