"""The files through which Prometheus and Alertmanager halt: what is in them, and what is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fleawatch.catalog import query as q
from fleawatch.catalog.fleet import CATALOG
from fleawatch.errors import CatalogError
from fleawatch.render.halts import alertmanager_config, halt_files, halt_rules
from fleawatch.render.promql import condition

ROOT = Path(__file__).parents[3]
LIMITS = {name: limit.default for name, limit in CATALOG.limits.items()}


def rules(text):
    (group,) = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


@pytest.mark.parametrize("path", sorted(halt_files(CATALOG)))
def test_no_drift(path):
    """A file in the repository equals the rendered one; `fleawatch render halts` brings it up to date."""
    assert (ROOT / path).read_text(encoding="utf-8") == halt_files(CATALOG)[path]


def test_every_alert_that_halts_is_a_rule_and_no_other():
    """With the labels by which it is routed and by which the service knows what to do."""
    found = rules(halt_rules(CATALOG))
    assert set(found) == {alert.name for alert in CATALOG.alerts.values() if alert.action == "halt"}
    for name, rule in found.items():
        labels = {"severity": "critical", "pf_family": "drawdown", "pf_scope": "agent", "pf_action": "halt"}
        assert rule["labels"] == labels
        assert rule["annotations"]["summary"].startswith("{{ $labels.agent_id }} "), name


def test_limits_are_those_of_the_operator():
    """A limit that is off takes its comparison with it, and a rule that has no other."""
    found = rules(halt_rules(CATALOG, {"drawdown_halt": None, "daily_loss_ratio": None, "daily_loss_usdc": 50.0}))
    assert "PFDrawdownHalt" not in found
    assert found["PFDailyLossLimit"]["expr"] == "pf_daily_loss_usdc > 50.0"
    assert rules(halt_rules(CATALOG, {"drawdown_halt": 0.4}))["PFDrawdownHalt"]["expr"].endswith("> 0.4")


def test_holding_and_going_on_are_said():
    """Fractions of a second too, for those who evaluate that often."""
    alert = replace(CATALOG.alerts["PFDrawdownHalt"], hold_s=60.0, keep_firing_s=0.5)
    text = halt_rules(replace(CATALOG, alerts={alert.name: alert}), interval_s=0.1)
    assert "interval: 100ms" in text
    (rule,) = rules(text).values()
    assert (rule["for"], rule["keep_firing_for"]) == ("1m", "500ms")


def test_alertmanager_sends_halts_to_the_service_and_nothing_else_anywhere():
    """At once, with a token from a file; what does not halt is left to the operator's own routes."""
    found = yaml.safe_load(alertmanager_config(CATALOG, url="http://h:1/halt", credentials_file="/t"))
    (route,) = found["route"]["routes"]
    assert (route["matchers"], route["group_wait"]) == (['pf_action="halt"'], "0s")
    nobody, halts = found["receivers"]
    assert (found["route"]["receiver"], nobody) == ("nobody", {"name": "nobody"})
    (webhook,) = halts["webhook_configs"]
    assert webhook == {
        "url": "http://h:1/halt",
        "send_resolved": False,
        "http_config": {"authorization": {"credentials_file": "/t"}},
    }


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({}, "m > 0"),
        ({"a": "x"}, 'm{a="x"} > 0'),
        ({"a": ("x", "y")}, 'm{a=~"x|y"} > 0'),
    ],
)
def test_filters(where, said):
    """One value is compared, several are alternatives."""
    assert condition(q.Select("m", q.matches(where)) > 0.0, LIMITS) == said


def test_filters_that_exclude():
    """The same, negated."""
    assert condition(q.Select("m").excluding(a="x") > 0.0, LIMITS) == 'm{a!="x"} > 0'
    assert condition(q.Select("m").excluding(a=("x", "y")) > 0.0, LIMITS) == 'm{a!~"x|y"} > 0'


@pytest.mark.parametrize(
    ("node", "named"), [(q.event("x"), "Event"), (q.Select("m").delta(60.0) > 0.0, "Delta"), (q.Always(), "Always")]
)
def test_what_has_no_form_is_refused(node, named):
    """By its name, so that no rule is written that means something else."""
    with pytest.raises(CatalogError, match=named):
        condition(node, LIMITS)


def test_a_condition_that_can_never_hold_is_none():
    """Both sides of an Or are off, or the share of a limit that is off."""
    off = dict.fromkeys(LIMITS)
    assert condition(CATALOG.alerts["PFDailyLossLimit"].condition, off) is None
