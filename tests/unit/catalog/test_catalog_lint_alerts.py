"""Each rule about alerts and limits finds what it is for."""

from dataclasses import replace

import pytest

from fleawatch.catalog.fleet import CATALOG, checked
from fleawatch.catalog.lint import RULES, lint
from fleawatch.catalog.query import Select, Threshold
from fleawatch.catalog.spec import Clear, Limit, Minimum
from fleawatch.errors import CatalogError

HERE = "alert PFThing"
equity = Select("pf_equity_usdc")


class TestWhole:
    def test_clean(self):
        """The catalog of the project has no findings."""
        assert lint(CATALOG) == ()

    def test_rules_are_documented(self):
        """Every rule says in a sentence what it holds."""
        assert [rule.__name__ for rule in RULES if not (rule.__doc__ or "").endswith(".")] == []

    def test_refused(self, metric):
        """A catalog with findings is refused with all of them in the message."""
        broken = replace(CATALOG, metrics={**CATALOG.metrics, "bad": metric(name="bad", help="")})
        with pytest.raises(CatalogError, match=r"(?s)metric-name.*unit-suffix.*help-form"):
            checked(broken)

    def test_accepted(self):
        """A sound catalog is handed back as it is."""
        assert checked(CATALOG) is CATALOG


class TestComplete:
    def test_sound(self, codes, alert):
        """An alert that keeps every rule is not mentioned."""
        assert codes(alerts=[alert()]) == []

    @pytest.mark.parametrize("field", ["summary", "description", "family"])
    def test_missing_words(self, codes, alert, field):
        """An alert has a summary, a description and a family."""
        assert codes(alerts=[alert(**{field: ""})]) == [(f"no-{field}", HERE)]

    def test_missing_severity(self, codes, alert):
        """An alert has a severity, and with it a route."""
        assert codes(alerts=[alert(severity="")]) == [("no-route", HERE), ("no-severity", HERE)]

    def test_missing_runbook(self, codes, alert):
        """An alert has a runbook."""
        assert codes(alerts=[alert(runbook="")]) == [("no-runbook", HERE)]

    def test_foreign_runbook(self, codes, alert):
        """A runbook has the name of its alert."""
        assert codes(alerts=[alert(runbook="Other")]) == [("runbook-name", HERE)]

    @pytest.mark.parametrize("name", ["Thing", "PFthing", "PF_Thing", "PF"])
    def test_name(self, codes, alert, name):
        """An alert's name is PF and CamelCase."""
        assert codes(alerts=[alert(name=name, runbook=name)]) == [("alert-name", f"alert {name}")]

    @pytest.mark.parametrize(
        "change", [{"hold_s": -1.0}, {"keep_firing_s": -1.0}, {"samples": 0}, {"clear": Clear(good_s=-1.0)}]
    )
    def test_times(self, codes, alert, change):
        """Times are not negative, and at least one sample is needed."""
        assert codes(alerts=[alert(**change)]) == [("alert-time", HERE)]

    def test_minimum(self, codes, alert):
        """A minimum is held against a declared limit."""
        assert codes(alerts=[alert(minimum=Minimum(of=equity, at_least="nothing"))]) == [("unknown-limit", HERE)]


class TestSides:
    def test_wrong_side(self, codes, alert):
        """A limit that is breached below is not asked with >."""
        assert codes(alerts=[alert(condition=equity > Threshold("balance_low"))]) == [("limit-direction", HERE)]

    def test_limit_first(self, codes, alert):
        """A limit on the left is found: its side, and what the alert shows, would be those of the limit."""
        assert codes(alerts=[alert(condition=Threshold("balance_low") > equity)]) == [("limit-left", HERE)]

    def test_clears_in_danger(self, codes, alert):
        """An alert that fires below 100 does not clear at 50."""
        wrong = Clear(levels=(("balance_low", "balance_critical"),))
        assert codes(alerts=[alert(clear=wrong)]) == [("clear-side", HERE)]

    def test_clears_above_the_threshold(self, codes, alert):
        """An alert that fires above a level does not clear at a higher one."""
        fires = alert(
            condition=Select("pf_agent_cpu_ratio") > Threshold("drawdown_warning"),
            clear=Clear(levels=(("drawdown_warning", "drawdown_critical"),)),
            description="x",
        )
        assert codes(alerts=[fires]) == [("clear-side", HERE)]

    def test_clears_on_the_safe_side(self, codes, alert):
        """An alert that fires below 100 may clear at 120."""
        assert codes(alerts=[alert(clear=Clear(levels=(("balance_low", "balance_low_clear"),)))]) == []

    def test_clears_nothing(self, codes, alert):
        """A clearing level for a limit that the condition does not use is found."""
        idle = Clear(levels=(("balance_critical", "balance_critical_clear"),))
        assert codes(alerts=[alert(clear=idle)]) == [("clear-unused", HERE)]

    def test_clears_at_nothing(self, codes, alert):
        """A clearing level is a declared limit."""
        assert codes(alerts=[alert(clear=Clear(levels=(("balance_low", "nothing"),)))]) == [("unknown-limit", HERE)]

    def test_off_until_set(self, codes, alert):
        """A limit without a default has no side to be wrong on."""
        open_limit = Limit(name="open", default=None, unit="usdc", direction="below", help="Open.")
        waiting = alert(condition=equity < open_limit, clear=Clear(levels=(("open", "balance_low"),)))
        assert codes(alerts=[waiting], limits=[open_limit]) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"clear": Clear(manual=True, levels=(("balance_low", "balance_low_clear"),))},
            {"clear": Clear(manual=True), "keep_firing_s": 60.0},
        ],
    )
    def test_manual_only(self, codes, alert, change):
        """What only a person resolves has no clearing level and no clearing time."""
        assert codes(alerts=[alert(**change)]) == [("clear-manual", HERE)]

    def test_limit_without_words(self, codes):
        """A limit says what it limits."""
        silent = Limit(name="silent", default=1.0, unit="1", direction="above", help="")
        assert codes(limits=[silent]) == [("limit-form", "limit silent")]


class TestTexts:
    @pytest.mark.parametrize(
        "text", ["{market}", "{value:colour}", "{limit:nothing}", "{agent_id:percent}", "{}", "{severity}"]
    )
    def test_says_nothing(self, codes, alert, text):
        """A placeholder that the alert cannot fill is found."""
        assert codes(alerts=[alert(summary=text)]) == [("placeholder", HERE)]

    @pytest.mark.parametrize(
        "text", ["{value}", "{value:percent}", "{value:duration}", "{limit:balance_low}", "{agent_id}"]
    )
    def test_says_something(self, codes, alert, text):
        """Labels, the value in a known form, and limits are filled."""
        assert codes(alerts=[alert(summary=text)]) == []

    def test_fleet_has_no_agent(self, codes, alert):
        """An alert about the fleet does not name an agent, unless its metrics do."""
        whole = alert(scope="fleet", condition=Select("pf_annotations_total").increase(60).sum() > 0, description="x")
        assert codes(alerts=[whole]) == [("placeholder", HERE)]
