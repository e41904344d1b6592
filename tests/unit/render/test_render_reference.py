"""The reference pages: what they hold, and how they are formed."""

import re
from dataclasses import replace

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.render.reference import HEADER, reference_pages

PAGES = reference_pages(CATALOG)


def _page(name, catalog=CATALOG):
    return reference_pages(catalog)[f"docs/reference/{name}.md"]


class TestPages:
    def test_paths(self):
        """There is a page for each kind of declaration."""
        kinds = ("metrics", "alerts", "spans", "logs", "limits", "labels", "aliases", "slos")
        assert set(PAGES) == {f"docs/reference/{kind}.md" for kind in kinds}

    @pytest.mark.parametrize("path", sorted(PAGES))
    def test_form(self, path):
        """A page begins with the warning, has a title, and ends with one newline."""
        lines = PAGES[path].split("\n")
        assert lines[0] == HEADER
        assert lines[2].startswith("# ")
        assert PAGES[path].endswith("\n")
        assert all(line == line.rstrip() for line in lines)

    @pytest.mark.parametrize("path", sorted(PAGES))
    def test_tables(self, path):
        """Every row of a table has as many cells as its head."""
        width = None
        for line in PAGES[path].split("\n"):
            cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
            assert cells is None or width is None or cells == width, line
            width = cells

    def test_deterministic(self):
        """The same catalog gives the same pages."""
        assert reference_pages(CATALOG) == PAGES

    @pytest.mark.parametrize(
        ("page", "section"),
        [
            ("metrics", "metrics"),
            ("metrics", "recordings"),
            ("alerts", "alerts"),
            ("spans", "spans"),
            ("spans", "attributes"),
            ("logs", "log_events"),
            ("limits", "limits"),
            ("aliases", "aliases"),
            ("aliases", "datadog"),
            ("slos", "slos"),
        ],
    )
    def test_complete(self, page, section):
        """Every declaration stands on its page."""
        text = _page(page)
        assert [name for name in getattr(CATALOG, section) if name not in text] == []

    def test_labels_complete(self):
        """Every label that a metric carries stands on the page of labels."""
        carried = {label.name for metric in CATALOG.metrics.values() for label in metric.labels}
        assert [name for name in carried if f"| `{name}` |" not in _page("labels")] == []

    @pytest.mark.parametrize("path", sorted(PAGES))
    def test_links_within_the_page(self, path):
        """A link within a page has a heading to go to."""
        headings = {line.lstrip("# ").lower() for line in PAGES[path].split("\n") if line.startswith("#")}
        assert [anchor for anchor in re.findall(r"\]\(#([^)]+)\)", PAGES[path]) if anchor not in headings] == []


class TestContent:
    def test_metric(self):
        """A metric's section says type, unit, owner, labels, values and buckets."""
        section = _page("metrics").split("## pf_order_latency_seconds\n")[1].split("\n## ")[0]
        assert "- histogram, unit seconds, exported by the agent" in section
        assert "- labels: `agent_id`, `endpoint`, `order_type`, `status`" in section
        assert "- buckets: 0.002, 0.005" in section
        assert "alias `pf_order_latency_ms`: 1000 x sum of" in section

    def test_alert(self):
        """An alert's section says when it fires, how it clears, and what it does."""
        section = _page("alerts").split("## PFDrawdownCritical\n")[1].split("\n## ")[0]
        assert "- fires when: pf_drawdown_ratio{window=all_time} > `drawdown_critical`" in section
        assert "- holds for: 1m" in section
        assert "`drawdown_critical` (0.15) is replaced by `drawdown_critical_clear` (0.12)" in section
        assert "action: reduce" in section
        assert "{limit:" not in section

    @pytest.mark.parametrize(
        ("name", "line"),
        [
            ("PFDrawdownHalt", "- clears: by hand only"),
            ("PFWalletBalanceExhausted", "- holds for: 2 readings in a row"),
            ("PFOrderLoop", "- clears: after 10m without the condition"),
            ("PFAgentDown", "- clears: after 2m in the clear"),
            ("PFLargeWin", "- clears: at once"),
            ("PFEscrowExpired", "- clears: when the condition no longer holds"),
            ("PFUnhaltable", "- sent to: every channel"),
            ("PFAnomalyLoss", "- critical when also:"),
            ("PFSharpeLow", "- judged only when: pf_returns_in_window{window=30d} is at least `sharpe_returns` (500)"),
        ],
    )
    def test_ways_to_clear(self, name, line):
        """Each way to hold, clear and send is said."""
        section = _page("alerts").split(f"## {name}\n")[1].split("\n## ")[0]
        assert line in section

    def test_limit_off(self):
        """A limit that is off until configured says so."""
        assert "| `daily_loss_usdc` | off | usdc | above |" in _page("limits")

    def test_pipe_in_a_cell(self):
        """A bar inside a cell is escaped."""
        metric = replace(CATALOG.metrics["pf_equity_usdc"], help="This | that.")
        page = _page("metrics", replace(CATALOG, metrics={**CATALOG.metrics, metric.name: metric}))
        assert "| This \\| that. |" in page
