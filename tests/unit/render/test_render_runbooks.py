"""Runbooks as pages: the frame around the texts, and the index."""

import re
from dataclasses import replace

import pytest

from fleawatch.catalog.assembly import by_name
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.runbook import SECTIONS, text_name
from fleawatch.render.runbooks import HEADER, filled, held_back_by, limits_of, runbook_page, runbook_pages

TEXT = "\n".join(f"## {title}\n\nWords.\n" for title in SECTIONS)
TEXTS = {text_name(alert): TEXT for alert in CATALOG.alerts.values()}
PAGES = runbook_pages(CATALOG, TEXTS)


def page(name):
    return PAGES[f"docs/runbooks/{name}.md"]


class TestPages:
    def test_paths(self):
        """There is a page for each alert, and an index."""
        assert set(PAGES) == {f"docs/runbooks/{name}.md" for name in (*CATALOG.alerts, "README")}

    @pytest.mark.parametrize("path", sorted(PAGES))
    def test_form(self, path):
        """A page begins with the warning, has a title, and ends with one newline."""
        lines = PAGES[path].split("\n")
        assert lines[0] == HEADER
        assert lines[2].startswith("# ")
        assert PAGES[path].endswith("\n")
        assert not PAGES[path].endswith("\n\n")
        assert all(line == line.rstrip() for line in lines)

    def test_index(self):
        """The index leads to every page."""
        assert [name for name in CATALOG.alerts if f"]({name}.md)" not in page("README")] == []

    def test_index_speaks(self):
        """The index gives each message in words, without the slots that only a case fills."""
        line = next(line for line in page("README").split("\n") if "(PFNotificationFailing.md)" in line)
        assert line.endswith("| Notifications through CHANNEL fail |")
        assert "| AGENT has done nothing for X |" in page("README")
        assert not re.search(r"[{}]", page("README"))

    def test_missing_text(self):
        """An alert without a text is no page."""
        with pytest.raises(KeyError, match="PFTotalLoss"):
            runbook_pages(CATALOG, {name: text for name, text in TEXTS.items() if name != "PFTotalLoss"})


class TestFrame:
    def test_halt(self):
        """The frame says severity, action, condition, hold, clearing, family and limits."""
        text = page("PFDrawdownCritical")
        for line in (
            "- critical, agent scope, family drawdown",
            "- action: reduce",
            "- fires when: pf_drawdown_ratio{window=all_time} > `drawdown_critical`",
            "- holds for: 1m",
            "- clears: `drawdown_critical` (0.15) is replaced by `drawdown_critical_clear` (0.12) while it fires",
            "- held back while one of these fires: [PFAgentDown](PFAgentDown.md)",
            "| `drawdown_critical` | 0.15 | ratio | above | Current drawdown: only reduce positions. |",
        ):
            assert line in text.split("\n")
        assert "[PFDrawdownHalt](PFDrawdownHalt.md)" in text
        assert text.endswith(TEXT.strip() + "\n")

    def test_follows_the_declaration(self):
        """Another default in the catalog is another number on the page, in frame and text."""
        limit = replace(CATALOG.limits["drawdown_halt"], default=0.5)
        catalog = replace(CATALOG, limits=by_name((*_but(CATALOG.limits, limit.name), limit), "limits"))
        text = runbook_page(catalog, catalog.alerts["PFDrawdownHalt"], {"PFDrawdownHalt": "At {limit:drawdown_halt}."})
        assert "| `drawdown_halt` | 0.5 |" in text
        assert text.endswith("At `drawdown_halt` (50 %).\n")

    def test_escalation_minimum_and_channels(self):
        """What makes it graver, from how much on it is judged, and where it is sent besides."""
        assert "- critical when also: " in page("PFAnomalyLoss")
        assert "- judged only when: " in page("PFOrderLatencyHigh")
        assert "- sent to: every channel" in page("PFUnhaltable")

    def test_at_once(self):
        """An alert without a hold fires at once; readings that must agree are counted."""
        assert "- holds for: fires at once" in page("PFTotalLoss")
        assert "- holds for: 2 readings in a row" in page("PFWalletBalanceExhausted")

    def test_without_limits(self):
        """A page without limits has no table of them."""
        assert "| Limit |" not in page("PFWatchdog")

    def test_shared_text(self):
        """Alerts of one objective have their own frame around the same text."""
        assert "PFApiBudgetBurn1h\n" in page("PFApiBudgetBurn1h")
        assert "`burn_1h`" in page("PFApiBudgetBurn1h")
        assert "`burn_1h`" not in page("PFApiBudgetBurn3d")


class TestLimits:
    def test_all_of_them(self):
        """The limits of a condition, its clearing, its minimum, its escalation and of the text."""
        alert = CATALOG.alerts["PFAnomalyLoss"]
        assert limits_of(CATALOG, alert, "{limit:anomaly_z}") == ("anomaly_repeats", "anomaly_z")
        latency = CATALOG.alerts["PFOrderLatencyHigh"]
        assert limits_of(CATALOG, latency, "") == ("order_latency_high", "order_latency_high_clear", "orders_judged")

    @pytest.mark.parametrize(
        ("name", "shown"),
        [
            ("drawdown_halt", "`drawdown_halt` (20 %)"),
            ("anomaly_return", "`anomaly_return` (-2 %)"),
            ("balance_low", "`balance_low` (100)"),
            ("daily_loss_usdc", "`daily_loss_usdc` (off)"),
        ],
    )
    def test_filled(self, name, shown):
        """A limit in a text is shown with its default: a ratio in percent, anything else as it is declared."""
        assert filled(f"{{limit:{name}}}", CATALOG.limits) == shown


class TestHeldBack:
    def test_by_the_graver(self):
        """A warning is held back by the critical alerts of its family, and by the agent being down."""
        assert held_back_by(CATALOG, CATALOG.alerts["PFOrderLatencyHigh"]) == ("PFAgentDown", "PFOrderLatencyCritical")

    def test_other_scope(self):
        """What is said of the fleet is held back by nothing: only alerts of the same agent hold each other back."""
        fleet = [alert for alert in CATALOG.alerts.values() if alert.scope == "fleet"]
        assert [alert.name for alert in fleet if held_back_by(CATALOG, alert)] == []

    def test_not_by_itself(self):
        """An alert does not hold itself back."""
        assert held_back_by(CATALOG, CATALOG.alerts["PFAgentDown"]) == ()

    def test_by_what_may_become_graver(self):
        """A warning that can become critical holds the warnings of its family back."""
        assert held_back_by(CATALOG, CATALOG.alerts["PFRegimeChange"]) == ("PFAgentDown", "PFAnomalyLoss")


def _but(declared, name):
    return (one for known, one in declared.items() if known != name)


def test_links_are_pages():
    """Every link between the pages leads to a page."""
    for path, text in PAGES.items():
        for target in re.findall(r"\]\((?!\.\./)([^)#]+)\)", text):
            assert f"docs/runbooks/{target}" in PAGES, path
